use clap::Args;
use hoist::plan::{DnsPlan, NamesPlan, Via};

use super::probe::ViaArg;
use super::said::Refused;

/// How the names of hosts are looked up.
#[derive(Debug, Args)]
pub(super) struct NamesArgs {
    /// Look names up there: as resolv.conf says, by the system, or at a server; repeatable
    /// [default: resolv-conf]
    #[arg(long, value_name = "resolv-conf|system|dns://IP:PORT")]
    pub(super) via: Vec<ViaArg>,
}

impl NamesArgs {
    /// Whom to ask, and how short names are completed.
    pub(super) fn plan(&self) -> Result<(DnsPlan, NamesPlan), Refused> {
        let variable =
            |name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned());
        let machine = rustix::system::uname();
        let names = NamesPlan {
            search: variable("LOCALDOMAIN"),
            options: variable("RES_OPTIONS"),
            machine: Some(machine.nodename().to_string_lossy().into_owned()),
        };
        Ok((via(&self.via, "get")?, names))
    }
}

/// Whom to ask. Servers named outright stand alone: neither resolv.conf nor the hosts file has a
/// say then.
pub(super) fn via(typed: &[ViaArg], command: &'static str) -> Result<DnsPlan, Refused> {
    let default = DnsPlan::default();
    if typed.is_empty() {
        return Ok(default);
    }
    if typed.contains(&ViaArg::System) {
        if typed.iter().any(|via| *via != ViaArg::System) {
            let message = "--via system asks the system alone; leave out the other --via";
            return Err(Refused::Usage(command, message.to_owned()));
        }
        return Ok(DnsPlan { via: Via::System, ..default });
    }
    let servers = typed.iter().filter_map(|via| match via {
        ViaArg::Server(address) => Some(*address),
        _ => None,
    });
    let servers: Vec<_> = servers.collect();
    if typed.contains(&ViaArg::ResolvConf) {
        let via = match default.via {
            Via::Dns { resolv_conf, .. } => Via::Dns { resolv_conf, servers },
            Via::System => Via::System,
        };
        return Ok(DnsPlan { via, ..default });
    }
    Ok(DnsPlan { via: Via::Dns { resolv_conf: None, servers }, hosts: None, ..default })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(plan: DnsPlan) -> Option<(bool, usize, bool)> {
        let hosts = plan.hosts.is_some();
        match plan.via {
            Via::Dns { resolv_conf, servers } => {
                Some((resolv_conf.is_some(), servers.len(), hosts))
            }
            Via::System => None,
        }
    }

    #[test]
    fn named_servers_stand_alone() {
        let server = ViaArg::Server(([127, 0, 0, 1], 53).into());
        let plan = |typed: &[ViaArg]| via(typed, "get").map(servers).ok();
        assert_eq!(plan(&[]), Some(Some((true, 0, true))));
        assert_eq!(plan(std::slice::from_ref(&server)), Some(Some((false, 1, false))));
        assert_eq!(plan(&[ViaArg::ResolvConf, server.clone()]), Some(Some((true, 1, true))));
        assert_eq!(plan(&[ViaArg::System]), Some(None));
        assert_eq!(plan(&[ViaArg::System, server]), None);
    }
}

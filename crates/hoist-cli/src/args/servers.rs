use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::Args;
use hoist::plan::{DnsPlan, Windows, defaults};

use super::header_file::{bad_line, text};
use super::names;
use super::probe::ViaArg;
use super::said::Refused;
use super::values;

/// Bytes of a file of servers, at most: some 200,000.
const MAX_FILE: u64 = 4 << 20;

/// Whom a probe asks, and how much at once.
#[derive(Debug, Args)]
pub(super) struct ServersArgs {
    /// Ask the DNS servers in FILE too, one a line: IP, IP:PORT, [IPv6]:PORT or dns://...
    #[arg(short, long, value_name = "FILE")]
    resolvers: Option<PathBuf>,
    /// Queries under way to one server [default: as many as it answers best, found out on the way]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = values::some::<NonZeroUsize>)]
    window: Option<NonZeroUsize>,
    /// Queries per second over all servers, at most
    #[arg(long, value_name = "R")]
    #[arg(value_parser = values::some::<NonZeroU32>)]
    rate: Option<NonZeroU32>,
}

impl ServersArgs {
    /// Whom to ask. `typed` are those of `--via`.
    pub(super) fn plan(&self, typed: &[ViaArg]) -> Result<DnsPlan, Refused> {
        let usage = |message: &str| Err(Refused::Usage("probe", message.to_owned()));
        if typed.contains(&ViaArg::System) {
            let option = match self {
                Self { resolvers: Some(_), .. } => Some("--resolvers"),
                Self { window: Some(_), .. } => Some("--window"),
                Self { rate: Some(_), .. } => Some("--rate"),
                _ => None,
            };
            if let Some(option) = option {
                return usage(&format!("{option} is for DNS servers, and --via system asks none"));
            }
        }
        let mut all = typed.to_vec();
        if let Some(file) = &self.resolvers {
            all.extend(read(file)?.into_iter().map(ViaArg::Server));
        }
        let windows = Windows { window: self.window, rate: self.rate };
        Ok(DnsPlan { windows, ..names::via(&all, "probe")? })
    }

    /// Names at once: as typed, or as many as fill the window.
    pub(super) fn in_flight(&self, typed: Option<NonZeroUsize>) -> NonZeroUsize {
        let default = defaults::PROBE_IN_FLIGHT;
        typed.unwrap_or_else(|| self.window.map_or(default, |window| window.max(default)))
    }
}

/// The servers in a file, one a line; blank lines and those that begin with # are skipped.
fn read(path: &Path) -> Result<Vec<SocketAddr>, Refused> {
    let text = text(path, MAX_FILE)?;
    let mut servers = Vec::new();
    for (n, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            servers.push(server(line).ok_or_else(|| {
                bad_line(
                    path,
                    n,
                    "it is a server as 192.0.2.1, 192.0.2.1:5300, [2001:db8::1]:5300 or \
                     dns://192.0.2.1; port 53 unless given",
                )
            })?);
        }
    }
    if servers.is_empty() {
        let message = format!("{} names no server: write one a line", path.display());
        return Err(Refused::Usage("probe", message));
    }
    Ok(servers)
}

fn server(line: &str) -> Option<SocketAddr> {
    let line = line.strip_prefix("dns://").unwrap_or(line);
    if let Ok(address) = line.parse::<SocketAddr>() {
        // Nobody listens at port 0.
        return (address.port() > 0).then_some(address);
    }
    let bare = line.strip_prefix('[').and_then(|s| s.strip_suffix(']')).unwrap_or(line);
    bare.parse::<IpAddr>().ok().map(|ip| (ip, 53).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        match read(file.path()) {
            Ok(servers) => Ok(servers.iter().map(ToString::to_string).collect()),
            Err(Refused::Unusable(why) | Refused::Usage(_, why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn servers_are_read_from_a_file() {
        let text = "# resolvers\n192.0.2.1\n\n 192.0.2.2:5300  # ours\r\n[2001:db8::1]:5300\n\
                    2001:db8::2\n[2001:db8::3]\ndns://192.0.2.3\ndns://[::1]:54\n";
        let expected = [
            "192.0.2.1:53",
            "192.0.2.2:5300",
            "[2001:db8::1]:5300",
            "[2001:db8::2]:53",
            "[2001:db8::3]:53",
            "192.0.2.3:53",
            "[::1]:54",
        ];
        assert_eq!(read_text(text).unwrap(), expected);
        let wrong = read_text("192.0.2.1\n\nns.example\n").unwrap_err();
        assert!(wrong.contains(", line 3: ") && wrong.contains("192.0.2.1:5300"), "{wrong}");
        for line in ["192.0.2.1:99999", "192.0.2.1:0", "192.0.2", "dns://", "192.0.2.1 192.0.2.2"] {
            assert!(read_text(line).unwrap_err().contains("line 1"), "{line}");
        }
        for none in ["", "\n# nobody\n"] {
            assert!(read_text(none).unwrap_err().contains("names no server"), "{none:?}");
        }
    }
}

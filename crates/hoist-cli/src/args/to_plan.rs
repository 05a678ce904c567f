//! From what was typed to what the engine runs.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hoist::plan::{
    DnsPlan, Existing, Family, Patience, ProbePlan, Question, RequestPlan, ShardLimits, SinkPlan,
    TlsPlan, Via, Wildcards,
};
use hoist::{GetPlan, plan::Limits};
use http::HeaderValue;
use http::header::USER_AGENT;
use rustix::fd::AsFd;

use super::flags::FlagsJob;
use super::get::{GetArgs, GetFormat, GetJob, Header, Saving, Shards};
use super::input::{self, Given};
use super::naming;
use super::network;
use super::probe::{ProbeArgs, ProbeJob};
use super::roots;
use super::said::Refused;

/// Where `hoist flags` saves.
const FLAGS_FOLDER: &str = "downloaded";

impl ProbeArgs {
    pub(super) fn into_job(self) -> Result<ProbeJob, Refused> {
        let question = self.answers.question().map_err(|why| Refused::Usage("probe", why))?;
        let plan = ProbePlan {
            limits: Limits { in_flight: self.servers.in_flight(self.max), ..Limits::probe() },
            question,
            dns: DnsPlan {
                timeout: self.timeout,
                retries: self.retries,
                ..self.servers.plan(&self.via)?
            },
            wildcards: self.wildcards.plan(),
            deadline: self.deadline,
            output: None,
            seed: None,
        };
        if matches!(question, Question::Records(_)) && plan.wildcards != Wildcards::Keep {
            let message = "--wildcards tells by addresses; it goes with -t A, AAAA or A,AAAA";
            return Err(Refused::Usage("probe", message.to_owned()));
        }
        if let (Question::Records(_), Via::System) = (question, &plan.dns.via) {
            let message = "--via system tells addresses alone; other types are asked of servers: \
                           --via resolv-conf, or --via dns://IP:PORT";
            return Err(Refused::Usage("probe", message.to_owned()));
        }
        let words = input::Words::new(self.words, self.max_len, self.tlds);
        let given = Given { arguments: self.names, list: self.input, words, ..Given::default() };
        let input = match given.open()? {
            Some(input) => input,
            None => Given::words(input::Words::short_keywords())
                .open()?
                .ok_or_else(|| Refused::Usage("probe", "there is nothing to probe".to_owned()))?,
        };
        let only = self.answers.only();
        let Self { format, ordered, output, ledger, exit, .. } = self;
        let output = output.filter(|path| path.as_os_str() != "-");
        let on_record = output.as_deref().is_some_and(|path| input.is_list && can_be_cut(path));
        if let (false, Some(option)) = (on_record, ledger.needless()) {
            let message = format!("{option} is for a list with -o FILE: nothing else is on record");
            return Err(Refused::Usage("probe", message));
        }
        let ledger = on_record.then(|| ledger.plan(input.stdin.is_some()));
        let allowed = exit.fail_above;
        Ok(ProbeJob { plan, input, format, only, ordered, output, ledger, allowed })
    }
}

/// A file, or what can become one: no device, no pipe.
fn can_be_cut(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(meta) => meta.is_file(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

impl GetArgs {
    pub(super) fn into_job(self) -> Result<GetJob, Refused> {
        let saving = if self.output == Path::new("-") { Saving::Stdout } else { Saving::Files };
        if saving == Saving::Stdout {
            self.check_stdout()?;
        }
        let existing = self.naming.existing(self.input.is_none() && !self.urls.is_empty());
        let (template, naming) = self.naming.plan(naming::Into::of(saving, self.to.is_some()))?;
        let sink = match saving {
            Saving::Stdout => SinkPlan::Writer(standard_output()?),
            Saving::Files if let Some(Shards(shards)) = self.to => {
                let default = ShardLimits::default();
                let samples = self.shard_count.unwrap_or(default.samples);
                let bytes = self.shard_size.unwrap_or(default.bytes);
                let limits = ShardLimits { samples, bytes };
                SinkPlan::Tar { root: self.output, shards, limits, template }
            }
            Saving::Files => SinkPlan::Directory { root: self.output, template, existing },
        };
        if self.min_size > self.max_size {
            let message = "--min-size is more than --max-size: no body could be both";
            return Err(Refused::Usage("get", message.to_owned()));
        }
        let mut request = RequestPlan {
            max_redirects: self.max_redirects,
            accept: self.accept,
            min_body: self.min_size,
            max_body: self.max_size,
            ..RequestPlan::default()
        };
        let agent_given = self.headers.iter().any(|Header(name, _)| *name == USER_AGENT);
        say(&mut request, self.headers, self.user_agent);
        let mut patience = Patience {
            connect: self.connect_timeout,
            progress: self.timeout,
            retries: self.retries,
            ..Patience::default()
        };
        if let Some(deadline) = self.deadline {
            // Who names a time means that time, whatever the size.
            patience.deadline = deadline;
            patience.deadline_per_mib = Duration::ZERO;
        }
        let (dns, names) = self.names.plan()?;
        let decode = self.decode.plan();
        let large = self.large.plan(&sink, &naming, decode.is_some());
        let large = large.map_err(|message| Refused::Usage("get", message))?;
        let mut plan = GetPlan {
            limits: self.tuning.limits(self.max),
            patience,
            giving_up: self.giving_up.plan(),
            ceilings: self.ceilings.plan(),
            request,
            tls: TlsPlan {
                insecure: self.insecure,
                roots: match &self.cacert {
                    Some(file) => roots::from_file(file)?,
                    None => roots::system(),
                },
            },
            http: self.versions.plan(decode.is_some())?,
            sink,
            naming,
            hash: self.hash,
            decode,
            dns,
            names,
            large,
            ..GetPlan::default()
        };
        self.manners.apply(&mut plan, agent_given)?;
        plan.address.family = family(self.ipv4, self.ipv6);
        plan.address.overrides = self.overrides.into_iter().flat_map(|of| of.0).collect();
        self.network.apply(&mut plan, &network::variable)?;
        let form = self.list.form(!self.urls.is_empty())?;
        let given = Given { arguments: self.urls, list: self.input, words: None, form };
        let Some(input) = given.open()? else {
            let message = "there is nothing to get: name URLs, or a list with -i FILE, or pipe \
                           one in";
            return Err(Refused::Usage("get", message.to_owned()));
        };
        let Self { format, ordered, quiet, ledger, exit, .. } = self;
        let mut on_record = None;
        if let (SinkPlan::Directory { root, .. } | SinkPlan::Tar { root, .. }, true) =
            (&plan.sink, input.is_list)
        {
            on_record = Some(root.clone());
            plan.ledger = Some(ledger.plan(input.stdin.is_some()));
        } else if let SinkPlan::Tar { .. } = plan.sink {
            let message = "--to tar: is for lists: put the URLs into a file, and name it with -i";
            return Err(Refused::Usage("get", message.to_owned()));
        } else if let Some(option) = ledger.needless() {
            let message = format!("{option} is for lists: URLs that are typed are not on record");
            return Err(Refused::Usage("get", message));
        }
        if plan.hash.is_some() && on_record.is_none() && format == GetFormat::Text {
            let message = "--hash tells hashes in JSON lines and on record, and here is neither: \
                           add --format jsonl, or give a list with -i FILE";
            return Err(Refused::Usage("get", message.to_owned()));
        }
        let allowed = exit.fail_above;
        Ok(GetJob { plan, input, saving, on_record, format, ordered, quiet, allowed })
    }

    fn check_stdout(&self) -> Result<(), Refused> {
        let message = if self.urls.len() != 1 || self.input.is_some() {
            "-o - writes one body to standard output; give one URL, or a folder"
        } else if self.format == GetFormat::Jsonl {
            "--format jsonl and -o - both want standard output"
        } else if self.to.is_some() {
            "--to names files; -o - writes none"
        } else {
            return Ok(());
        };
        Err(Refused::Usage("get", message.to_owned()))
    }
}

fn family(ipv4: bool, ipv6: bool) -> Family {
    match (ipv4, ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    }
}

/// What is sent with every request; `-A` has the last word on the User-Agent.
fn say(request: &mut RequestPlan, headers: Vec<Header>, agent: Option<HeaderValue>) {
    for Header(name, value) in headers {
        if name == http::header::USER_AGENT {
            request.user_agent = value;
        } else {
            request.headers.append(name, value);
        }
    }
    if let Some(agent) = agent {
        request.user_agent = agent;
    }
}

/// Standard output without the line buffer that is in its way.
fn standard_output() -> Result<Arc<Mutex<std::fs::File>>, Refused> {
    let owned = io::stdout().as_fd().try_clone_to_owned();
    match owned {
        Ok(owned) => Ok(Arc::new(Mutex::new(owned.into()))),
        Err(error) => Err(Refused::Unusable(format!("standard output can't be written: {error}"))),
    }
}

impl FlagsJob {
    /// The chapter's rules as a plan: one try, one time for all of it.
    pub(crate) fn plan(&self) -> GetPlan {
        let at_once = NonZeroUsize::new(self.at_once).unwrap_or(NonZeroUsize::MIN);
        GetPlan {
            limits: Limits { in_flight: at_once, per_origin: at_once.into(), ..Limits::get() },
            patience: Patience {
                connect: self.patience,
                progress: self.patience,
                deadline: self.patience,
                deadline_per_mib: Duration::ZERO,
                retries: 0,
                ..Patience::default()
            },
            tls: TlsPlan { insecure: false, roots: roots::system() },
            sink: SinkPlan::Directory {
                root: FLAGS_FOLDER.into(),
                template: None,
                existing: Existing::Replace,
            },
            ..GetPlan::default()
        }
    }

    /// The items of the list: where each flag is, and what its file is called.
    pub(crate) fn items(&self) -> Vec<String> {
        let base = &self.site.base_url;
        let item = |code: &String| {
            let lower = code.to_ascii_lowercase();
            format!("{base}/{lower}/{lower}.gif\t{code}.gif")
        };
        self.codes.iter().map(item).collect()
    }
}

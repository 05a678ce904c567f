use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hoist_rehearsal::tls::Certificate;
use hoist_rehearsal::{DnsZone, Scenario};

use super::check::{CheckArgs, CheckJob};
use super::said::Refused;
use super::values;

const EXAMPLES: &str = r#"Examples:
  hoist rehearse                              all four
  hoist rehearse ERROR --delay 50ms..500ms --error-rate 0.1 --log truth.jsonl
  hoist rehearse LOCAL --dir site --port 8080
  hoist rehearse DNS --zone example.test --loss 0.05
  hoist rehearse LOCAL --scenario rough.toml  who meets which fault, by rules
  hoist rehearse LOCAL --load 'cliff?at=48&retry-after=1'  429 beyond 48 at once
  hoist rehearse --explain /flags/fr/fr.gif --scenario rough.toml
  hoist rehearse --check -- curl -L --fail --max-time 5 -o {out} {url}

LOCAL  flags at /flags/cc/cc.gif, at once
DELAY  the same, each answer after 0.5 to 5 s
ERROR  the same delays, then a quarter is answered 418 I'm a teapot
DNS    a name server, over UDP and TCP

Faults are asked for by URL, on each of the first three, as in
/fault/reset?after=10 /fault/short?of=100&send=7 /status/503?retry-after=2
/bytes/1000 /redirect/3; --list shows them all. A scenario (TOML) gives them to
whom it says:

  [[request]]
  path = "/flags/*"
  probability = 0.1
  chain = ["delay?for=0.5s..2s", "send?bytes=300", "reset"]

--check runs a client against servers of its own, once for each fault of the
catalogue, and says which of them it gets wrong: a part passed off as the whole,
an error page as the file, and so on.
Exit codes: 0 all right, 1 some wrong, 2 usage, 3 it could not go on, 130
interrupted.

Durations: 30s, 500ms, 2m; a bare number is in seconds. Ctrl-C ends it, with
exit code 0."#;

/// The zone of a DNS server that was given none: that of `hoist probe` without names.
const ZONE: &str = "dev";

/// How many names of a zone exist.
const EXIST_RATE: f64 = 0.5;

/// Run servers that misbehave on purpose, to try clients on
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RehearseArgs {
    /// LOCAL (port 8000), DELAY (8001), ERROR (8002), DNS (5300); none: all four
    #[arg(value_name = "SERVER", ignore_case = true, hide_possible_values = true)]
    servers: Vec<Server>,
    /// The port, with a single server; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    #[arg(value_parser = values::number::<u16>)]
    port: Option<u16>,
    /// The address to listen on; both loopback addresses unless given
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// Answer after a time drawn evenly from this range, as 0.5..5 or 50ms..500ms
    #[arg(long, value_name = "MIN..MAX", value_parser = values::duration_range)]
    delay: Option<RangeInclusive<Duration>>,
    /// Answer 418 to this share of requests, from 0 to 1
    #[arg(long, value_name = "P", value_parser = values::rate)]
    error_rate: Option<f64>,
    /// Same seed, same decision for the same request [default: the scenario's, or 0]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = values::number::<u64>)]
    seed: Option<u64>,
    /// Give faults to connections, requests and queries by the rules of this file (TOML)
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Give every connection this fault, as in accept-reset
    #[arg(long, value_name = "FAULT")]
    connection: Option<String>,
    /// Make each server as slow as its load says, by a model, as in 'knee?at=32&takes=20ms'
    #[arg(long, value_name = "MODEL")]
    load: Option<String>,
    /// Serve https, with a certificate that is good, or as bad as this word says
    #[arg(long, value_name = "CERT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "good")]
    tls: Option<String>,
    /// Speak HTTP/2 too: with --tls to who offers it, without to who begins with it
    #[arg(long)]
    http2: bool,
    /// Write the certificate of the authority to trust to FILE [default: a new file, named at start]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Print every fault there is, and end
    #[arg(long, conflicts_with_all = ["explain", "log", "scenario"])]
    list: bool,
    /// Print what a URL, a path or a name would meet, and end
    #[arg(long, value_name = "URL", conflicts_with = "log")]
    explain: Option<String>,
    /// Serve this folder in place of flags
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// DNS: a zone to answer for, in which half of all names exist, or those of a zone file;
    /// repeatable [default: dev]
    #[arg(long = "zone", value_name = "NAME[=FILE]")]
    zones: Vec<String>,
    /// DNS: leave this share of queries unanswered, from 0 to 1
    #[arg(long, value_name = "P", value_parser = values::rate)]
    loss: Option<f64>,
    /// DNS: answer SERVFAIL to this share of queries, from 0 to 1
    #[arg(long, value_name = "P", value_parser = values::rate)]
    servfail_rate: Option<f64>,
    /// Write what was decided and done, one JSON object a request, to FILE (- is standard output)
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    #[command(flatten)]
    check: CheckArgs,
}

/// A server that can be rehearsed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Server {
    /// Flags, at once.
    Local,
    /// Flags, late.
    Delay,
    /// Flags, late, and not all of them.
    Error,
    /// Names.
    Dns,
}

impl Server {
    /// As the user calls it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Delay => "DELAY",
            Self::Error => "ERROR",
            Self::Dns => "DNS",
        }
    }

    /// Its own port.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Local => hoist_rehearsal::LOCAL_PORT,
            Self::Delay => hoist_rehearsal::DELAY_PORT,
            Self::Error => hoist_rehearsal::ERROR_PORT,
            Self::Dns => hoist_rehearsal::DNS_PORT,
        }
    }
}

/// What `hoist rehearse` is to do.
#[derive(Debug)]
pub(crate) enum RehearseJob {
    /// Run servers until told to stop.
    Serve(Box<ServeJob>),
    /// Tell what something would meet.
    Explain(Box<ServeJob>, String),
    /// Tell every fault there is.
    List,
    /// Judge a client.
    Check(CheckJob),
}

/// Servers, ready to run.
#[derive(Debug)]
pub(crate) struct ServeJob {
    /// The servers and their ports.
    pub(crate) servers: Vec<(Server, u16)>,
    /// None: both loopback addresses.
    pub(crate) bind: Option<IpAddr>,
    /// None: the server's own.
    pub(crate) delay: Option<RangeInclusive<Duration>>,
    /// None: the server's own.
    pub(crate) error_rate: Option<f64>,
    /// What decisions are drawn from.
    pub(crate) seed: u64,
    /// Served in place of flags.
    pub(crate) dir: Option<PathBuf>,
    /// What names are answered for.
    pub(crate) zones: Vec<DnsZone>,
    /// None: the server's own.
    pub(crate) loss: Option<f64>,
    /// None: the server's own.
    pub(crate) servfail_rate: Option<f64>,
    /// Where the truth is written.
    pub(crate) log: Option<TruthLog>,
    /// The rules.
    pub(crate) scenario: Scenario,
    /// None: plain http.
    pub(crate) tls: Option<Certificate>,
    /// HTTP/2 is spoken too.
    pub(crate) http2: bool,
    /// None: a new file of its own.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Where the truth is written.
#[derive(Debug)]
pub(crate) enum TruthLog {
    /// Standard output.
    Stdout,
    /// A file, made new.
    File(PathBuf),
}

impl RehearseArgs {
    pub(super) fn into_job(mut self) -> Result<RehearseJob, Refused> {
        if self.list {
            return Ok(RehearseJob::List);
        }
        if let Some(job) = self.check.take_job()? {
            return Ok(RehearseJob::Check(job));
        }
        match self.explain.take() {
            Some(what) => Ok(RehearseJob::Explain(Box::new(self.into_servers()?), what)),
            None => self.into_servers().map(Box::new).map(RehearseJob::Serve),
        }
    }

    fn into_servers(self) -> Result<ServeJob, Refused> {
        let scenario = self.read_scenario()?;
        let tls = match &self.tls {
            Some(word) => Some(word.parse().map_err(|wrong| usage(&format!("--tls: {wrong}")))?),
            None => scenario.tls(),
        };
        let http2 = self.http2 || scenario.http2();
        let mut servers = self.servers;
        if servers.is_empty() {
            servers = Server::value_variants().to_vec();
        }
        if self.port.is_some() && servers.len() != 1 {
            return refuse("--port needs a single server, as in: hoist rehearse LOCAL --port 8080");
        }
        let mut seen = Vec::new();
        for server in &servers {
            if seen.contains(server) {
                return refuse(&format!("{} is named twice", server.label()));
            }
            seen.push(*server);
        }
        let http = servers.iter().any(|server| *server != Server::Dns);
        if !http && (self.error_rate.is_some() || self.dir.is_some() || self.tls.is_some()) {
            let why = "--error-rate, --dir and --tls are for LOCAL, DELAY and ERROR, not for DNS";
            return refuse(why);
        }
        if !http && self.http2 {
            return refuse("--http2 is for LOCAL, DELAY and ERROR, not for DNS");
        }
        if !http && self.connection.is_some() {
            return refuse("--connection is for LOCAL, DELAY and ERROR, not for DNS");
        }
        if !http && self.load.is_some() {
            return refuse("--load is for LOCAL, DELAY and ERROR, not for DNS");
        }
        if self.ca_file.is_some() && tls.is_none() {
            return refuse("--ca-file needs --tls: without it there is no authority");
        }
        let names = !self.zones.is_empty() || self.loss.is_some() || self.servfail_rate.is_some();
        if names && !servers.contains(&Server::Dns) {
            return refuse("--zone, --loss and --servfail-rate are for DNS alone");
        }
        if let Some(dir) = self.dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(Refused::Unusable(format!("{} is no folder", dir.display())));
        }
        let mut zones = scenario.zones().to_vec();
        for zone in &self.zones {
            zones.push(read_zone(zone)?);
        }
        if zones.is_empty() {
            zones.extend(DnsZone::generated(ZONE, EXIST_RATE));
        }
        let log = self.log.map(|path| match path.to_str() {
            Some("-") => TruthLog::Stdout,
            _ => TruthLog::File(path),
        });
        let port_of = |server: Server| (server, self.port.unwrap_or(server.port()));
        Ok(ServeJob {
            servers: servers.into_iter().map(port_of).collect(),
            bind: self.bind,
            delay: self.delay,
            error_rate: self.error_rate,
            seed: self.seed.or(scenario.seed()).unwrap_or(0),
            dir: self.dir,
            zones,
            loss: self.loss,
            servfail_rate: self.servfail_rate,
            log,
            scenario,
            tls,
            http2,
            ca_file: self.ca_file,
        })
    }

    fn read_scenario(&self) -> Result<Scenario, Refused> {
        let scenario = match &self.scenario {
            None => Scenario::default(),
            Some(path) => {
                let remedy = "'hoist rehearse --help' shows what a scenario looks like";
                Scenario::read(path).map_err(|error| Refused::file(path, error, remedy))?
            }
        };
        let scenario = match &self.load {
            None => scenario,
            Some(model) => {
                scenario.loaded(model).map_err(|wrong| usage(&format!("--load: {wrong}")))?
            }
        };
        match &self.connection {
            None => Ok(scenario),
            Some(fault) => {
                scenario.meeting(fault).map_err(|wrong| usage(&format!("--connection: {wrong}")))
            }
        }
    }
}

/// A zone as given to `--zone`: NAME, of which half the names exist, or NAME=FILE.
fn read_zone(given: &str) -> Result<DnsZone, Refused> {
    let no_name = |name: &str| usage(&format!("--zone {name} is no domain name"));
    let Some((name, file)) = given.split_once('=') else {
        return DnsZone::generated(given, EXIST_RATE).ok_or_else(|| no_name(given));
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| Refused::Unusable(format!("{file}: {error}")))?;
    DnsZone::from_file(name, &text).map_err(|error| Refused::Unusable(format!("{file}, {error}")))
}

fn refuse<T>(message: &str) -> Result<T, Refused> {
    Err(usage(message))
}

fn usage(message: &str) -> Refused {
    Refused::Usage("rehearse", message.to_owned())
}

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hoist_rehearsal::DnsZone;

use super::said::Refused;
use super::values;

const EXAMPLES: &str = "\
Examples:
  hoist rehearse                              all four
  hoist rehearse ERROR --delay 50ms..500ms --error-rate 0.1 --log truth.jsonl
  hoist rehearse LOCAL --dir site --port 8080
  hoist rehearse DNS --zone example.test --loss 0.05

LOCAL  flags at /flags/cc/cc.gif, at once
DELAY  the same, each answer after 0.5 to 5 s
ERROR  the same delays, then a quarter is answered 418 I'm a teapot
DNS    a name server, over UDP and TCP

Faults are asked for by URL, on each of the first three, among them: /status/503?retry-after=2
/bytes/1000 /slow?delay=2 /drip?rate=1000 /redirect/3 /redirect/loop /flaky?fail=2
/fault/reset?after=10 /fault/short?of=100&send=7 /fault/silent /fault/garbage

Durations: 30s, 500ms, 2m; a bare number is in seconds. Ctrl-C ends it, with exit code 0.";

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
    /// Same seed, same decision for the same request
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Serve this folder in place of flags
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// DNS: a zone to answer for, in which half of all names exist; repeatable [default: dev]
    #[arg(long = "zone", value_name = "NAME")]
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

/// A rehearsal, ready to run.
#[derive(Debug)]
pub(crate) struct RehearseJob {
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
    pub(super) fn into_job(self) -> Result<RehearseJob, Refused> {
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
        if !http && (self.error_rate.is_some() || self.dir.is_some()) {
            return refuse("--error-rate and --dir are for LOCAL, DELAY and ERROR, not for DNS");
        }
        let names = !self.zones.is_empty() || self.loss.is_some() || self.servfail_rate.is_some();
        if names && !servers.contains(&Server::Dns) {
            return refuse("--zone, --loss and --servfail-rate are for DNS alone");
        }
        if let Some(dir) = self.dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(Refused::Unusable(format!("{} is no folder", dir.display())));
        }
        let given = if self.zones.is_empty() { vec![ZONE.to_owned()] } else { self.zones };
        let mut zones = Vec::new();
        for zone in given {
            let Some(generated) = DnsZone::generated(&zone, EXIST_RATE) else {
                return refuse(&format!("--zone {zone} is no domain name"));
            };
            zones.push(generated);
        }
        let log = self.log.map(|path| match path.to_str() {
            Some("-") => TruthLog::Stdout,
            _ => TruthLog::File(path),
        });
        let port_of = |server: Server| (server, self.port.unwrap_or(server.port()));
        Ok(RehearseJob {
            servers: servers.into_iter().map(port_of).collect(),
            bind: self.bind,
            delay: self.delay,
            error_rate: self.error_rate,
            seed: self.seed,
            dir: self.dir,
            zones,
            loss: self.loss,
            servfail_rate: self.servfail_rate,
            log,
        })
    }
}

fn refuse<T>(message: &str) -> Result<T, Refused> {
    Err(Refused::Usage("rehearse", message.to_owned()))
}

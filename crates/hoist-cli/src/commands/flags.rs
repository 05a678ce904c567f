use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hoist::outcome::Failure;
use hoist::plan::AddressOverride;
use hoist::report::Snapshot;
use hoist::{FailureKind, GetOutcome, GetVerdict, Source};
use hoist_rehearsal::Running;

use super::drive::{Driven, drive, unwritable};
use super::{Ending, rehearse};
use crate::args::{COUNTRIES, FlagsJob};
use crate::render::{
    Face, FlagsCounts, Output, Screen, flags_final, flags_initial, flags_line, note,
};

/// A server on this machine that has not answered by then is there, and busy.
const KNOCK: Duration = Duration::from_millis(250);

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Downloads flags, as the chapter's program does.
pub(super) fn run(job: &FlagsJob) -> Ending {
    let inside = match stand_in(job) {
        Ok(inside) => inside,
        Err(error) => {
            note(format_args!(
                "nothing listens at {}, and no server could be run there: {error}",
                job.site.base_url
            ));
            return Ending::Stopped;
        }
    };
    let mut out = Output::stdout();
    let site = &job.site;
    let said = flags_initial(&mut out, site.label, &site.base_url, &job.codes, job.at_once);
    if let Err(error) = said {
        unwritable(&error);
        return Ending::Stopped;
    }

    let mut plan = job.plan();
    if let Some(server) = &inside {
        let at = server.addrs().iter().map(|addr| AddressOverride {
            host: "localhost".to_owned(),
            port: addr.port(),
            address: addr.ip(),
        });
        plan.address.overrides.extend(at);
    }
    let outcomes = plan.run(Source::items(job.items()));
    let report = outcomes.report();
    let screen = if job.verbose {
        Screen::plain()
    } else {
        Screen::with_progress(report.clone(), Face::Tqdm(job.codes.len() as u64))
    };
    let mut seen = Seen::default();
    let started = Instant::now();
    let driven = drive(outcomes, None, &mut out, |outcome, out| {
        let place = usize::try_from(outcome.position.0).unwrap_or(usize::MAX);
        let code = job.codes.get(place).map_or("??", String::as_str);
        seen.see(code, &outcome);
        if job.verbose { out.line(flags_line(code, &outcome)) } else { Ok(()) }
    });
    let elapsed = started.elapsed();
    screen.finish();
    drop(inside);
    finish(job, driven, &mut out, report.snapshot(), elapsed, &seen)
}

fn finish(
    job: &FlagsJob,
    driven: Driven,
    out: &mut Output,
    counts: Snapshot,
    elapsed: Duration,
    seen: &Seen,
) -> Ending {
    if driven.is_unheard() {
        return Ending::Stopped;
    }
    let errors = counts.failed + counts.deferred;
    let totals = FlagsCounts { ok: counts.ok, not_found: counts.not_found, errors };
    if let Err(error) = flags_final(out, totals, elapsed) {
        unwritable(&error);
        return Ending::Stopped;
    }
    if matches!(driven, Driven::Completed) {
        seen.explain(job);
    }
    driven.conclude(errors == 0)
}

/// The rehearsal inside this command, if the site is on this machine and nothing listens there.
fn stand_in(job: &FlagsJob) -> io::Result<Option<Running>> {
    let Some((server, port)) = job.site.rehearsal else { return Ok(None) };
    if LOOPBACK.into_iter().any(|ip| somebody_listens((ip, port).into())) {
        return Ok(None);
    }
    let running = rehearse::plain(server)?.spawn(&LOOPBACK.map(|ip| (ip, port).into()))?;
    note(format_args!("nothing listens on port {port}; serving {} from here", server.label()));
    Ok(Some(running))
}

fn somebody_listens(addr: SocketAddr) -> bool {
    match TcpStream::connect_timeout(&addr, KNOCK) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::TimedOut,
    }
}

/// What the outcomes tell about the server.
#[derive(Debug, Default)]
struct Seen {
    /// Answers that are pictures.
    pictures: u64,
    /// Answers that a server of flags would not give.
    strange: u64,
    /// Outcomes that tell nothing either way.
    other: u64,
    first_failure: Option<Failure>,
}

impl Seen {
    fn see(&mut self, code: &str, outcome: &GetOutcome) {
        let known = COUNTRIES.split(' ').any(|country| country == code);
        let kind = outcome.failure.as_ref().map(|failure| failure.kind);
        match (outcome.verdict, kind) {
            (GetVerdict::Ok, _) => {
                let content_type = outcome.content_type.as_deref().unwrap_or_default();
                if content_type.starts_with("image/") {
                    self.pictures += 1;
                } else {
                    self.strange += 1;
                }
            }
            (GetVerdict::NotFound, _) if known => self.strange += 1,
            (_, Some(FailureKind::Malformed | FailureKind::Reset)) => self.strange += 1,
            (_, Some(FailureKind::Status)) if outcome.status != Some(418) => self.strange += 1,
            _ => self.other += 1,
        }
        if self.first_failure.is_none() {
            self.first_failure.clone_from(&outcome.failure);
        }
    }

    /// Says what the figures alone would leave a riddle.
    fn explain(&self, job: &FlagsJob) {
        if self.pictures > 0 {
            return;
        }
        if let (Some((server, port)), true) = (job.site.rehearsal, self.strange > 0) {
            note(format_args!(
                "something answers on localhost:{port} but serves no flags; stop it, and the {} \
                 server will run inside this command",
                server.label()
            ));
        } else if let (Some(failure), true) = (&self.first_failure, self.other > 1) {
            note(format_args!("not one flag came: {}; -v tells each", failure.reason));
        }
    }
}

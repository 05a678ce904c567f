//! One case, tried on a client.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::client::{self, NotRun};
use super::command::{self, Places};
use super::judge::{Exit, Seen, Verdict, judge};
use super::run::Check;
use super::saved::Saved;
use super::servers::{self, Identities, Servers};
use super::stop::Stop;
use crate::catalogue::Family;
use crate::http::{CERTIFICATES, Case, Door, Right, all, connections};
use crate::tls::Certificate;

/// The lines of a client's that are passed on, and how long one may be.
const LINES: usize = 8;
const LINE: usize = 400;

/// A case, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) family: Family,
    fault: &'static str,
    case: Case,
}

/// What a client did in one case, and the verdict.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The family of the fault.
    pub family: Family,
    /// The fault.
    pub fault: &'static str,
    /// What was asked for: path and query; or the fault of the connection, or of the certificate.
    pub target: String,
    /// What a right client may do.
    pub right: String,
    /// What this one's doings come to.
    pub verdict: Verdict,
    /// Whether the fault was there for it to meet: those of HTTP/2 are not for a client that speaks
    /// HTTP/1.1. Then what is right is the body, as it stands there without a fault.
    pub met: bool,
    /// How it ended.
    pub exit: Exit,
    /// How long it ran.
    pub took: Duration,
    /// Requests that it sent, and connections that went no further.
    pub requests: usize,
    /// The length of the file it left; none where there is none.
    pub length: Option<u64>,
    /// The last lines that it said, on standard error where it said anything there.
    pub said: String,
}

impl Judged {
    /// Whether the client was right.
    pub fn is_right(&self) -> bool {
        !matches!(self.verdict, Verdict::Wrong(_))
    }

    /// The last line that it said; empty when it said nothing.
    pub fn last_line(&self) -> &str {
        self.said.lines().next_back().unwrap_or_default()
    }
}

impl Trial {
    /// What comes first: a client that does not get this has no case to be judged by.
    pub(super) const PLAIN: Self = Self {
        family: Family::Body,
        fault: "bytes",
        case: Case::new("/bytes/1000?x=first", &[Right::Made(1000)]),
    };

    /// Every case, in the order of a request's life.
    pub(super) fn all() -> Vec<Self> {
        let connections = connections().flat_map(|entry| {
            let of = |case: &Case| (entry.family, entry.about.name, *case);
            entry.cases.iter().map(of)
        });
        let certificates = CERTIFICATES.iter().flat_map(|(_, about, cases)| {
            cases.iter().map(|case| (Family::Tls, about.name, *case))
        });
        let answers = all().flat_map(|(family, entry)| {
            entry.cases.iter().map(move |case| (family, entry.about.name, *case))
        });
        let every = connections.chain(certificates).chain(answers);
        let mut trials: Vec<_> =
            every.map(|(family, fault, case)| Self { family, fault, case }).collect();
        trials.sort_by_key(|trial| trial.family);
        trials
    }

    /// Tries it. `root` is where folders are made, `ca` the authority's certificate.
    pub(super) fn run(
        &self,
        check: &Check,
        identities: &Identities,
        (root, ca): (&Path, &Path),
        stop: &Stop,
    ) -> Result<Judged, NotRun> {
        let servers = Servers::start(&self.case, identities)?;
        let dir = tempfile::tempdir_in(root)?;
        let (dir, out) = (dir.path(), dir.path().join("body"));
        let places = Places { url: servers.url(), out: &out, dir, ca };
        let command = command::fill(&check.command, &places);
        let mut command = command.ok_or_else(|| NotRun::Client(io::ErrorKind::NotFound.into()))?;
        let named = ["{out}", "{name}"].iter().any(|place| command::names(&check.command, place));
        let file = if named { None } else { Some(out.as_path()) };
        let ran = client::run(&mut command, check.limit, file, stop)?;
        let asked = servers.end();
        let is_two = |asked: &servers::Asked| asked.record.http == Some(2);
        let met = !self.case.door.is_http2() || asked.iter().any(is_two);
        let right = if met { self.case.right } else { self.case.unmet };
        let last = asked.iter().rev().find(|asked| asked.record.status.is_some());
        let seen = Seen {
            exit: ran.exit,
            saved: Saved::look(&out, right),
            requests: asked.len(),
            status: last.and_then(|last| last.record.status),
            // A fault may promise more than there is.
            whole: asked.last().and_then(|last| last.record.whole.max(last.record.body_promised)),
            leaked: servers::leaked(&asked),
            too_soon: servers::too_soon(&asked),
        };
        Ok(Judged {
            family: self.family,
            fault: self.fault,
            target: self.target(),
            right: told(right),
            verdict: judge(&seen, right),
            met,
            exit: ran.exit,
            took: ran.took,
            requests: seen.requests,
            length: seen.saved.exists.then_some(seen.saved.length),
            said: last_lines(&ran.said),
        })
    }

    pub(super) fn fault(&self) -> &'static str {
        self.fault
    }

    pub(super) fn target(&self) -> String {
        match self.case.door {
            Door::Open => self.case.target.to_owned(),
            Door::Connection(spec) | Door::TlsConnection(spec) | Door::Http2Connection(spec) => {
                spec.to_owned()
            }
            Door::Http2 => format!("http2: {}", self.case.target),
            Door::Tls(Certificate::Good) => format!("https: {}", self.case.target),
            Door::Tls(_) => format!("certificate {}", self.fault),
        }
    }
}

/// What is right, in words.
fn told(right: &[Right]) -> String {
    let each = right.iter().map(|right| match right {
        Right::Fail => "failure".to_owned(),
        Right::Made(length) => format!("{length} bytes"),
        Right::Zeros(length) => format!("{length} zeros"),
        Right::Bytes(make) => format!("{} bytes", make().len()),
    });
    each.collect::<Vec<_>>().join(" or ")
}

/// The last lines that are not blank.
fn last_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut last: Vec<String> =
        lines.rev().take(LINES).map(|line| line.chars().take(LINE).collect()).collect();
    last.reverse();
    last.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::http::catalogue;

    #[test]
    fn every_case_is_its_own_and_can_be_served() {
        let identities = Identities::make().unwrap();
        let mut seen = HashSet::new();
        let trials = Trial::all();
        assert!(trials.is_sorted_by_key(|trial| trial.family));
        for trial in trials {
            assert!(!trial.case.right.is_empty(), "{trial:?}");
            assert!(seen.insert((trial.fault, trial.target())), "{trial:?} twice");
            let servers = Servers::start(&trial.case, &identities).unwrap();
            assert!(!servers.url().contains('{'), "{}", servers.url());
        }
    }

    /// But for what is of a whole server, a part of a chain, or no fault.
    #[test]
    fn every_fault_is_tried() {
        let tried: HashSet<_> = Trial::all().iter().map(|trial| trial.fault).collect();
        let faults = catalogue().filter(|(family, _)| *family != Family::Load);
        let untried = faults.map(|(_, about)| about.name).filter(|name| !tried.contains(name));
        assert_eq!(untried.collect::<Vec<_>>(), ["send", "headers"]);
    }

    #[test]
    fn the_last_lines_of_what_was_said() {
        assert_eq!(last_lines(b"one\n\ntwo\xff \r\n\n"), "one\ntwo\u{fffd}");
        assert_eq!(last_lines(b""), "");
        assert_eq!(last_lines("x\n".repeat(100).as_bytes()).lines().count(), LINES);
    }
}

//! Which names a host may stand for: the search list (RFC 1123 §6.1.4.3, resolv.conf(5)).

use std::time::Duration;

use crate::item::{DomainName, WireName};
use crate::outcome::{Failure, FailureKind};
use crate::plan::NamesPlan;

/// The search list and the options of a resolv.conf(5), as far as they are for us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search {
    domains: Vec<WireName>,
    /// A name with so many dots is first asked as it stands.
    ndots: usize,
    pub(super) options: Options,
}

/// What the file says of how servers are asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) timeout: Option<Duration>,
    /// Rounds over all servers.
    pub(super) attempts: Option<u32>,
    /// Take the servers in turn.
    pub(super) rotate: bool,
}

/// Domains of a list, and bytes of its text. Of the C libraries glibc sets no bound since 2.26, and had
/// 6 and 256 before; Kubernetes writes files with up to so many. Each may cost a name two queries.
const DOMAINS_MAX: usize = 32;
const BYTES_MAX: usize = 2048;
/// The C library's bounds (`RES_MAXNDOTS`, `RES_MAXRETRANS`, `RES_MAXRETRY` of resolv.h).
const NDOTS_MAX: usize = 15;
const TIMEOUT_MAX: u64 = 30;
const ATTEMPTS_MAX: u32 = 5;

impl Default for Search {
    /// Every name as it stands.
    fn default() -> Self {
        Self { domains: Vec::new(), ndots: 1, options: Options::default() }
    }
}

impl Search {
    /// Takes the text of a resolv.conf and what the plan adds. The last `search` or `domain` counts;
    /// what can't be read is passed over, as the C library does.
    pub(super) fn read(text: &str, plan: &NamesPlan) -> Self {
        let mut search = Self::default();
        let mut listed: Option<&str> = None;
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let (keyword, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            match keyword {
                "search" => listed = Some(rest),
                "domain" => listed = Some(rest.split_ascii_whitespace().next().unwrap_or("")),
                "options" => search.set(rest),
                _ => {}
            }
        }
        search.set(plan.options.as_deref().unwrap_or_default());
        let machine = plan.machine.as_deref().and_then(|name| name.split_once('.'));
        let listed = plan.search.as_deref().or(listed).or(machine.map(|(_, domain)| domain));
        let listed = listed.unwrap_or_default();
        let mut bytes = 0;
        let domains = listed.split_ascii_whitespace().take(DOMAINS_MAX).take_while(|word| {
            bytes += word.len() + 1;
            bytes <= BYTES_MAX
        });
        search.domains = domains
            .filter_map(|word| match DomainName::parse(word) {
                Ok(DomainName::Name(name)) => Some(name),
                _ => None,
            })
            .collect();
        search
    }

    fn set(&mut self, options: &str) {
        for option in options.split_ascii_whitespace() {
            let (name, value) = option.split_once(':').unwrap_or((option, ""));
            let number = value.parse::<u64>().ok();
            match (name, number) {
                ("ndots", Some(n)) => {
                    self.ndots = usize::try_from(n).unwrap_or(NDOTS_MAX).min(NDOTS_MAX);
                }
                ("timeout", Some(n)) => {
                    let timeout = Duration::from_secs(n.clamp(1, TIMEOUT_MAX));
                    self.options.timeout = Some(timeout);
                }
                ("attempts", Some(n)) => {
                    let attempts = u32::try_from(n).unwrap_or(ATTEMPTS_MAX);
                    self.options.attempts = Some(attempts.clamp(1, ATTEMPTS_MAX));
                }
                ("rotate", None) => self.options.rotate = true,
                _ => {}
            }
        }
    }

    /// The names that a host may stand for. An absolute one, with a dot at its end, stands for itself.
    pub(super) fn walk(&self, name: WireName, absolute: bool) -> Walk<'_> {
        let dots = name.labels().count().saturating_sub(1);
        Walk {
            domains: if absolute { &[] } else { &self.domains },
            as_is_first: absolute || dots >= self.ndots,
            name,
            tried: 0,
            as_is: AsIs::NotAsked,
            first: None,
            doubt: None,
            no_data: None,
            last: None,
        }
    }
}

/// One host on its way through the list. Ask for what `next_name` gives until one is found; `learn`
/// what became of each that was not.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    name: WireName,
    domains: &'a [WireName],
    as_is_first: bool,
    tried: usize,
    as_is: AsIs,
    /// Of the name as it stands, where that was asked first.
    first: Option<Failure>,
    doubt: Option<Failure>,
    no_data: Option<Failure>,
    last: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AsIs {
    NotAsked,
    UnderWay,
    Asked,
}

/// In which way a name was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    NoName,
    NoData,
    ServFail,
    /// Any other failure: nobody knows.
    Doubt,
}

impl Walk<'_> {
    pub(super) fn next_name(&mut self) -> Option<WireName> {
        let as_is = self.as_is;
        if self.as_is_first && as_is == AsIs::NotAsked {
            self.as_is = AsIs::UnderWay;
            return Some(self.name.clone());
        }
        while let Some(domain) = self.domains.get(self.tried) {
            self.tried += 1;
            let is_root = domain.labels().next().is_none();
            if is_root && as_is == AsIs::NotAsked {
                break;
            }
            if !is_root && let Some(name) = self.name.within(domain) {
                return Some(name);
            }
        }
        if as_is == AsIs::NotAsked {
            self.as_is = AsIs::UnderWay;
            return Some(self.name.clone());
        }
        None
    }

    pub(super) fn learn(&mut self, absence: Absence, failure: Failure) {
        let was_first = self.as_is_first && self.as_is == AsIs::UnderWay;
        if self.as_is == AsIs::UnderWay {
            self.as_is = AsIs::Asked;
        }
        if was_first {
            self.first = Some(failure);
            return;
        }
        let kept = match absence {
            Absence::NoName => &mut self.last,
            Absence::NoData => &mut self.no_data,
            Absence::ServFail => &mut self.doubt,
            Absence::Doubt => {
                // As the C library does: the rest of the list would fare no better.
                self.tried = self.domains.len();
                &mut self.doubt
            }
        };
        *kept = Some(failure);
    }

    /// Why none was found. What the name as it stands came to counts first where it was asked first, as
    /// in the C library; else a doubt, since on doubt nothing is "not there".
    pub(super) fn into_failure(self) -> Failure {
        let searched = self.tried;
        let failure = self.first.or(self.doubt).or(self.no_data).or(self.last);
        let mut failure = failure.unwrap_or_else(|| {
            Failure::new(FailureKind::DnsFailed, format!("{} was not asked for", self.name))
        });
        if failure.kind == FailureKind::NoSuchHost && searched > 0 {
            let list: Vec<String> = self.domains.iter().take(3).map(ToString::to_string).collect();
            let more = if self.domains.len() > list.len() { ", ..." } else { "" };
            let reason = format!("{} (searched: {}{more})", failure.reason, list.join(" "));
            failure = Failure::new(failure.kind, reason);
        }
        failure
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;

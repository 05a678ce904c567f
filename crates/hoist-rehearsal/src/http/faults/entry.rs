//! The tables of all families, and finding a fault in them by name.

use super::act::Act;
use super::{
    CERTIFICATES, Case, body, coding, connections, field, head, interim, pace, policy, pool,
    redirect, resume, size, tls, two,
};
use crate::catalogue::{About, Family};
use crate::http::load;
use crate::spec::{Params, Wrong, split};

/// A fault as its family's table has it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) about: About,
    /// Reads it from its parameters; whether all were known is asked afterwards.
    pub(crate) make: fn(&mut Params<'_>) -> Result<Act, Wrong>,
    /// What clients are judged by; the first is the plainest.
    pub(crate) cases: &'static [Case],
}

/// A fault, read and ready.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) about: &'static About,
    pub(crate) act: Act,
}

const FAMILIES: &[(Family, &[Entry])] = &[
    (Family::Tls, tls::ENTRIES),
    (Family::Head, head::ENTRIES),
    (Family::Head, interim::ENTRIES),
    (Family::Head, size::ENTRIES),
    (Family::Head, field::ENTRIES),
    (Family::Body, body::ENTRIES),
    (Family::Pace, pace::ENTRIES),
    (Family::Coding, coding::ENTRIES),
    (Family::Redirect, redirect::ENTRIES),
    (Family::Policy, policy::ENTRIES),
    (Family::Resume, resume::ENTRIES),
    (Family::Pool, pool::ENTRIES),
    (Family::Http2, two::right::ENTRIES),
    (Family::Http2, two::goodbye::ENTRIES),
    (Family::Http2, two::length::ENTRIES),
    (Family::Http2, two::fields::ENTRIES),
    (Family::Http2, two::broken::ENTRIES),
    (Family::Http2, two::flood::ENTRIES),
];

/// Every entry with its family, in the order of a request's life.
pub(crate) fn all() -> impl Iterator<Item = (Family, &'static Entry)> {
    FAMILIES.iter().flat_map(|(family, entries)| entries.iter().map(|entry| (*family, entry)))
}

/// All there is to say of HTTP: faults of connections, certificates, and of answers.
pub(crate) fn catalogue() -> impl Iterator<Item = (Family, &'static About)> {
    let connections = connections().map(|entry| (entry.family, &entry.about));
    let certificates = CERTIFICATES.iter().map(|(_, about, _)| (Family::Tls, about));
    let loads = load::catalogue().map(|about| (Family::Load, about));
    let answers = all().map(|(family, entry)| (family, &entry.about));
    connections.chain(certificates).chain(loads).chain(answers)
}

impl Fault {
    /// From `name?key=value&key=value`.
    pub(crate) fn parse(spec: &str) -> Result<Self, Wrong> {
        let (name, params) = split(spec);
        Self::read(name, params)
    }

    pub(crate) fn read(name: &str, mut params: Params<'_>) -> Result<Self, Wrong> {
        let entry = all().map(|(_, entry)| entry).find(|entry| entry.about.name == name);
        if load::catalogue().any(|about| about.name == name) {
            return Err(Wrong(format!(
                "{name} is a model of a server's load: --load or, in a scenario, load gives it"
            )));
        }
        let Some(entry) = entry else {
            return Err(Wrong(format!(
                "no fault is called {name}; hoist rehearse --list shows them"
            )));
        };
        let act = (entry.make)(&mut params)?;
        params.done()?;
        Ok(Self { about: &entry.about, act })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_entry_is_its_own_and_its_example_holds() {
        let mut names = HashSet::new();
        for (_, Entry { about, cases, .. }) in all() {
            assert!(names.insert(about.name), "{} twice", about.name);
            let fault =
                Fault::parse(about.example).unwrap_or_else(|w| panic!("{}: {w}", about.name));
            assert_eq!(fault.about.name, about.name);
            let plain = |text: &str| !text.is_empty() && !text.ends_with('.') && text.len() < 100;
            assert!(plain(about.does), "{}: {}", about.name, about.does);
            assert!(!about.verdict.is_empty(), "{}", about.name);
            assert!(
                !cases.is_empty() || matches!(about.name, "send" | "headers"),
                "{}",
                about.name
            );
        }
    }

    #[test]
    fn every_case_is_a_fault_to_ask_for() {
        for (_, Entry { about, cases, .. }) in all() {
            for case in *cases {
                let (path, query) = case.target.split_once('?').unwrap_or((case.target, ""));
                let named = crate::http::faults::named_by(path, query);
                assert!(matches!(named, Some(Ok(_))), "{}: {}", about.name, case.target);
            }
        }
    }

    #[test]
    fn an_unknown_name_is_told() {
        let wrong = Fault::parse("rset?after=1").unwrap_err();
        assert_eq!(wrong.0, "no fault is called rset; hoist rehearse --list shows them");
    }
}

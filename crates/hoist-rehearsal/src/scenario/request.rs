//! Rules for HTTP: which chain of faults meets which request or connection.

use std::fmt;

use super::{Numbers, Pattern, draw};
use crate::http::{Chain, ConnectionFault};

/// One `[[request]]` of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestRule {
    pub(crate) method: Option<String>,
    /// Held against the path, and against path and query when there is a `?` in it.
    pub(crate) path: Option<Pattern>,
    /// Held against the host in lower case, with its port as sent.
    pub(crate) host: Option<Pattern>,
    /// Which attempt at the same method, host and target.
    pub(crate) attempt: Option<Numbers>,
    /// Which of all requests to this server, in the order they came.
    pub(crate) number: Option<Numbers>,
    /// The share of those that all else holds for.
    pub(crate) probability: f64,
    pub(crate) chain: Chain,
}

/// What rules are held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) attempt: u32,
    /// None leaves the number out of it.
    pub(crate) number: Option<u64>,
}

impl RequestRule {
    /// Whether this rule, the scenario's `rule`th from 1, is the one for a request. Chance is drawn from
    /// seed, method, target and attempt; the host is left out, so that the same list against another
    /// port meets the same fate.
    pub(crate) fn meets(&self, seed: u64, rule: usize, asked: Asked<'_>) -> bool {
        let number = |numbers: Numbers| asked.number.is_none_or(|n| numbers.has(n));
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(asked.method))
            && self.path.as_ref().is_none_or(|path| path.covers(part_for(path, asked.target)))
            && self.host.as_ref().is_none_or(|host| host.covers(&asked.host.to_ascii_lowercase()))
            && self.attempt.is_none_or(|numbers| numbers.has(asked.attempt.into()))
            && self.number.is_none_or(number)
            && self.strikes(seed, rule, asked)
    }

    fn strikes(&self, seed: u64, rule: usize, asked: Asked<'_>) -> bool {
        let attempt = asked.attempt.to_le_bytes();
        let key = [asked.method.as_bytes(), asked.target.as_bytes(), &attempt];
        self.probability >= 1.0 || draw(seed, rule, &key) < self.probability
    }
}

fn part_for<'a>(pattern: &Pattern, target: &'a str) -> &'a str {
    match target.split_once('?') {
        Some((path, _)) if !pattern.as_str().contains('?') => path,
        _ => target,
    }
}

/// One `[[connection]]` of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnectionRule {
    /// Which connection to this server, in the order they came.
    pub(crate) number: Option<Numbers>,
    /// The share of them.
    pub(crate) probability: f64,
    pub(crate) fault: ConnectionFault,
}

impl ConnectionRule {
    pub(crate) fn is_for_all(&self) -> bool {
        self.number.is_none() && self.probability >= 1.0
    }

    /// Whether this rule, the scenario's `rule`th from 1, is the one for the `number`th connection.
    pub(crate) fn meets(&self, seed: u64, rule: usize, number: u64) -> bool {
        self.number.is_none_or(|numbers| numbers.has(number))
            && (self.probability >= 1.0
                || draw(seed, rule, &[b"connection", &number.to_le_bytes()]) < self.probability)
    }
}

impl fmt::Display for RequestRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut conditions = Vec::new();
        conditions.extend(self.method.as_ref().map(|method| format!("method {method}")));
        conditions.extend(self.host.as_ref().map(|host| format!("host {host}")));
        conditions.extend(self.path.as_ref().map(|path| format!("path {path}")));
        conditions.extend(self.attempt.map(|numbers| format!("attempt {numbers}")));
        conditions.extend(self.number.map(|numbers| format!("request number {numbers}")));
        if self.probability < 1.0 {
            conditions.push(format!("probability {}", self.probability));
        }
        if conditions.is_empty() {
            conditions.push("every request".into());
        }
        write!(f, "{}: {}", conditions.join(", "), self.chain)
    }
}

impl fmt::Display for ConnectionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(numbers) = self.number {
            write!(f, "connection number {numbers}, ")?;
        }
        if self.probability < 1.0 {
            write!(f, "probability {}, ", self.probability)?;
        }
        f.write_str(self.fault.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> RequestRule {
        RequestRule {
            method: None,
            path: None,
            host: None,
            attempt: None,
            number: None,
            probability: 1.0,
            chain: Chain::parse(&["reset"]).unwrap(),
        }
    }

    fn asked(target: &str) -> Asked<'_> {
        Asked { method: "GET", host: "Host:80", target, attempt: 1, number: Some(1) }
    }

    fn second(target: &str) -> Asked<'_> {
        Asked { attempt: 2, ..asked(target) }
    }

    #[test]
    fn every_condition_must_hold() {
        let met = |rule: RequestRule, target| rule.meets(1, 1, asked(target));
        let path = |text: &str| RequestRule { path: Some(Pattern::new(text)), ..rule() };
        assert!(met(rule(), "/a"));
        assert!(met(path("/a*"), "/a/b?c"));
        assert!(!met(path("/a"), "/a/b"));
        assert!(met(path("/a"), "/a?b"), "the query is left out");
        assert!(!met(path("/a?c"), "/a?b") && met(path("/a?b"), "/a?b"), "unless asked for");
        assert!(met(RequestRule { host: Some(Pattern::new("host:*")), ..rule() }, "/"));
        assert!(!met(RequestRule { method: Some("HEAD".into()), ..rule() }, "/"));
        let second = Numbers::parse("2").unwrap();
        assert!(!met(RequestRule { attempt: Some(second), ..rule() }, "/"));
        assert!(!met(RequestRule { number: Some(second), ..rule() }, "/"));
        assert!(!met(RequestRule { probability: 0.0, ..rule() }, "/"));
    }

    #[test]
    fn chance_is_of_the_request_and_its_attempt() {
        let half = RequestRule { probability: 0.5, ..rule() };
        let struck: Vec<_> = (0..100).map(|i| half.meets(1, 1, asked(&format!("/{i}")))).collect();
        let again: Vec<_> =
            (0..100).rev().map(|i| half.meets(1, 1, asked(&format!("/{i}")))).collect();
        assert!(struck.iter().eq(again.iter().rev()), "in any order");
        assert!((30..70).contains(&struck.iter().filter(|s| **s).count()));
        assert!((0..100).any(|i| {
            let target = format!("/{i}");
            half.meets(1, 1, asked(&target)) != half.meets(1, 1, second(&target))
        }));
    }
}

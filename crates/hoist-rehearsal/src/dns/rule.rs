//! Rules: which chain of faults meets which query.

use std::fmt;

use super::chain::Chain;
use super::message::kind_text;
use super::name::Name;
use crate::scenario::{Numbers, Pattern, draw};
use crate::spec::Wrong;
use crate::truth::Proto;

/// One `[[query]]` of a scenario.
#[derive(Clone, Debug)]
pub struct QueryRule {
    when: QueryRuleParts,
    pub(crate) chain: Chain,
}

/// The conditions of a rule; what is none leaves the matter open.
#[derive(Clone, Debug)]
pub(crate) struct QueryRuleParts {
    /// Held against the name in lower case without its last dot.
    pub(crate) name: Option<Pattern>,
    pub(crate) kind: Option<u16>,
    pub(crate) proto: Option<Proto>,
    /// Which attempt at the same name and type.
    pub(crate) attempt: Option<Numbers>,
    /// Which of all queries to this server, in the order they came.
    pub(crate) number: Option<Numbers>,
    /// The share of those that all else holds for.
    pub(crate) probability: f64,
}

/// What rules are held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a Name,
    pub(crate) kind: u16,
    pub(crate) proto: Proto,
    pub(crate) attempt: u32,
    /// None leaves the number out of it.
    pub(crate) number: Option<u64>,
}

impl QueryRule {
    pub(crate) fn new(when: QueryRuleParts, faults: &[String]) -> Result<Self, Wrong> {
        Ok(Self { when, chain: Chain::parse(faults)? })
    }

    pub(crate) fn number(&self) -> Option<Numbers> {
        self.when.number
    }

    /// Whether this rule, the scenario's `rule`th from 1, is the one for a query. Chance is drawn from
    /// seed, name, type and attempt.
    pub(crate) fn meets(&self, seed: u64, rule: usize, asked: Asked<'_>) -> bool {
        let when = &self.when;
        let key =
            || [asked.kind.to_le_bytes().to_vec(), asked.attempt.to_le_bytes().to_vec()].concat();
        when.kind.is_none_or(|kind| kind == asked.kind)
            && when.proto.is_none_or(|proto| proto == asked.proto)
            && when.attempt.is_none_or(|numbers| numbers.has(asked.attempt.into()))
            && asked.number.is_none_or(|n| when.number.is_none_or(|numbers| numbers.has(n)))
            && when.name.as_ref().is_none_or(|name| name.covers(&asked.name.to_string()))
            && (when.probability >= 1.0
                || draw(seed, rule, &[asked.name.wire(), &key()]) < when.probability)
    }
}

impl fmt::Display for QueryRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = &self.when;
        let mut conditions = Vec::new();
        conditions.extend(when.name.as_ref().map(|name| format!("name {name}")));
        conditions.extend(when.kind.map(|kind| format!("type {}", kind_text(kind))));
        conditions.extend(when.proto.map(|proto| format!("over {}", proto.as_str())));
        conditions.extend(when.attempt.map(|numbers| format!("attempt {numbers}")));
        conditions.extend(when.number.map(|numbers| format!("query number {numbers}")));
        if when.probability < 1.0 {
            conditions.push(format!("probability {}", when.probability));
        }
        if conditions.is_empty() {
            conditions.push("every query".into());
        }
        write!(f, "{}: {}", conditions.join(", "), self.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::{A, AAAA};

    const ALL: QueryRuleParts = QueryRuleParts {
        name: None,
        kind: None,
        proto: None,
        attempt: None,
        number: None,
        probability: 1.0,
    };

    #[test]
    fn every_condition_must_hold() {
        let name = Name::parse("WWW.Example.dev").unwrap();
        let asked = Asked { name: &name, kind: A, proto: Proto::Udp, attempt: 2, number: Some(7) };
        let met = |when: QueryRuleParts| {
            QueryRule::new(when, &["drop".to_owned()]).unwrap().meets(1, 1, asked)
        };
        let numbers = |text: &str| Some(Numbers::parse(text).unwrap());
        assert!(met(ALL));
        assert!(met(QueryRuleParts { name: Some(Pattern::new("*.example.dev")), ..ALL }));
        assert!(!met(QueryRuleParts { name: Some(Pattern::new("example.dev")), ..ALL }));
        assert!(!met(QueryRuleParts { kind: Some(AAAA), ..ALL }));
        assert!(!met(QueryRuleParts { proto: Some(Proto::Tcp), ..ALL }));
        assert!(!met(QueryRuleParts { attempt: numbers("1"), ..ALL }));
        assert!(met(QueryRuleParts { number: numbers("7.."), ..ALL }));
        assert!(!met(QueryRuleParts { number: numbers("8.."), ..ALL }));
        assert!(!met(QueryRuleParts { probability: 0.0, ..ALL }));
        let half = QueryRuleParts { probability: 0.5, ..ALL };
        let rule = QueryRule::new(half, &["drop".to_owned()]).unwrap();
        let hits = (0..1000_u32)
            .filter(|i| {
                let name = Name::parse(&format!("n{i}.dev")).unwrap();
                rule.meets(1, 1, Asked { name: &name, ..asked })
            })
            .count();
        assert!((430..570).contains(&hits), "{hits}");
        assert_eq!(rule.to_string(), "probability 0.5: drop");
    }
}

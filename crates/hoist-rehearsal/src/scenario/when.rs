//! The conditions of a rule: patterns, numbers, chance.

use std::fmt;

use crate::hash::{Draws, hash};
use crate::spec::Wrong;

/// A text in which `*` stands for any characters, slashes and dots among them. It must cover the whole
/// of what it is held against. Case matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes time at most the product of both lengths.
    pub(crate) fn covers(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        // Where the last star stands, and how much of the text it covers so far.
        let mut star = None;
        while t < text.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(byte) if *byte == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    let Some((at, covered)) = star else { return false };
                    star = Some((at, covered + 1));
                    (p, t) = (at + 1, covered + 1);
                }
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Numbers from 1: `3`, `1..3` (both of them in it), `2..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    from: u64,
    to: u64,
}

impl Numbers {
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let number = |text: &str| text.parse().ok().filter(|n| *n > 0);
        let numbers = match text.split_once("..") {
            None => number(text).map(|n| (n, n)),
            Some((from, "")) => number(from).map(|n| (n, u64::MAX)),
            Some((from, to)) => number(from).zip(number(to)),
        };
        let numbers = numbers.filter(|(from, to)| from <= to);
        numbers.map(|(from, to)| Self { from, to }).ok_or_else(|| {
            Wrong(format!("{text} is no number from 1, and no range such as 1..3 or 2.."))
        })
    }

    pub(crate) fn has(self, n: u64) -> bool {
        (self.from..=self.to).contains(&n)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, u64::MAX) => write!(f, "{from}.."),
            (from, to) if from == to => write!(f, "{from}"),
            (from, to) => write!(f, "{from}..{to}"),
        }
    }
}

/// The draw, in `[0, 1)`, that the probability of rule number `rule` (from 1) is held against. `key` is
/// what was asked and which attempt it is.
pub(crate) fn draw(seed: u64, rule: usize, key: &[&[u8]]) -> f64 {
    let asked = hash(seed, key);
    Draws::from(hash(asked, &[b"rule", &(rule as u64).to_le_bytes()])).unit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_the_whole_text() {
        let covers = |pattern: &str, text: &str| Pattern::new(pattern).covers(text);
        for (pattern, text) in [
            ("*", ""),
            ("*", "/a/b"),
            ("/a", "/a"),
            ("/img/*.gif", "/img/x/y.gif"),
            ("*.gif", "/a.gif.gif"),
            ("/*/b/*", "/a/b/b/c"),
            ("**a", "aa"),
        ] {
            assert!(covers(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("/a", "/a/"), ("/a", "/A"), ("*.gif", "/a.png"), ("a*b*c", "acb")]
        {
            assert!(!covers(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_long_pattern_takes_no_endless_time() {
        let pattern = Pattern::new("*a".repeat(100) + "b");
        assert!(!pattern.covers(&"a".repeat(100_000)));
    }

    #[test]
    fn numbers_and_ranges() {
        let numbers = |text: &str| Numbers::parse(text).unwrap();
        assert!(numbers("3").has(3) && !numbers("3").has(4));
        assert!(numbers("1..3").has(1) && numbers("1..3").has(3) && !numbers("1..3").has(4));
        assert!(numbers("2..").has(u64::MAX) && !numbers("2..").has(1));
        for text in ["3", "1..3", "2.."] {
            assert_eq!(numbers(text).to_string(), text);
        }
        for text in ["", "0", "x", "..", "..3", "3..1", "1..x", "-1"] {
            assert!(Numbers::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn draws_are_even_and_each_rule_has_its_own() {
        let share = |rule| {
            let hits = (0..10_000_u64).filter(|n| draw(1, rule, &[&n.to_le_bytes()]) < 0.3).count();
            assert!((2800..3200).contains(&hits), "{hits}");
        };
        share(1);
        share(2);
        assert!((draw(1, 1, &[b"a"]) - draw(1, 2, &[b"a"])).abs() > f64::EPSILON);
        assert!((draw(1, 1, &[b"a"]) - draw(1, 1, &[b"a"])).abs() < f64::EPSILON);
    }
}

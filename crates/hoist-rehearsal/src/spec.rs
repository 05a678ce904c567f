//! How a fault is written, in a URL and in a scenario alike: `name?key=value&key=value`. Values are
//! percent-decoded.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::percent::decode;

/// The largest number a parameter may be.
const LARGEST: u64 = 1 << 40;
/// The longest time a parameter may be.
pub(crate) const LONGEST: Duration = Duration::from_mins(10);

/// What is wrong with a fault, or with a word of a scenario, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub(crate) String);

impl Wrong {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes a fault as written apart into its name and its parameters.
pub(crate) fn split(spec: &str) -> (&str, Params<'_>) {
    let (name, query) = spec.split_once('?').unwrap_or((spec, ""));
    (name, Params::of(query))
}

/// Parameters, each asked for once; then `done` refuses what nobody asked for, so that a mistyped
/// parameter is not a quiet default. Parameters that start with `x` or are called `id` only make URLs
/// differ, and are let through.
pub(crate) struct Params<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Params<'a> {
    /// A parameter without `=` has an empty value.
    pub(crate) fn of(query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect())
    }

    /// Puts a parameter that stood elsewhere, such as in a path, with the others.
    pub(crate) fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.0.push((name, value));
        self
    }

    /// Calls a parameter what it is called elsewhere.
    pub(crate) fn renamed(mut self, from: &str, to: &'a str) -> Self {
        for (name, _) in self.0.iter_mut().filter(|(name, _)| *name == from) {
            *name = to;
        }
        self
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Wrong> {
        let Some(at) = self.0.iter().position(|(n, _)| *n == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        decode(value).map(Some).map_err(|why| Wrong(format!("{name}: {why}")))
    }

    /// A text that will stand in one line of a head.
    pub(crate) fn line(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Wrong> {
        match self.text(name)? {
            Some(text) if text.contains(|c: char| c.is_control()) => {
                Err(Wrong(format!("{name}: control characters")))
            }
            text => Ok(text),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<Option<u64>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|n| *n <= LARGEST);
        number.map(Some).ok_or_else(|| Wrong(format!("{name} is a number up to 2^40, not {text}")))
    }

    /// A number from 1.
    pub(crate) fn count_or(&mut self, name: &str, or: u64, most: u64) -> Result<u64, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(or) };
        let number = text.parse().ok().filter(|n| (1..=most).contains(n));
        number.ok_or_else(|| Wrong(format!("{name} is a number from 1 to {most}, not {text}")))
    }

    /// So many bytes, from 1: a number, with K, M or G for powers of 1024.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<u64>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let units = [("K", 10), ("M", 20), ("G", 30), ("", 0)];
        let (number, shift) = units
            .iter()
            .find_map(|(unit, shift)| text.strip_suffix(unit).map(|number| (number, *shift)))
            .unwrap_or((&text, 0));
        let bytes = number.parse().ok().and_then(|n: u64| n.checked_mul(1 << shift));
        bytes.filter(|n| (1..=LARGEST).contains(n)).map(Some).ok_or_else(|| {
            Wrong(format!(
                "{name} is a number of bytes from 1, such as 1000, 64K or 10M, not {text}"
            ))
        })
    }

    /// A number that may be below zero.
    pub(crate) fn signed(&mut self, name: &str) -> Result<Option<i64>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|n: &i64| n.unsigned_abs() <= LARGEST);
        number.map(Some).ok_or_else(|| Wrong(format!("{name} is a number up to 2^40, not {text}")))
    }

    pub(crate) fn number_or(&mut self, name: &str, or: u64) -> Result<u64, Wrong> {
        Ok(self.number(name)?.unwrap_or(or))
    }

    /// Seconds, or with a unit: `0.2`, `2s`, `500ms`, `1m`.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<Duration>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        time(&text).map(Some).map_err(|why| Wrong(format!("{name} {why}")))
    }

    /// One time, or a range of them: `0.5s..5s`.
    pub(crate) fn times(&mut self, name: &str) -> Result<Option<RangeInclusive<Duration>>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let (from, to) = text.split_once("..").unwrap_or((&text, &text));
        let both = time(from).and_then(|from| Ok(from..=time(to)?));
        let range = both.map_err(|why| Wrong(format!("{name} {why}")))?;
        if range.is_empty() {
            return Err(Wrong(format!("{name}: {text} begins after its end")));
        }
        Ok(Some(range))
    }

    pub(crate) fn time_or(&mut self, name: &str, or: Duration) -> Result<Duration, Wrong> {
        Ok(self.time(name)?.unwrap_or(or))
    }

    pub(crate) fn status_or(&mut self, name: &str, or: u16) -> Result<u16, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(or) };
        let code = text.parse().ok().filter(|code| (200..=999).contains(code));
        code.ok_or_else(|| Wrong(format!("{name} is a status from 200 to 999, not {text}")))
    }

    /// One of a few words; without the parameter, the first.
    pub(crate) fn one_of<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<T, Wrong> {
        let text = self.text(name)?;
        let found = match &text {
            None => choices.first(),
            Some(text) => choices.iter().find(|(word, _)| word == text),
        };
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            Wrong(format!(
                "{name} is one of {}, not {}",
                words.join(", "),
                text.unwrap_or_default()
            ))
        })
    }

    pub(crate) fn done(self) -> Result<(), Wrong> {
        match self.0.iter().find(|(name, _)| *name != "id" && !name.starts_with('x')) {
            None => Ok(()),
            Some((name, _)) => Err(Wrong(format!("there is no parameter {name} here"))),
        }
    }
}

/// Reads a time up to ten minutes; a bare number is in seconds.
pub(crate) fn time(text: &str) -> Result<Duration, Wrong> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("", 1.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(unit, seconds)| text.strip_suffix(unit).map(|number| (number, seconds)))
        .unwrap_or((text, &1.0));
    let seconds = number.parse::<f64>().ok().map(|n| n * unit);
    let time = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    time.filter(|time| *time <= LONGEST)
        .ok_or_else(|| Wrong(format!("is a time up to 10m, such as 2s or 500ms, not {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_comes_apart() {
        let (name, mut params) = split("short?of=1000&to=a%26b&x1=3&id");
        assert_eq!(name, "short");
        assert_eq!(params.number("of"), Ok(Some(1000)));
        assert_eq!(params.text("to"), Ok(Some("a&b".into())));
        assert_eq!(params.number("send"), Ok(None));
        assert_eq!(params.done(), Ok(()));
        assert_eq!(split("reset").0, "reset");
        let mut params = Params::of("by=-3&on=-1099511627777");
        assert_eq!(params.signed("by"), Ok(Some(-3)));
        assert!(params.signed("on").is_err());
    }

    #[test]
    fn times_have_units() {
        for (text, millis) in
            [("2", 2000), ("0.25", 250), ("3s", 3000), ("50ms", 50), ("1m", 60_000)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "NaN", "inf", "11m", "1h", "2 s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_name() {
        let wrong = |query: &'static str, ask: &dyn Fn(&mut Params<'_>) -> Result<(), Wrong>| {
            let mut params = Params::of(query);
            ask(&mut params).and_then(|()| params.done()).unwrap_err().0
        };
        let number = |p: &mut Params<'_>| p.number("of").map(drop);
        assert_eq!(wrong("of=x", &number), "of is a number up to 2^40, not x");
        assert_eq!(wrong("off=1", &number), "there is no parameter off here");
        assert_eq!(wrong("of=1&of=2", &number), "there is no parameter of here");
        let choice = |p: &mut Params<'_>| p.one_of("as", &[("gzip", 1), ("br", 2)]).map(drop);
        assert_eq!(wrong("as=zip", &choice), "as is one of gzip, br, not zip");
        let line = |p: &mut Params<'_>| p.line("url").map(drop);
        assert_eq!(wrong("url=%0a", &line), "url: control characters");
    }
}

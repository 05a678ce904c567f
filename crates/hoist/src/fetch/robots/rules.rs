//! What a robots.txt says to us (RFC 9309 §2.2).

use std::time::Duration;

use memchr::memmem;

use crate::plan::defaults;

/// Our product token (RFC 9309 §2.2.1).
const TOKEN: &[u8] = b"hoist";
/// Bytes of a rule that are told.
const SHOWN: usize = 200;

/// What one robots.txt says to us.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// The time between requests. No RFC has it; many sites do.
    pub(super) delay: Duration,
}

#[derive(Debug)]
pub(super) struct Rule {
    allows: bool,
    /// Normalized, so that it is compared byte by byte.
    pattern: Box<[u8]>,
    line: u32,
}

/// Which robots a group is for.
#[derive(Debug, Clone, Copy, Default)]
struct For {
    us: bool,
    all: bool,
}

impl Rules {
    /// Reads a robots.txt. What is not understood is passed over, as RFC 9309 §2.2.4 asks for.
    pub(super) fn parse(text: &[u8]) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (mut ours, mut others) = (Self::default(), Self::default());
        let mut found_us = false;
        let (mut group, mut naming) = (For::default(), false);
        for (line, (key, value)) in fields(text) {
            if key.eq_ignore_ascii_case(b"user-agent") {
                // Names that stand together share what follows; of one robot there may be several groups.
                if !std::mem::replace(&mut naming, true) {
                    group = For::default();
                }
                group.us |= token(value).eq_ignore_ascii_case(TOKEN);
                group.all |= value.starts_with(b"*");
                found_us |= group.us;
                continue;
            }
            let allows = key.eq_ignore_ascii_case(b"allow");
            let is_rule = allows || key.eq_ignore_ascii_case(b"disallow");
            let is_delay = key.eq_ignore_ascii_case(b"crawl-delay");
            if !is_rule && !is_delay {
                // Of others, such as Sitemap, none ends a group (§2.2.4).
                continue;
            }
            naming = false;
            for (is_for, rules) in [(group.us, &mut ours), (group.all, &mut others)] {
                if !is_for {
                    continue;
                }
                if is_delay {
                    rules.delay = rules.delay.max(delay(value));
                } else if !value.is_empty() {
                    rules.rules.push(Rule { allows, pattern: normal(value, true).into(), line });
                }
            }
        }
        if found_us { ours } else { others }
    }

    /// The rule that forbids a path with its query, if one does: the longest that fits decides, and where
    /// two are as long, the one that allows (§2.2.2).
    pub(super) fn forbids(&self, target: &str) -> Option<&Rule> {
        if self.rules.is_empty() || target == "/robots.txt" {
            return None;
        }
        let target = normal(target.as_bytes(), false);
        let fitting = self.rules.iter().filter(|rule| rule.fits(&target));
        let decides = fitting.max_by_key(|rule| (rule.pattern.len(), rule.allows))?;
        (!decides.allows).then_some(decides)
    }

    /// Bytes that it takes, about.
    pub(super) fn weight(&self) -> usize {
        let of = |rule: &Rule| size_of::<Rule>() + rule.pattern.len();
        size_of::<Self>() + self.rules.iter().map(of).sum::<usize>()
    }
}

impl Rule {
    /// As its line says it.
    pub(super) fn told(&self) -> String {
        let shown = &self.pattern[..self.pattern.len().min(SHOWN)];
        format!("line {}: Disallow: {}", self.line, String::from_utf8_lossy(shown))
    }

    fn fits(&self, target: &[u8]) -> bool {
        let (pattern, ends) = match self.pattern.strip_suffix(b"$") {
            Some(pattern) => (pattern, true),
            None => (&*self.pattern, false),
        };
        let mut parts = pattern.split(|byte| *byte == b'*');
        let Some(mut rest) = parts.next().and_then(|first| target.strip_prefix(first)) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return !ends || rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if ends && parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some(at) = memmem::find(rest, part) else { return false };
            rest = &rest[at + part.len()..];
        }
        true
    }
}

/// Keys and values with the numbers of their lines, without blanks and comments.
fn fields(text: &[u8]) -> impl Iterator<Item = (u32, (&[u8], &[u8]))> {
    // CR LF is one end of a line, so the blank one between them has no number.
    let mut number = 0;
    let mut before = b'\n';
    text.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')).filter_map(move |line| {
        let (line, end) = match line.split_last() {
            Some((end @ (b'\r' | b'\n'), line)) => (line, *end),
            _ => (line, 0),
        };
        let between = line.is_empty() && end == b'\n' && before == b'\r';
        before = end;
        number += u32::from(!between);
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((number, (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii())))
    })
}

/// The product token at the beginning of a name such as `ExampleBot/1.0`.
fn token(name: &[u8]) -> &[u8] {
    let is_of = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
    let end = name.iter().position(|byte| !is_of(byte)).unwrap_or(name.len());
    &name[..end]
}

/// Seconds, with a fraction or not. What is none asks for no time.
fn delay(value: &[u8]) -> Duration {
    let seconds = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
    let time = seconds.filter(|s| *s > 0.0).map(Duration::try_from_secs_f64);
    time.map_or(Duration::ZERO, |time| time.unwrap_or(defaults::FOREVER).min(defaults::FOREVER))
}

/// The form in which paths are compared (§2.2.2): what need not be escaped is not, what must be is. `*` and
/// `$` mean themselves in a URL, and there only escaped in a pattern.
fn normal(text: &[u8], is_pattern: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let escaped = match text.get(at..at + 3) {
            Some([b'%', high, low]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        let last = at + 1 == text.len();
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped.map(|(high, low)| high << 4 | low) {
            Some(plain @ (b'-' | b'.' | b'_' | b'~')) => out.push(plain),
            Some(plain) if plain.is_ascii_alphanumeric() => out.push(plain),
            Some(other) => escape(&mut out, other),
            None if byte == b'$' && is_pattern && last => out.push(byte),
            None if byte == b'*' && is_pattern => {
                // Several say no more than one.
                if out.last() != Some(&b'*') {
                    out.push(byte);
                }
            }
            None if matches!(byte, b'*' | b'$') || !byte.is_ascii_graphic() => {
                escape(&mut out, byte);
            }
            None => out.push(byte),
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

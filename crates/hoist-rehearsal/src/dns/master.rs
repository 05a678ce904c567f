//! Zone files: the master file format (RFC 1035, section 5), as far as it tells which names exist, and
//! what they have of the types that are known.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::data::data;
use super::message::kind_of;
use super::name::Name;
use super::zone::{DnsZone, Listed, list_above};

/// What is wrong with a zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    line: usize,
    why: String,
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ZoneError {}

impl DnsZone {
    /// Reads a zone file. `zone` is the zone's name and the first origin. A, AAAA, CNAME, NS, SOA, MX, TXT
    /// and PTR are known; records of other types make their owners exist. No zone is delegated by NS. `$ORIGIN`, `$TTL`, comments, parentheses and quoted
    /// strings are read as RFC 1035, section 5.1 has them; `*` as RFC 4592 has it. `$INCLUDE` is not read.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn from_file(zone: &str, text: &str) -> Result<Self, ZoneError> {
        let wrong = |why: &str| ZoneError { line: 0, why: why.to_owned() };
        let apex = Name::parse(zone).ok_or_else(|| wrong("the zone's own name is no name"))?;
        let mut reader =
            Reader { names: HashMap::new(), origin: apex.clone(), owner: None, apex: apex.clone() };
        for (line, entry) in entries(text)? {
            reader.entry(&entry).map_err(|why| ZoneError { line, why })?;
        }
        Ok(Self::of(apex, reader.names))
    }
}

struct Reader {
    names: HashMap<Name, Listed>,
    apex: Name,
    origin: Name,
    /// The owner of the last record, for those that begin with a blank.
    owner: Option<Name>,
}

impl Reader {
    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        let mut words = entry.words.iter().map(String::as_str);
        if !entry.indented {
            let first = words.next().unwrap_or_default();
            match first.to_ascii_uppercase().as_str() {
                "$ORIGIN" => {
                    let origin = words.next().ok_or("$ORIGIN needs a name")?;
                    self.origin = self.name(origin)?;
                    return Ok(());
                }
                "$TTL" => return Ok(()),
                directive if directive.starts_with('$') => {
                    return Err(format!("{first} is not read"));
                }
                _ => self.owner = Some(self.name(first)?),
            }
        }
        let owner = self.owner.clone().ok_or("a record without an owner")?;
        if !owner.is_within(&self.apex) {
            return Err(format!("{owner} is not in {}", self.apex));
        }
        // A time to live and a class may come before the type, in either order.
        let kind = words
            .find(|word| !is_ttl(word) && !is_class(word))
            .ok_or_else(|| format!("a record of {owner} without a type"))?;
        let known = kind_of(kind).is_some() || kind.bytes().all(|b| b.is_ascii_alphanumeric());
        if !known {
            return Err(format!("{kind} is no type"));
        }
        let data: Vec<_> = words.collect();
        self.record(owner, &kind.to_ascii_uppercase(), &data)
    }

    fn record(&mut self, owner: Name, kind: &str, words: &[&str]) -> Result<(), String> {
        let one = || match words {
            [one] => Ok(*one),
            _ => Err(format!("{kind} has one value, not {}", words.len())),
        };
        let mut address: Option<IpAddr> = None;
        let (mut alias, mut other) = (None, None);
        match kind {
            "A" => {
                let text = one()?;
                let four: Option<Ipv4Addr> = text.parse().ok();
                address = Some(four.ok_or_else(|| format!("{text} is no IPv4 address"))?.into());
            }
            "AAAA" => {
                let text = one()?;
                let six: Option<Ipv6Addr> = text.parse().ok();
                address = Some(six.ok_or_else(|| format!("{text} is no IPv6 address"))?.into());
            }
            "CNAME" => alias = Some(self.name(one()?)?),
            _ if words.is_empty() => return Err(format!("{kind} without a value")),
            _ => other = data(kind, words, |text| self.name(text))?,
        }
        list_above(&mut self.names, &owner, &self.apex);
        let listed = self.names.entry(owner).or_default();
        // Nothing stands beside an alias (RFC 1034, section 3.6.2).
        let beside = !listed.addresses.is_empty() || !listed.records.is_empty();
        if listed.alias.is_some() || (alias.is_some() && beside) {
            return Err("an alias has no other records".to_owned());
        }
        listed.alias = alias;
        listed.addresses.extend(address);
        listed.records.extend(other);
        Ok(())
    }

    /// A name, relative to the origin unless it ends in a dot.
    fn name(&self, text: &str) -> Result<Name, String> {
        let wrong = || format!("{text} is no name");
        if text == "@" {
            return Ok(self.origin.clone());
        }
        let ends = text.ends_with('.') && !text.ends_with("\\.");
        let full = match self.origin.to_string().as_str() {
            _ if ends => text.to_owned(),
            "." => text.to_owned(),
            origin => format!("{text}.{origin}"),
        };
        Name::parse(&full).ok_or_else(wrong)
    }
}

/// A number, or numbers with units as servers write them (`1h30m`).
fn is_ttl(word: &str) -> bool {
    let digit = word.starts_with(|c: char| c.is_ascii_digit());
    digit && word.bytes().all(|b| b.is_ascii_digit() || b"smhdwSMHDW".contains(&b))
}

fn is_class(word: &str) -> bool {
    ["IN", "CH", "HS", "CS"].iter().any(|class| word.eq_ignore_ascii_case(class))
}

/// A record or a directive: its words, and whether it began with a blank.
#[derive(Debug, Default)]
struct Entry {
    indented: bool,
    words: Vec<String>,
}

/// The entries of a file with the lines they begin at. Parentheses let one go on over line ends.
fn entries(text: &str) -> Result<Vec<(usize, Entry)>, ZoneError> {
    let mut all = Vec::new();
    let (mut entry, mut began, mut depth) = (Entry::default(), 1, 0_u32);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if depth == 0 {
            (entry, began) = (Entry::default(), number);
            entry.indented = line.starts_with([' ', '\t']);
        }
        let wrong = |why: &str| ZoneError { line: number, why: why.to_owned() };
        words(line, &mut entry.words, &mut depth).map_err(wrong)?;
        if depth == 0 && !entry.words.is_empty() {
            all.push((began, std::mem::take(&mut entry)));
        }
    }
    if depth > 0 {
        return Err(ZoneError { line: began, why: "a parenthesis is never closed".to_owned() });
    }
    Ok(all)
}

fn words(line: &str, all: &mut Vec<String>, depth: &mut u32) -> Result<(), &'static str> {
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' => {}
            ';' => return Ok(()),
            '(' => *depth += 1,
            ')' => *depth = depth.checked_sub(1).ok_or("a parenthesis that was not opened")?,
            '"' => {
                let mut word = String::new();
                loop {
                    match chars.next().ok_or("a quote that is not closed")? {
                        '"' => break,
                        '\\' => word.extend(['\\', chars.next().ok_or("a lone backslash")?]),
                        c => word.push(c),
                    }
                }
                all.push(word);
            }
            first => {
                let mut word = String::new();
                let mut next = Some(first);
                while let Some(c) = next {
                    word.push(c);
                    if c == '\\' {
                        word.push(chars.next().ok_or("a lone backslash")?);
                    }
                    next =
                        chars.next_if(|c| !matches!(c, ' ' | '\t' | '\r' | ';' | '(' | ')' | '"'));
                }
                all.push(word);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::zone::truth;
    use super::*;
    use crate::hash::Draws;

    const FILE: &str = "\
$TTL 1h
@   IN SOA ns hostmaster ( 1 ; serial
        3600 600
        86400 60 )
    IN NS ns
ns  A 127.0.0.53
www 300 IN A 127.0.0.1
    IN 300 AAAA ::1
alias CNAME www
out CNAME www.elsewhere.org.
text TXT \"a ; (quoted\" word
*.wild A 127.0.0.9
deep.er.example.dev. A 127.0.0.2
$ORIGIN sub
a A 127.0.0.3
here.wild.example.dev. MX 10 www
";

    fn zone() -> DnsZone {
        DnsZone::from_file("example.dev", FILE).unwrap()
    }

    fn told(text: &str) -> (bool, Vec<Ipv4Addr>, usize, bool) {
        let truth = truth(&[zone()], 1, &Name::parse(text).unwrap());
        (truth.exists, truth.a, truth.aaaa.len(), truth.told)
    }

    #[test]
    fn a_file_as_people_write_them() {
        let at = |last| vec![Ipv4Addr::new(127, 0, 0, last)];
        assert_eq!(told("www.example.dev"), (true, at(1), 1, true));
        assert_eq!(told("WWW.example.dev."), (true, at(1), 1, true));
        assert_eq!(told("alias.example.dev"), (true, at(1), 1, true));
        assert_eq!(told("ns.example.dev"), (true, at(53), 0, true));
        assert_eq!(told("example.dev"), (true, vec![], 0, true));
        assert_eq!(told("text.example.dev"), (true, vec![], 0, true));
        assert_eq!(told("a.sub.example.dev"), (true, at(3), 0, true));
        assert_eq!(told("er.example.dev"), (true, vec![], 0, true), "above one that exists");
        assert_eq!(told("none.example.dev"), (false, vec![], 0, true));
        assert_eq!(told("out.example.dev"), (true, vec![], 0, false), "another's to tell");
        assert_eq!(told("x.wild.example.dev"), (true, at(9), 0, true));
        assert_eq!(told("x.y.wild.example.dev"), (true, at(9), 0, true));
        assert_eq!(told("here.wild.example.dev"), (true, vec![], 0, true), "it exists itself");
        assert_eq!(told("x.here.wild.example.dev"), (false, vec![], 0, true), "no * is below it");
    }

    #[test]
    fn records_of_other_types() {
        let zone = zone();
        let of = |text: &str, kind: &str| {
            let name = Name::parse(text).unwrap();
            zone.records(&name, kind_of(kind).unwrap()).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let wire = |text: &str| Name::parse(text).unwrap().wire().to_vec();
        assert_eq!(of("example.dev", "NS"), [wire("ns.example.dev")]);
        assert_eq!(of("text.example.dev", "TXT"), [b"\x0ba ; (quoted\x04word"[..].to_vec()]);
        let mx = [b"\0\x0a".to_vec(), wire("www.sub.example.dev")].concat();
        assert_eq!(of("here.wild.example.dev", "MX"), [mx]);
        assert_eq!(of("example.dev", "SOA").len(), 1);
        assert!(of("x.wild.example.dev", "MX").is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            ("a A 127.0.0.1\nb A 1.2.3", "line 2: 1.2.3 is no IPv4 address"),
            ("a AAAA 127.0.0.1", "line 1: 127.0.0.1 is no IPv6 address"),
            ("a A 127.0.0.1 127.0.0.2", "line 1: A has one value, not 2"),
            ("a.example.org. A 127.0.0.1", "line 1: a.example.org is not in dev"),
            ("\n A 127.0.0.1", "line 2: a record without an owner"),
            ("a IN 300", "line 1: a record of a.dev without a type"),
            ("a ( A\n127.0.0.1", "line 1: a parenthesis is never closed"),
            ("a A 127.0.0.1 )", "line 1: a parenthesis that was not opened"),
            ("a TXT \"b", "line 1: a quote that is not closed"),
            ("$INCLUDE x", "line 1: $INCLUDE is not read"),
            ("a..b A 127.0.0.1", "line 1: a..b is no name"),
            ("a CNAME b\na A 127.0.0.1", "line 2: an alias has no other records"),
            ("a TXT b\na CNAME b", "line 2: an alias has no other records"),
            ("a MX b", "line 1: MX has 2 values, not 1"),
        ] {
            assert_eq!(DnsZone::from_file("dev", text).unwrap_err().to_string(), why, "{text}");
        }
        assert!(DnsZone::from_file("a..b", "").is_err());
    }

    #[test]
    fn any_text_can_be_read() {
        let mut draws = Draws::from(1);
        for _ in 0..20_000 {
            let mut text = FILE.as_bytes().to_vec();
            for _ in 0..4 {
                let at = usize::try_from(draws.next()).unwrap() % text.len();
                text[at] = b"()\"\\;@*$. \n\tA9"[usize::try_from(draws.next()).unwrap() % 14];
            }
            let text = String::from_utf8(text).unwrap();
            if let Ok(zone) = DnsZone::from_file("example.dev", &text) {
                truth(&[zone], 1, &Name::parse("x.wild.example.dev").unwrap());
            }
        }
    }
}

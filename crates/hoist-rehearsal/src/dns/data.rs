//! Data of records, from the words of a zone file to the wire (RFC 1035, sections 3.3 and 5.1).

use super::message::{MX, NS, PTR, SOA, TXT};
use super::name::Name;

/// The longest string in a TXT record, and the longest data of all (RFC 1035, sections 3.3 and 4.1.3).
const STRING_LIMIT: usize = 255;
const DATA_LIMIT: usize = 65_535;

/// The type and data of a record in wire form. None of a type that is not known; `name` reads a name as
/// the file has it.
pub(super) fn data(
    kind: &str,
    words: &[&str],
    name: impl Fn(&str) -> Result<Name, String>,
) -> Result<Option<(u16, Vec<u8>)>, String> {
    let count = |n: usize| {
        if words.len() == n {
            return Ok(());
        }
        let values = if n == 1 { "one value" } else { &format!("{n} values") };
        Err(format!("{kind} has {values}, not {}", words.len()))
    };
    let mut data = Vec::new();
    let kind = match kind {
        "NS" | "PTR" => {
            count(1)?;
            data.extend_from_slice(name(words[0])?.wire());
            if kind == "NS" { NS } else { PTR }
        }
        "MX" => {
            count(2)?;
            let preference: u16 =
                words[0].parse().map_err(|_| format!("{} is no preference", words[0]))?;
            data.extend_from_slice(&preference.to_be_bytes());
            data.extend_from_slice(name(words[1])?.wire());
            MX
        }
        "SOA" => {
            count(7)?;
            for word in &words[..2] {
                data.extend_from_slice(name(word)?.wire());
            }
            for word in &words[2..] {
                data.extend_from_slice(&seconds(word)?.to_be_bytes());
            }
            SOA
        }
        "TXT" => {
            for word in words {
                let string = string(word)?;
                data.push(u8::try_from(string.len()).unwrap_or_default());
                data.extend_from_slice(&string);
            }
            TXT
        }
        _ => return Ok(None),
    };
    if data.len() > DATA_LIMIT {
        return Err(format!("{} bytes are too long for a record", data.len()));
    }
    Ok(Some((kind, data)))
}

/// A number, or a time with units as servers write it (`1h30m`).
fn seconds(word: &str) -> Result<u32, String> {
    let wrong = || format!("{word} is no number");
    let (mut sum, mut digits) = (0_u64, String::new());
    for c in word.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let n: u32 = std::mem::take(&mut digits).parse().map_err(|_| wrong())?;
        sum = sum.saturating_add(u64::from(n) * unit);
    }
    if !digits.is_empty() {
        sum = sum.saturating_add(digits.parse::<u32>().map_err(|_| wrong())?.into());
    } else if word.is_empty() {
        return Err(wrong());
    }
    u32::try_from(sum).map_err(|_| wrong())
}

/// The bytes of a string; `\X` is X, `\DDD` the byte of that number.
fn string(word: &str) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    let mut bytes = word.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            all.push(byte);
            continue;
        }
        let wrong = || format!("{word} has a wrong \\");
        let next = bytes.next().ok_or_else(wrong)?;
        if !next.is_ascii_digit() {
            all.push(next);
            continue;
        }
        let mut number = u32::from(next - b'0');
        for _ in 0..2 {
            let digit = bytes.next().filter(u8::is_ascii_digit).ok_or_else(wrong)?;
            number = number * 10 + u32::from(digit - b'0');
        }
        all.push(u8::try_from(number).map_err(|_| wrong())?);
    }
    if all.len() > STRING_LIMIT {
        return Err(format!("a string of {} bytes; one has at most {STRING_LIMIT}", all.len()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, words: &[&str]) -> Result<Option<(u16, Vec<u8>)>, String> {
        data(kind, words, |text| Name::parse(text).ok_or_else(|| format!("{text} is no name")))
    }

    #[test]
    fn words_become_data() {
        for (kind, words, number, expected) in [
            ("NS", &["ns.a"][..], NS, b"\x02ns\x01a\0".as_slice()),
            ("PTR", &["."], PTR, b"\0"),
            ("MX", &["10", "a"], MX, b"\0\x0a\x01a\0"),
            (
                "SOA",
                &["a", "b", "1", "1h30m", "2d", "1w1s", "0"],
                SOA,
                b"\x01a\0\x01b\0\0\0\0\x01\0\0\x15\x18\0\x02\xa3\0\0\x09\x3a\x81\0\0\0\0",
            ),
            ("TXT", &["a b", "", "\\\"\\001\\255"], TXT, b"\x03a b\0\x03\"\x01\xff"),
        ] {
            assert_eq!(read(kind, words), Ok(Some((number, expected.to_vec()))), "{kind}");
        }
        assert_eq!(read("CAA", &["0", "issue", "a"]), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let long = "x".repeat(256);
        for (kind, words, why) in [
            ("NS", &["a", "b"][..], "NS has one value, not 2"),
            ("MX", &["a"], "MX has 2 values, not 1"),
            ("MX", &["65536", "a"], "65536 is no preference"),
            ("PTR", &["a..b"], "a..b is no name"),
            ("SOA", &["a", "b", "1", "2", "3", "4", "x"], "x is no number"),
            ("SOA", &["a", "b", "1", "2", "3", "4", "7102w"], "7102w is no number"),
            ("SOA", &["a", "b", "1", "2", "3", "4", "h"], "h is no number"),
            ("TXT", &["\\25"], "\\25 has a wrong \\"),
            ("TXT", &["\\256"], "\\256 has a wrong \\"),
            ("TXT", &[&long], "a string of 256 bytes; one has at most 255"),
        ] {
            assert_eq!(read(kind, words), Err(why.to_owned()), "{kind} {words:?}");
        }
    }
}

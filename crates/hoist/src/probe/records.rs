//! Records as people write them: the presentation form of master files (RFC 1035 §5.1).

use std::fmt::Write;

use domain::base::ParsedRecord;
use domain::base::iana::Rtype;
use domain::base::name::ParsedName;
use domain::rdata::{Cname, Mx, Ns, Ptr, Soa, Txt};

/// Bytes of the text of an answer: as many as if each byte of the longest message were `\DDD`. Only
/// names that all point to one long name in the message could come to more.
const TEXT_MAX: usize = 4 * 65_535;

/// The records of an answer. Nothing is allocated before the first.
#[derive(Debug, Default)]
pub(super) struct Records {
    all: Vec<Box<str>>,
    /// Of their text.
    bytes: usize,
}

impl Records {
    /// Takes one in. `None`: it can't be read, or it is one too many.
    pub(super) fn push(&mut self, record: &ParsedRecord<'_, &[u8]>) -> Option<()> {
        let text = presented(record)?;
        self.bytes += text.len();
        if self.bytes > TEXT_MAX {
            return None;
        }
        self.all.push(text.into_boxed_str());
        Some(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn into_boxed(self) -> Box<[Box<str>]> {
        self.all.into_boxed_slice()
    }
}

/// The data of a record. Only printable ASCII is in it.
fn presented(record: &ParsedRecord<'_, &[u8]>) -> Option<String> {
    let mut text = String::new();
    match record.rtype() {
        Rtype::NS => {
            let record = record.to_record::<Ns<ParsedName<&[u8]>>>().ok()??;
            name(&mut text, record.data().nsdname());
        }
        Rtype::CNAME => {
            let record = record.to_record::<Cname<ParsedName<&[u8]>>>().ok()??;
            name(&mut text, record.data().cname());
        }
        Rtype::PTR => {
            let record = record.to_record::<Ptr<ParsedName<&[u8]>>>().ok()??;
            name(&mut text, record.data().ptrdname());
        }
        Rtype::MX => {
            let record = record.to_record::<Mx<ParsedName<&[u8]>>>().ok()??;
            // Writing to a string does not fail, here and below.
            let _ = write!(text, "{} ", record.data().preference());
            name(&mut text, record.data().exchange());
        }
        Rtype::SOA => {
            let record = record.to_record::<Soa<ParsedName<&[u8]>>>().ok()??;
            let soa = record.data();
            name(&mut text, soa.mname());
            text.push(' ');
            name(&mut text, soa.rname());
            let _ = write!(text, " {}", soa.serial().into_int());
            for time in [soa.refresh(), soa.retry(), soa.expire(), soa.minimum()] {
                let _ = write!(text, " {}", time.as_secs());
            }
        }
        Rtype::TXT => {
            let record = record.to_record::<Txt<&[u8]>>().ok()??;
            for string in record.data().iter() {
                if !text.is_empty() {
                    text.push(' ');
                }
                quoted(&mut text, string);
            }
            // There is at least one string (RFC 1035 §3.3.14).
            if text.is_empty() {
                return None;
            }
        }
        _ => return None,
    }
    Some(text)
}

/// A name with its dot at the end, in lower case: names are compared without case (RFC 4343), and a
/// name that points to that of the question has whatever case the question had.
fn name(text: &mut String, name: &ParsedName<&[u8]>) {
    for label in name {
        if label.is_root() {
            break;
        }
        for &byte in label.as_slice() {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                    text.push('\\');
                    text.push(char::from(byte));
                }
                0x21..=0x7e => text.push(char::from(byte.to_ascii_lowercase())),
                other => decimal(text, other),
            }
        }
        text.push('.');
    }
    if name.is_root() {
        text.push('.');
    }
}

fn quoted(text: &mut String, string: &[u8]) {
    text.push('"');
    for &byte in string {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            0x20..=0x7e => text.push(char::from(byte)),
            other => decimal(text, other),
        }
    }
    text.push('"');
}

/// `\DDD`.
fn decimal(text: &mut String, byte: u8) {
    let _ = write!(text, "\\{byte:03}");
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;

//! Names: on the wire labels with their lengths, ending in an empty one (RFC 1035, section 3.1);
//! compared in lower case.

use std::fmt;

/// The longest name and label (RFC 1035, section 2.3.4).
const NAME_LIMIT: usize = 255;
const LABEL_LIMIT: usize = 63;

/// A name in wire form, lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(Vec<u8>);

impl Name {
    /// From wire form, which must be whole.
    pub(crate) fn from_wire(wire: &[u8]) -> Self {
        // Lengths are below the letters, so they stay as they are.
        Self(wire.to_ascii_lowercase())
    }

    /// From text, with or without the last dot, `\.` and `\DDD` as in zone files (RFC 1035, section
    /// 5.1). None for what is no name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::new();
        let mut bytes = text.bytes();
        let mut any = false;
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' if text == "." => {}
                b'.' => push(&mut wire, &mut label)?,
                b'\\' => {
                    let next = bytes.next()?;
                    let digit = |b: u8| char::from(b).to_digit(10);
                    match digit(next) {
                        None => label.push(next),
                        Some(a) => {
                            let (b, c) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                            label.push(u8::try_from(a * 100 + b * 10 + c).ok()?);
                        }
                    }
                }
                byte => label.push(byte),
            }
            any = true;
        }
        if !label.is_empty() {
            push(&mut wire, &mut label)?;
        }
        wire.push(0);
        (any && wire.len() <= NAME_LIMIT).then(|| Self::from_wire(&wire))
    }

    pub(crate) fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The first label; empty for the root.
    pub(crate) fn label(&self) -> &[u8] {
        &self.0[1..=usize::from(self.0[0])]
    }

    /// The name without its first label.
    pub(crate) fn parent(&self) -> Option<Self> {
        let length = usize::from(self.0[0]);
        (length > 0).then(|| Self(self.0[length + 1..].to_vec()))
    }

    /// A name below this one; where that would be too long, its own first label makes room.
    pub(crate) fn below(&self, label: &[u8]) -> Self {
        if label.len() > LABEL_LIMIT || self.0.len() + label.len() + 1 > NAME_LIMIT {
            return self.with_label(label);
        }
        let mut wire = vec![u8::try_from(label.len()).unwrap_or_default()];
        wire.extend_from_slice(label);
        wire.extend_from_slice(&self.0);
        Self(wire)
    }

    /// The name with another first label.
    pub(crate) fn with_label(&self, label: &[u8]) -> Self {
        let length = u8::try_from(label.len().min(LABEL_LIMIT)).unwrap_or_default();
        let mut wire = vec![length];
        wire.extend_from_slice(&label[..usize::from(length)]);
        wire.extend_from_slice(&self.0[usize::from(self.0[0]) + 1..]);
        Self(wire)
    }

    /// True for `zone` itself and everything below it.
    pub(crate) fn is_within(&self, zone: &Self) -> bool {
        let Some(above) = self.0.len().checked_sub(zone.0.len()) else { return false };
        if self.0[above..] != zone.0 {
            return false;
        }
        // The zone must begin where a label does.
        let mut at = 0;
        while at < above {
            at += usize::from(self.0[at]) + 1;
        }
        at == above
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.0))
    }
}

fn push(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Option<()> {
    if label.is_empty() || label.len() > LABEL_LIMIT {
        return None;
    }
    wire.push(u8::try_from(label.len()).ok()?);
    wire.append(label);
    Some(())
}

/// Wire form to text, with its case, without the last dot; `.` for the root.
pub(crate) fn text(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    let mut at = 0;
    while wire[at] > 0 {
        if at > 0 {
            text.push('.');
        }
        let end = at + 1 + usize::from(wire[at]);
        for &byte in &wire[at + 1..end] {
            match byte {
                b'.' | b'\\' => text.extend(['\\', char::from(byte)]),
                b'!'..=b'~' => text.push(char::from(byte)),
                _ => {
                    text.push('\\');
                    let digits = [byte / 100, byte / 10 % 10, byte % 10];
                    text.extend(digits.map(|d| char::from(b'0' + d)));
                }
            }
        }
        at = end;
    }
    if text.is_empty() { ".".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire() {
        let name = Name::parse("Www.Example.").unwrap();
        assert_eq!(name.wire(), b"\x03www\x07example\0");
        assert_eq!(text(b"\x03wWw\x07example\0"), "wWw.example");
        assert_eq!(Name::parse(r"a\.b\000.c").unwrap().wire(), b"\x04a.b\0\x01c\0");
        assert_eq!(text(b"\x04a.b\0\x01c\0"), r"a\.b\000.c");
        assert_eq!((Name::parse(".").unwrap().wire(), text(b"\0")), (b"\0".as_slice(), ".".into()));
        let long = "a".repeat(64);
        for bad in ["", "..", "a..b", ".a", "\\", "\\1", "\\256", &long, &"abc.".repeat(64)] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_lies_within() {
        let name = |text| Name::parse(text).unwrap();
        assert!(name("a.dev").is_within(&name("dev")));
        assert!(name("dev").is_within(&name("dev")));
        assert!(name("dev").is_within(&name(".")));
        assert!(!name("dev").is_within(&name("a.dev")));
        assert!(!name("adev").is_within(&name("dev")));
        // A label may hold the bytes of another name.
        assert!(!Name::parse(r"x\003dev").unwrap().is_within(&name("dev")));
        assert_eq!(name("a.b").parent(), Some(name("b")));
        assert_eq!(name("a.b").with_label(b"cd"), name("cd.b"));
        assert_eq!(name(".").parent(), None);
    }
}

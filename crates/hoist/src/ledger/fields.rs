//! Values with tags, so that a reader passes over what it does not know: a tag and a value, again
//! and again. A number is written in base 128 (LEB128), bytes with their length before them.

use crate::item::Position;

/// No list has so many lines, no file so many bytes, no ledger so many segments: what says so is not
/// believed, and sums of what is believed don't overflow.
pub(crate) const BEYOND: u64 = 1 << 48;

/// Writes fields.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a mut Vec<u8>);

impl Fields<'_> {
    pub(crate) fn number(&mut self, tag: u32, value: u64) {
        put(self.0, u64::from(tag) << 1);
        put(self.0, value);
    }

    pub(crate) fn bytes(&mut self, tag: u32, value: &[u8]) {
        put(self.0, u64::from(tag) << 1 | 1);
        put(self.0, value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, tag: u32, value: &str) {
        self.bytes(tag, value.as_bytes());
    }
}

/// A value as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number.
    Number(u64),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(crate) fn number(self) -> Option<u64> {
        if let Self::Number(n) = self { Some(n) } else { None }
    }

    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn text(self) -> Option<&'a str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    pub(crate) fn string(self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    /// The number of a line, from 0.
    pub(crate) fn position(self) -> Option<Position> {
        self.number().filter(|n| *n < BEYOND).map(Position)
    }

    /// A number that fits.
    pub(crate) fn small<N: TryFrom<u64>>(self) -> Option<N> {
        self.number().and_then(|n| n.try_into().ok())
    }
}

/// Reads fields, up to the end or to what is no field.
#[derive(Debug, Clone)]
pub(crate) struct Parser<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Parser<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = take(&mut self.0)?;
        let tag = u32::try_from(key >> 1).ok()?;
        let number = take(&mut self.0)?;
        if key & 1 == 0 {
            return Some((tag, Value::Number(number)));
        }
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(number).ok()?)?;
        self.0 = rest;
        Some((tag, Value::Bytes(bytes)))
    }
}

/// Appends a number in base 128.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}

/// Takes a number in base 128 from the front.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut out = Vec::new();
        let mut fields = Fields(&mut out);
        fields.number(1, u64::MAX);
        fields.text(2, "text");
        fields.bytes(90_000, &[]);
        let read: Vec<_> = Parser(&out).collect();
        let expected =
            [(1, Value::Number(u64::MAX)), (2, Value::Bytes(b"text")), (90_000, Value::Bytes(b""))];
        assert_eq!(read, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            prop_assert!(Parser(&bytes).count() <= bytes.len());
        }

        #[test]
        fn any_number_comes_back(n: u64) {
            let mut out = Vec::new();
            put(&mut out, n);
            prop_assert_eq!(take(&mut &out[..]), Some(n));
        }
    }
}

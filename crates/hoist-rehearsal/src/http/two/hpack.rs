//! Header blocks (RFC 7541): a decoder for what clients send, and literals for what we say, which need no
//! table.

use std::collections::VecDeque;

use super::huffman;

/// The size of the dynamic table that clients may fill: the one to begin with (RFC 9113, section 6.5.2).
const TABLE: usize = 4096;
/// What an entry counts beside its bytes (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

/// The static table, from index 1 (appendix A).
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// A name and its value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It means nothing.
    Coding,
    /// It means more than we take.
    TooLong,
}

/// One direction's decoder.
pub(crate) struct Decoder {
    table: VecDeque<Field>,
    size: usize,
    /// What the client last said the size may be.
    limit: usize,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self { table: VecDeque::new(), size: 0, limit: TABLE }
    }

    /// The fields of a block, of at most `longest` bytes with what each counts beside them.
    pub(crate) fn decode(&mut self, block: &[u8], longest: usize) -> Result<Vec<Field>, Bad> {
        let mut rest = Rest(block);
        let (mut fields, mut length) = (Vec::new(), 0);
        while let Some(&first) = rest.0.first() {
            let (prefix, kept) = match first {
                0x80.. => {
                    let index = rest.number(7)?;
                    fields.push(self.entry(index)?);
                    length += count(fields.last());
                    if length > longest {
                        return Err(Bad::TooLong);
                    }
                    continue;
                }
                0x40.. => (6, true),
                0x20.. => {
                    // Only before the first field (section 4.2).
                    let limit = rest.number(5)?;
                    if limit > TABLE || !fields.is_empty() {
                        return Err(Bad::Coding);
                    }
                    self.limit = limit;
                    self.shrink(limit);
                    continue;
                }
                _ => (4, false),
            };
            let name = match rest.number(prefix)? {
                0 => rest.text()?,
                index => self.entry(index)?.0,
            };
            let field = (name, rest.text()?);
            length += count(Some(&field));
            if length > longest {
                return Err(Bad::TooLong);
            }
            if kept {
                self.keep(&field);
            }
            fields.push(field);
        }
        Ok(fields)
    }

    fn entry(&self, index: usize) -> Result<Field, Bad> {
        let index = index.checked_sub(1).ok_or(Bad::Coding)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Ok((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        self.table.get(index - STATIC.len()).cloned().ok_or(Bad::Coding)
    }

    fn keep(&mut self, field: &Field) {
        let size = count(Some(field));
        self.shrink(self.limit.saturating_sub(size));
        if size <= self.limit {
            self.size += size;
            self.table.push_front(field.clone());
        }
    }

    /// Drops the oldest until the rest is at most so large.
    fn shrink(&mut self, to: usize) {
        while self.size > to {
            let dropped = self.table.pop_back();
            self.size -= count(dropped.as_ref()).min(self.size);
        }
    }
}

fn count(field: Option<&Field>) -> usize {
    field.map_or(0, |(name, value)| name.len() + value.len() + OVERHEAD)
}

/// What of a block is left.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Result<u8, Bad> {
        let (first, rest) = self.0.split_first().ok_or(Bad::Coding)?;
        self.0 = rest;
        Ok(*first)
    }

    /// An integer with a prefix of so many bits (section 5.1), up to 2^28.
    fn number(&mut self, prefix: u32) -> Result<usize, Bad> {
        let mask = (1_usize << prefix) - 1;
        let mut number = usize::from(self.byte()?) & mask;
        if number < mask {
            return Ok(number);
        }
        for shift in [0, 7, 14, 21] {
            let byte = usize::from(self.byte()?);
            number += (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Bad::Coding)
    }

    /// A string, Huffman-coded or not (section 5.2).
    fn text(&mut self) -> Result<Vec<u8>, Bad> {
        let coded = self.0.first().is_some_and(|first| first & 0x80 != 0);
        let length = self.number(7)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Bad::Coding)?;
        self.0 = rest;
        if coded { huffman::decode(text).ok_or(Bad::Coding) } else { Ok(text.to_vec()) }
    }
}

/// Appends a field as a literal that no table keeps (section 6.2.2).
pub(crate) fn literal(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(0);
    for text in [name, value] {
        number(out, 0, 7, text.len());
        out.extend_from_slice(text);
    }
}

/// Appends an integer behind the bits of `first` (section 5.1).
pub(crate) fn number(out: &mut Vec<u8>, first: u8, prefix: u32, number: usize) {
    let mask = (1_usize << prefix) - 1;
    let low = |n: usize| u8::try_from(n & 0x7f).unwrap_or_default();
    if number < mask {
        out.push(first | u8::try_from(number).unwrap_or_default());
        return;
    }
    out.push(first | u8::try_from(mask).unwrap_or_default());
    let mut rest = number - mask;
    while rest >= 0x80 {
        out.push(0x80 | low(rest));
        rest >>= 7;
    }
    out.push(low(rest));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: usize = 1 << 20;

    fn field(name: &str, value: &str) -> Field {
        (name.into(), value.into())
    }

    /// Appendix C.3 and C.4: three requests over one connection, without Huffman and with.
    #[test]
    fn the_examples_of_the_rfc() {
        let plain: [&[u8]; 3] = [
            b"\x82\x86\x84\x41\x0fwww.example.com",
            b"\x82\x86\x84\xbe\x58\x08no-cache",
            b"\x82\x87\x85\xbf\x40\x0acustom-key\x0ccustom-value",
        ];
        let coded: [&[u8]; 3] = [
            b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
            b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
            b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
        ];
        for blocks in [plain, coded] {
            let mut decoder = Decoder::new();
            let mut decode = |block| decoder.decode(block, LONG).unwrap();
            let authority = || field(":authority", "www.example.com");
            let start = |scheme: &str, path: &str| {
                [field(":method", "GET"), field(":scheme", scheme), field(":path", path)]
            };
            let first = [&start("http", "/")[..], &[authority()]].concat();
            assert_eq!(decode(blocks[0]), first);
            let more = [authority(), field("cache-control", "no-cache")];
            assert_eq!(decode(blocks[1]), [&start("http", "/")[..], &more].concat());
            let more = [authority(), field("custom-key", "custom-value")];
            assert_eq!(decode(blocks[2]), [&start("https", "/index.html")[..], &more].concat());
            assert_eq!(decoder.size, 164);
        }
    }

    #[test]
    fn the_table_is_bounded_and_so_is_a_block() {
        let mut decoder = Decoder::new();
        let mut block = vec![0x40, 1, b'a'];
        number(&mut block, 0, 7, 3000);
        block.extend(vec![b'x'; 3000]);
        assert_eq!(decoder.decode(&block, LONG).unwrap().len(), 1);
        assert_eq!((decoder.table.len(), decoder.size), (1, 3033));
        decoder.decode(&block, LONG).unwrap();
        assert_eq!((decoder.table.len(), decoder.size), (1, 3033), "the oldest goes");
        assert_eq!(decoder.decode(&[0xbe; 1000], LONG), Err(Bad::TooLong), "a bomb");
        assert_eq!(decoder.decode(b"\x20", LONG), Ok(vec![]));
        assert_eq!(decoder.size, 0, "as small as was asked for");
    }

    #[test]
    fn what_means_nothing() {
        for block in [
            b"\x80" as &[u8],
            b"\xbe",
            b"\xff\xff\xff\xff\xff\x7f",
            b"\x00\x05ab",
            b"\x00",
            b"\x3f\xe2\x1f",
            b"\x82\x20",
            b"\x00\x81\xff\x00",
        ] {
            assert_eq!(Decoder::new().decode(block, LONG), Err(Bad::Coding), "{block:?}");
        }
    }

    #[test]
    fn literals_are_read_back() {
        let (mut block, long) = (Vec::new(), "v".repeat(70_000));
        literal(&mut block, b":status", b"200");
        literal(&mut block, b"x", long.as_bytes());
        let fields = Decoder::new().decode(&block, LONG).unwrap();
        assert_eq!(fields, [field(":status", "200"), field("x", &long)]);
    }
}

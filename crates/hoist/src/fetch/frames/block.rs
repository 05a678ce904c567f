//! Header blocks (RFC 7541), read as far as it takes to tell pseudo-fields.

use std::collections::VecDeque;

use super::huffman;

/// What an entry counts beside its bytes (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

/// The names of the static table, from index 1 (appendix A).
const STATIC: [&str; 61] = [
    ":authority",
    ":method",
    ":method",
    ":path",
    ":path",
    ":scheme",
    ":scheme",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    ":status",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
];
/// Those of requests are up to here, then `:status` up to there, all of them final.
const LAST_OF_REQUESTS: usize = 7;
const LAST_STATUS: usize = 14;

/// `:status` in Huffman code, and the bits with which names with a colon and values with a 1 begin.
const STATUS_CODED: [u8; 5] = [0xb8, 0x84, 0x8d, 0x36, 0xa3];
const COLON_CODED: u8 = 0b101_1100;
const ONE_CODED: u8 = 0b0_0001;

/// What the pseudo-fields of a block are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) status: Option<Status>,
    /// There is one that is not `:status`.
    pub(super) other: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Interim,
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Plain,
    Status(Status),
    Other,
}

/// The dynamic table (§2.3.2): of its entries only what is needed here.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest is first.
    entries: VecDeque<Entry>,
    size: usize,
    limit: usize,
    /// What we have told the server.
    largest: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    field: Field,
    name_length: usize,
    size: usize,
}

impl Table {
    pub(super) fn new(largest: usize) -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: largest, largest }
    }

    /// Reads a whole block. None where it is no block: the connection can't go on (§2.3.3, §5).
    pub(super) fn read(&mut self, block: &[u8]) -> Option<Found> {
        let mut rest = Rest(block);
        let mut found = Found::default();
        while let Some(first) = rest.0.first() {
            let field = match first {
                0x80.. => {
                    let index = rest.number(7)?;
                    self.field(index)?
                }
                0x40.. => self.literal(&mut rest, 6, true)?,
                0x20.. => {
                    let limit = rest.number(5)?;
                    if limit > self.largest {
                        return None;
                    }
                    self.limit = limit;
                    self.shrink(limit);
                    continue;
                }
                _ => self.literal(&mut rest, 4, false)?,
            };
            match field {
                Field::Plain => {}
                Field::Status(status) => found.status = Some(status),
                Field::Other => found.other = true,
            }
        }
        Some(found)
    }

    fn field(&self, index: usize) -> Option<Field> {
        match index {
            0 => None,
            1..=LAST_OF_REQUESTS => Some(Field::Other),
            8..=LAST_STATUS => Some(Field::Status(Status::Final)),
            _ if index <= STATIC.len() => Some(Field::Plain),
            _ => self.entries.get(index - STATIC.len() - 1).map(|entry| entry.field),
        }
    }

    fn literal(&mut self, rest: &mut Rest<'_>, prefix: u32, kept: bool) -> Option<Field> {
        let index = rest.number(prefix)?;
        let name = if index == 0 { Some(rest.text()?) } else { None };
        let named = match name {
            Some(name) => name.as_name(),
            None => self.field(index)?,
        };
        let value = rest.text()?;
        let field = match named {
            Field::Status(_) => Field::Status(value.as_status()),
            field => field,
        };
        if kept {
            if self.limit <= OVERHEAD {
                // Nothing fits: need not be measured.
                self.shrink(0);
                return Some(field);
            }
            let name_length = match name {
                Some(name) => name.length()?,
                None => self.name_length(index)?,
            };
            let size = name_length + value.length()? + OVERHEAD;
            self.shrink(self.limit.saturating_sub(size));
            if size <= self.limit {
                self.size += size;
                self.entries.push_front(Entry { field, name_length, size });
            }
        }
        Some(field)
    }

    fn name_length(&self, index: usize) -> Option<usize> {
        let of_static = STATIC.get(index.checked_sub(1)?).map(|name| name.len());
        of_static
            .or_else(|| self.entries.get(index - STATIC.len() - 1).map(|entry| entry.name_length))
    }

    /// Drops the oldest until the rest is at most so large (§4.3, §4.4).
    fn shrink(&mut self, to: usize) {
        while self.size > to {
            let dropped = self.entries.pop_back();
            self.size -= dropped.map_or(self.size, |entry| entry.size);
        }
    }
}

/// What of a block is left.
struct Rest<'a>(&'a [u8]);

/// A string, as it was sent.
#[derive(Clone, Copy)]
struct Text<'a> {
    coded: bool,
    bytes: &'a [u8],
}

impl<'a> Rest<'a> {
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// An integer with a prefix of so many bits (§5.1).
    #[inline]
    fn number(&mut self, prefix: u32) -> Option<usize> {
        let mask = (1_usize << prefix) - 1;
        let number = usize::from(self.byte()?) & mask;
        if number < mask { Some(number) } else { self.more_of(number) }
    }

    /// What does not fit into the prefix; h2 takes no longer ones either.
    #[cold]
    fn more_of(&mut self, mut number: usize) -> Option<usize> {
        for shift in [0, 7, 14, 21] {
            let byte = usize::from(self.byte()?);
            number += (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    fn text(&mut self) -> Option<Text<'a>> {
        let coded = self.0.first()? & 0x80 != 0;
        let length = self.number(7)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Text { coded, bytes })
    }
}

impl Text<'_> {
    fn length(self) -> Option<usize> {
        if self.coded { huffman::symbols(self.bytes) } else { Some(self.bytes.len()) }
    }

    /// What a field of this name is; a status is final.
    fn as_name(self) -> Field {
        let Some(first) = self.bytes.first() else { return Field::Plain };
        let (colon, status) = if self.coded {
            (first >> 1 == COLON_CODED, &STATUS_CODED[..])
        } else {
            (*first == b':', &b":status"[..])
        };
        match colon {
            false => Field::Plain,
            true if self.bytes == status => Field::Status(Status::Final),
            true => Field::Other,
        }
    }

    /// What a status of this value is.
    fn as_status(self) -> Status {
        let one = |first: &u8| if self.coded { first >> 3 == ONE_CODED } else { *first == b'1' };
        if self.bytes.first().is_some_and(one) { Status::Interim } else { Status::Final }
    }
}

use flate2::Crc;

use super::deflate::Inflate;
use super::{Decoder, Fault};

/// The coding `gzip`: one member or several, one after the other (RFC 1952 §2.2).
#[derive(Debug)]
pub(super) struct Gzip {
    at: At,
    /// Of the member's header.
    header: Crc,
    flags: u8,
    inflate: Inflate,
    /// Of the member's data.
    data: Crc,
}

/// The next byte is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The fixed part of a header; so many bytes of it were seen.
    Fixed(u8),
    /// The length of the extra field; one byte of it was this.
    ExtraLength(Option<u8>),
    /// So many bytes of the extra field are left.
    Extra(u16),
    Name,
    Comment,
    /// The checksum of the header.
    HeaderCrc(Option<u8>),
    Data,
    /// The checksum and the length of the data.
    Trailer([u8; 8], u8),
    /// A member has ended. Another may follow.
    End,
}

/// Bits of the flags (RFC 1952 §2.3.1).
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

const FIXED: u8 = 10;

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            at: At::Fixed(0),
            header: Crc::new(),
            flags: 0,
            inflate: Inflate::new(false),
            data: Crc::new(),
        }
    }

    fn header_byte(&mut self, byte: u8) -> Result<(), Fault> {
        if let At::HeaderCrc(first) = self.at {
            let Some(first) = first else {
                self.at = At::HeaderCrc(Some(byte));
                return Ok(());
            };
            let [low, high, ..] = self.header.sum().to_le_bytes();
            if [first, byte] != [low, high] {
                return Err(Fault::Corrupt("the checksum of its header is wrong"));
            }
            self.at = At::Data;
            return Ok(());
        }
        self.header.update(&[byte]);
        self.at = match self.at {
            At::Fixed(seen) => {
                let right = match seen {
                    0 => byte == 0x1f,
                    1 => byte == 0x8b,
                    2 => byte == 8,
                    3 => {
                        self.flags = byte;
                        byte & RESERVED == 0
                    }
                    _ => true,
                };
                if !right {
                    return Err(Fault::Corrupt("it does not begin as gzip does"));
                }
                if seen + 1 < FIXED { At::Fixed(seen + 1) } else { self.after(0) }
            }
            At::ExtraLength(None) => At::ExtraLength(Some(byte)),
            At::ExtraLength(Some(low)) => match u16::from_le_bytes([low, byte]) {
                0 => self.after(EXTRA),
                length => At::Extra(length),
            },
            At::Extra(1) => self.after(EXTRA),
            At::Extra(left) => At::Extra(left - 1),
            At::Name if byte == 0 => self.after(NAME),
            At::Comment if byte == 0 => self.after(COMMENT),
            other => other,
        };
        Ok(())
    }

    /// What comes after this field of a header.
    fn after(&self, field: u8) -> At {
        let next = |flag: u8| flag > field && self.flags & flag != 0;
        match () {
            () if next(EXTRA) => At::ExtraLength(None),
            () if next(NAME) => At::Name,
            () if next(COMMENT) => At::Comment,
            () if self.flags & HEADER_CRC != 0 => At::HeaderCrc(None),
            () => At::Data,
        }
    }

    fn check(&self, trailer: [u8; 8]) -> Result<(), Fault> {
        let both = u64::from_le_bytes(trailer);
        if both & u64::from(u32::MAX) != u64::from(self.data.sum()) {
            return Err(Fault::Corrupt("its checksum is wrong"));
        }
        if both >> 32 != u64::from(self.data.amount()) {
            return Err(Fault::Corrupt("the length at its end is wrong"));
        }
        Ok(())
    }
}

impl Decoder for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Fault> {
        let (mut taken, mut made) = (0, 0);
        loop {
            if self.at == At::Data {
                let (some, more) = self.inflate.step(&input[taken..], &mut output[made..])?;
                self.data.update(&output[made..made + more]);
                taken += some;
                made += more;
                if !self.inflate.ended {
                    return Ok((taken, made));
                }
                self.at = At::Trailer([0; 8], 0);
            }
            let Some(&byte) = input.get(taken) else { return Ok((taken, made)) };
            match &mut self.at {
                At::Trailer(bytes, seen) => {
                    bytes[usize::from(*seen)] = byte;
                    *seen += 1;
                    if *seen == 8 {
                        let bytes = *bytes;
                        self.check(bytes)?;
                        self.at = At::End;
                    }
                }
                At::End if byte == 0x1f => {
                    self.inflate.reset();
                    self.header.reset();
                    self.data.reset();
                    self.at = At::Fixed(0);
                    continue;
                }
                At::End => return Err(Fault::Trailing),
                _ => self.header_byte(byte)?,
            }
            taken += 1;
            if made == output.len() {
                return Ok((taken, made));
            }
        }
    }

    fn ended(&self) -> bool {
        self.at == At::End
    }
}

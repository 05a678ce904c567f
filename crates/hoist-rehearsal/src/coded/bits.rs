//! Bits, the least significant of a byte first: the order of deflate and of brotli.

#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Of the last byte.
    used: u32,
}

impl Bits {
    /// The `count` low bits of `value`.
    pub(super) fn put(&mut self, value: u32, count: u32) -> &mut Self {
        for at in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
                self.used = 0;
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> at & 1 == 1) << self.used;
            }
            self.used += 1;
        }
        self
    }

    /// How many bits the last byte has left; they are zeros.
    pub(super) fn room(&self) -> u32 {
        (8 - self.used) % 8
    }

    /// The bytes, the last one filled with zeros.
    pub(super) fn done(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_significant_comes_first() {
        let mut bits = Bits::default();
        assert_eq!(bits.room(), 0);
        bits.put(1, 1).put(0b10, 2).put(0x1ff, 9);
        assert_eq!(bits.room(), 4);
        assert_eq!(bits.done(), [0b1111_1101, 0b1111]);
    }
}

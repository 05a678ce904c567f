//! HPACK's Huffman code (RFC 7541, section 5.2). Among codes of one length the order is that of the
//! symbols, so their lengths are all there is to know.

/// The bits of each symbol's code (appendix B); the last is EOS.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
/// The longest code.
const LONGEST: usize = 30;
const EOS: u16 = 256;

/// The codes of each length: the first one, how many, and where their symbols stand in `symbols`.
struct Codes {
    lengths: [(u32, u32, usize); LONGEST + 1],
    symbols: [u16; 257],
}

static CODES: Codes = codes();

const fn codes() -> Codes {
    let mut codes = Codes { lengths: [(0, 0, 0); LONGEST + 1], symbols: [0; 257] };
    let (mut first, mut at, mut length) = (0, 0, 1);
    while length <= LONGEST {
        let (mut count, start, mut symbol) = (0, at, 0);
        while symbol <= EOS {
            if LENGTHS[symbol as usize] as usize == length {
                codes.symbols[at] = symbol;
                (at, count) = (at + 1, count + 1);
            }
            symbol += 1;
        }
        codes.lengths[length] = (first, count, start);
        first = (first + count) << 1;
        length += 1;
    }
    codes
}

/// What was coded; none where a code is not whole, is EOS, or is padded with other than ones.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut code, mut length) = (0_u32, 0);
    for byte in coded {
        for shift in (0..8).rev() {
            code = code << 1 | u32::from(byte >> shift & 1);
            length += 1;
            let (first, count, at) = *CODES.lengths.get(length)?;
            let nth = code.wrapping_sub(first);
            if nth < count {
                let symbol = CODES.symbols[at + usize::try_from(nth).ok()?];
                out.push(u8::try_from(symbol).ok()?);
                (code, length) = (0, 0);
            }
        }
    }
    (length < 8 && code == (1 << length) - 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        let www = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(decode(www).unwrap(), b"www.example.com");
        assert_eq!(decode(b"\xa8\xeb\x10\x64\x9c\xbf").unwrap(), b"no-cache");
        let url = b"\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3";
        assert_eq!(decode(url).unwrap(), b"https://www.example.com");
        assert_eq!(decode(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_no_code() {
        assert_eq!(decode(b"\xff\xff\xff\xff"), None, "EOS");
        assert_eq!(decode(b"\xff"), None, "a whole byte of padding");
        assert_eq!(decode(b"\x18"), None, "padded with zeros");
    }

    #[test]
    fn every_symbol_has_its_code() {
        assert_eq!(CODES.lengths[5], (0, 10, 0));
        assert_eq!(CODES.lengths[30].0, 0x3fff_fffc);
        assert_eq!(CODES.symbols[256], EOS);
    }
}

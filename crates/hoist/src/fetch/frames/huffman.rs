//! How long what is in HPACK's Huffman code is (RFC 7541 §5.2). The symbols themselves are not needed.

/// How many symbols have a code of so many bits (appendix B), EOS among them.
const SYMBOLS: [(u32, u64); 21] = [
    (5, 10),
    (6, 26),
    (7, 32),
    (8, 6),
    (10, 5),
    (11, 3),
    (12, 2),
    (13, 6),
    (14, 2),
    (15, 3),
    (19, 3),
    (20, 8),
    (21, 13),
    (22, 26),
    (23, 29),
    (24, 12),
    (25, 4),
    (26, 15),
    (27, 19),
    (28, 29),
    (30, 4),
];

/// The code is canonical: 32 bits that are at most so much begin with a code of so many bits.
const CODES: [(u64, u32); SYMBOLS.len()] = codes();
/// EOS is thirty ones.
const EOS: u64 = (1 << 30) - 1;

const fn codes() -> [(u64, u32); SYMBOLS.len()] {
    let mut codes = [(0, 0); SYMBOLS.len()];
    let (mut below, mut at) = (0_u64, 0);
    while at < SYMBOLS.len() {
        let (bits, count) = SYMBOLS[at];
        below += count << (32 - bits);
        codes[at] = (below - 1, bits);
        at += 1;
    }
    codes
}

/// Symbols in `coded`; none where a code is not whole, is EOS, or is padded with other than ones.
pub(super) fn symbols(coded: &[u8]) -> Option<usize> {
    let (mut bytes, mut count) = (coded.iter(), 0);
    // The next bits are on the left, so many of them; behind them are zeros.
    let (mut window, mut have) = (0_u64, 0_u32);
    loop {
        while have <= 56 {
            let Some(byte) = bytes.next() else { break };
            window |= u64::from(*byte) << (56 - have);
            have += 8;
        }
        // Behind the end are ones, which begin no other code than EOS.
        let ones = u64::MAX.checked_shr(have).unwrap_or_default();
        let next = (window | ones) >> 32;
        if have < 8 && next >> 2 == EOS {
            return Some(count);
        }
        let bits = CODES.iter().find(|(most, _)| next <= *most)?.1;
        if bits > have || next >> 2 == EOS {
            return None;
        }
        (window, have, count) = (window << bits, have - bits, count + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_as_long_as_it_says() {
        // RFC 7541, appendix C.
        for (text, coded) in [
            ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
            ("no-cache", "a8eb10649cbf"),
            ("custom-value", "25a849e95bb8e8b4bf"),
            ("302", "6402"),
            ("private", "aec3771a4b"),
            ("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
            ("https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"),
            (
                "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ),
            ("", ""),
        ] {
            let coded: Vec<u8> = (0..coded.len() / 2)
                .map(|at| u8::from_str_radix(&coded[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            assert_eq!(symbols(&coded), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn what_is_not_the_code_has_no_length() {
        // Padded with zeros, with a whole byte, EOS, and a code that is cut.
        for wrong in [&[0b0001_1000][..], &[0b0001_1111, 0xff], &[0xff; 4], &[0xfe]] {
            assert_eq!(symbols(wrong), None, "{wrong:?}");
        }
        assert_eq!(symbols(&[0b0001_1111]), Some(1));
    }

    #[test]
    fn all_codes_are_there() {
        assert_eq!(SYMBOLS.iter().map(|(_, count)| count).sum::<u64>(), 257);
        assert_eq!(CODES[SYMBOLS.len() - 1], ((1 << 32) - 1, 30));
    }
}

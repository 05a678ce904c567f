use std::fmt;
use std::str::FromStr;

/// A way to hash a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// BLAKE3, with 256 bits: the fastest.
    Blake3,
    /// SHA-256 (FIPS 180-4): what most publish.
    Sha256,
    /// MD5 (RFC 1321): tells damage, not malice. Two bodies with one MD5 are easily made.
    Md5,
}

impl HashAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Blake3, Self::Sha256, Self::Md5];

    /// The name in lists, records and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
        }
    }

    /// Bytes of a digest.
    fn length(self) -> usize {
        match self {
            Self::Blake3 | Self::Sha256 => 32,
            Self::Md5 => 16,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for HashAlgorithm {
    type Err = BadHash;

    /// The name, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, BadHash> {
        let named = |algorithm: &Self| algorithm.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(BadHash::Algorithm)
    }
}

/// The hash of a body. As text: `sha256:` and the digest in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    algorithm: HashAlgorithm,
    /// Zeros behind a digest that is shorter.
    digest: [u8; 32],
}

impl Hash {
    /// None where the digest has not the length of its algorithm.
    pub fn new(algorithm: HashAlgorithm, digest: &[u8]) -> Option<Self> {
        let mut whole = [0; 32];
        whole.get_mut(..digest.len())?.copy_from_slice(digest);
        (digest.len() == algorithm.length()).then_some(Self { algorithm, digest: whole })
    }

    /// How it was computed.
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Its bytes: 32, of MD5 16.
    pub fn digest(&self) -> &[u8] {
        &self.digest[..self.algorithm.length()]
    }

    /// Whether a text is meant as one, right or wrong: the name of an algorithm, a colon, and digits.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.split_once(':').is_some_and(|(name, digits)| {
            name.parse::<HashAlgorithm>().is_ok()
                && !digits.is_empty()
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.digest()) {
            pair.copy_from_slice(&pair_of(*byte));
        }
        let digits = &text[..2 * self.digest().len()];
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        write!(f, "{}:{digits}", self.algorithm)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no hash, and how one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// There is no colon in it.
    #[error("a hash without its algorithm; write it as sha256:, md5: or blake3: and the digits")]
    Bare,
    /// It is none that is known.
    #[error("hoist computes blake3, sha256 and md5, and no other")]
    Algorithm,
    /// The digest has another length.
    #[error("{algorithm} has {expected} hexadecimal digits, here are {found}")]
    Length {
        /// The algorithm that was named.
        algorithm: HashAlgorithm,
        /// Digits that a digest of it has.
        expected: usize,
        /// Characters that were given.
        found: usize,
    },
    /// Some characters of it are no hexadecimal digits.
    #[error("a digest is written in hexadecimal digits, 0 to 9 and a to f; {0:?} is none")]
    Digit(char),
}

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let (name, digits) = text.split_once(':').ok_or(BadHash::Bare)?;
        let algorithm: HashAlgorithm = name.parse()?;
        if let Some(other) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(BadHash::Digit(other));
        }
        let expected = 2 * algorithm.length();
        if digits.len() != expected {
            return Err(BadHash::Length { algorithm, expected, found: digits.len() });
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Ok(Self { algorithm, digest })
    }
}

/// The two hexadecimal digits of a byte.
fn pair_of(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Bytes in hexadecimal digits, in lower case.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| pair_of(*byte)).map(char::from).collect()
}

/// Of a hexadecimal digit.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_comes_back_as_it_was_in_lower_case() {
        let digits = "D41D8CD98F00B204E9800998ECF8427E";
        let hash: Hash = format!("MD5:{digits}").parse().unwrap();
        assert_eq!(hash.to_string(), format!("md5:{}", digits.to_ascii_lowercase()));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!((hash.digest().len(), hash.digest()[0]), (16, 0xD4));
        for algorithm in HashAlgorithm::ALL {
            let digest: Vec<u8> = (200..).take(algorithm.length()).collect();
            let hash = Hash::new(algorithm, &digest).unwrap();
            assert_eq!(hash.to_string().parse(), Ok(hash));
            assert_eq!(hash.digest(), digest);
            assert_eq!(Hash::new(algorithm, &digest[1..]), None);
            assert_eq!(Hash::new(algorithm, &[0; 33]), None);
        }
    }

    #[test]
    fn what_is_no_hash_says_how_one_is_written() {
        for (text, word) in [
            ("", "sha256:"),
            ("d41d8cd98f00b204e9800998ecf8427e", "without its algorithm"),
            (
                "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "blake3, sha256 and md5, and no other",
            ),
            (
                "sha256:d41d8cd98f00b204e9800998ecf8427e",
                "sha256 has 64 hexadecimal digits, here are 32",
            ),
            ("md5:d41d8cd98f00b204e9800998ecf8427", "has 32 hexadecimal digits, here are 31"),
            ("md5:d41d8cd98f00b204e9800998ecf842ég", "'é'"),
            ("md5: 41d8cd98f00b204e9800998ecf8427e", "' '"),
            ("md5:", "here are 0"),
        ] {
            let error = text.parse::<Hash>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_name_is_told_from_a_hash() {
        assert!(Hash::is_meant("sha256:00"));
        assert!(Hash::is_meant("MD5:d41d8cd98f00b204e9800998ecf8427e"));
        for name in ["sha256", "sha256:", "md5:sums.txt", "00", "c:00"] {
            assert!(!Hash::is_meant(name), "{name}");
        }
    }
}

use md5::Md5;
use sha2::Sha256;
use sha2::digest::Digest;

use crate::item::{Hash, HashAlgorithm};

/// What is asked of a body's hash.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HashWish {
    /// What the item says of it.
    pub(crate) promised: Option<Hash>,
    /// The run wants to know this one.
    pub(crate) told: Option<HashAlgorithm>,
}

/// The hash of a body is another than was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) promised: Hash,
    pub(crate) found: Hash,
}

/// Hashes a body as it is written. Lives on the writer thread: 2 KB take it 1 to 4 us.
#[derive(Debug)]
pub(crate) struct Hashing {
    wish: HashWish,
    /// By another algorithm than the next where both are there.
    promised: Option<Hasher>,
    told: Option<Hasher>,
}

impl Hashing {
    /// None where nothing is asked.
    pub(crate) fn new(wish: HashWish) -> Option<Self> {
        let promised = wish.promised.map(|hash| hash.algorithm());
        let told = wish.told.filter(|told| promised != Some(*told));
        if promised.is_none() && told.is_none() {
            return None;
        }
        Some(Self { wish, promised: promised.map(Hasher::new), told: told.map(Hasher::new) })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hasher in [&mut self.promised, &mut self.told].into_iter().flatten() {
            hasher.update(bytes);
        }
    }

    /// The hash to tell: the one that the run wants to know, else the one that was promised.
    pub(crate) fn finish(self) -> Result<Option<Hash>, Mismatch> {
        let found = self.promised.and_then(Hasher::finish);
        if let (Some(promised), Some(found)) = (self.wish.promised, found)
            && promised != found
        {
            return Err(Mismatch { promised, found });
        }
        Ok(self.told.and_then(Hasher::finish).or(found))
    }
}

#[derive(Debug)]
enum Hasher {
    Blake3(Box<blake3::Hasher>),
    Sha256(Sha256),
    Md5(Md5),
}

impl Hasher {
    fn new(algorithm: HashAlgorithm) -> Self {
        match algorithm {
            HashAlgorithm::Blake3 => Self::Blake3(Box::default()),
            HashAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            HashAlgorithm::Md5 => Self::Md5(Md5::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Md5(hasher) => hasher.update(bytes),
        }
    }

    /// Digests of an algorithm have its length, so there always is one.
    fn finish(self) -> Option<Hash> {
        match self {
            Self::Blake3(hasher) => Hash::new(HashAlgorithm::Blake3, hasher.finalize().as_bytes()),
            Self::Sha256(hasher) => Hash::new(HashAlgorithm::Sha256, &hasher.finalize()),
            Self::Md5(hasher) => Hash::new(HashAlgorithm::Md5, &hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From FIPS 180-4's examples, RFC 1321 §A.5, and BLAKE3's own test vectors.
    const VECTORS: [(&str, &str); 6] = [
        ("", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("", "md5:d41d8cd98f00b204e9800998ecf8427e"),
        ("message digest", "md5:f96b697d7cb7938d525a2f31aaf161d0"),
        ("", "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        ("\0", "blake3:2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
    ];

    fn hash(wish: HashWish, body: &str) -> Result<Option<Hash>, Mismatch> {
        let mut hashing = Hashing::new(wish).unwrap();
        let half = body.len() / 2;
        hashing.update(&body.as_bytes()[..half]);
        hashing.update(&body.as_bytes()[half..]);
        hashing.finish()
    }

    #[test]
    fn known_bodies_have_known_hashes() {
        for (body, expected) in VECTORS {
            let expected: Hash = expected.parse().unwrap();
            let told = HashWish { promised: None, told: Some(expected.algorithm()) };
            assert_eq!(hash(told, body), Ok(Some(expected)));
            for told in [None, Some(expected.algorithm())] {
                let wish = HashWish { promised: Some(expected), told };
                assert_eq!(hash(wish, body), Ok(Some(expected)));
                let Mismatch { promised, found } = hash(wish, "other").unwrap_err();
                assert!(promised == expected && found != expected);
            }
        }
        assert!(Hashing::new(HashWish::default()).is_none());
    }

    #[test]
    fn the_promise_is_kept_and_the_wish_is_told() {
        let promised = Some(VECTORS[3].1.parse().unwrap());
        let wish = HashWish { promised, told: Some(HashAlgorithm::Sha256) };
        let told = hash(wish, "message digest").unwrap().unwrap();
        assert_eq!(
            told.to_string(),
            "sha256:f7846f55cf23e14eebeab5b4e1550cad5b509e3348fbc4efa3a1413d393cb650"
        );
        assert!(hash(wish, "message digests").is_err());
    }
}

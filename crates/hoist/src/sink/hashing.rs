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
    /// SHA-256 is in its name.
    pub(crate) sha256: bool,
}

/// The hashes of a body that is what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// The hash to tell: the one that the run wants to know, else the one that was promised.
    pub(crate) told: Option<Hash>,
    /// The one for the name.
    pub(crate) sha256: Option<Hash>,
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
    /// For the name, where neither of them is it.
    sha256: Option<Hasher>,
}

impl Hashing {
    /// None where nothing is asked.
    pub(crate) fn new(wish: HashWish) -> Option<Self> {
        let promised = wish.promised.map(|hash| hash.algorithm());
        let told = wish.told.filter(|told| promised != Some(*told));
        let has_sha256 = [promised, told].contains(&Some(HashAlgorithm::Sha256));
        let sha256 = (wish.sha256 && !has_sha256).then_some(HashAlgorithm::Sha256);
        if promised.is_none() && told.is_none() && sha256.is_none() {
            return None;
        }
        let [promised, told, sha256] = [promised, told, sha256].map(|of| of.map(Hasher::new));
        Some(Self { wish, promised, told, sha256 })
    }

    /// What was asked.
    pub(crate) fn wish(&self) -> HashWish {
        self.wish
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hasher in [&mut self.promised, &mut self.told, &mut self.sha256].into_iter().flatten() {
            hasher.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Result<Found, Mismatch> {
        let found = self.promised.and_then(Hasher::finish);
        if let (Some(promised), Some(found)) = (self.wish.promised, found)
            && promised != found
        {
            return Err(Mismatch { promised, found });
        }
        let told = self.told.and_then(Hasher::finish);
        let is_sha256 = |hash: &Hash| hash.algorithm() == HashAlgorithm::Sha256;
        let sha256 = self.sha256.and_then(Hasher::finish);
        let sha256 = sha256.or(told.filter(is_sha256)).or(found.filter(is_sha256));
        Ok(Found { told: told.or(found), sha256 })
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
        hashing.finish().map(|found| found.told)
    }

    #[test]
    fn known_bodies_have_known_hashes() {
        for (body, expected) in VECTORS {
            let expected: Hash = expected.parse().unwrap();
            let algorithm = Some(expected.algorithm());
            let told = HashWish { told: algorithm, ..HashWish::default() };
            assert_eq!(hash(told, body), Ok(Some(expected)));
            for told in [None, Some(expected.algorithm())] {
                let wish = HashWish { promised: Some(expected), told, sha256: false };
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
        let wish = HashWish { promised, told: Some(HashAlgorithm::Sha256), sha256: false };
        let told = hash(wish, "message digest").unwrap().unwrap();
        assert_eq!(
            told.to_string(),
            "sha256:f7846f55cf23e14eebeab5b4e1550cad5b509e3348fbc4efa3a1413d393cb650"
        );
        assert!(hash(wish, "message digests").is_err());
    }

    #[test]
    fn the_hash_for_the_name_is_there_whatever_else_is_asked() {
        let abc: Hash = VECTORS[1].1.parse().unwrap();
        let md5: Hash = "md5:900150983cd24fb0d6963f7d28e17f72".parse().unwrap();
        for (promised, told) in [
            (None, None),
            (Some(md5), None),
            (Some(abc), None),
            (Some(md5), Some(HashAlgorithm::Sha256)),
            (Some(abc), Some(HashAlgorithm::Blake3)),
        ] {
            let mut hashing = Hashing::new(HashWish { promised, told, sha256: true }).unwrap();
            hashing.update(b"abc");
            let found = hashing.finish().unwrap();
            assert_eq!(found.sha256, Some(abc), "{promised:?} {told:?}");
            assert_eq!(
                found.told.map(|hash| hash.algorithm()),
                told.or(promised.map(|p| p.algorithm()))
            );
        }
    }
}

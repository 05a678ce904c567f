//! Which streams had the head of their answer: what comes behind it are trailers.

/// Words of bits: the newest 4,096 streams of a connection.
const WORDS: usize = 64;

/// One bit a stream, in a ring: their numbers only grow (RFC 9113 §5.1.1), so nothing need be
/// taken out when one ends. Of a stream that so many newer ones have overtaken nothing is known.
#[derive(Debug)]
pub(super) struct Answered {
    words: [u64; WORDS],
    /// The place of the newest word, counted from the first stream.
    newest: usize,
}

impl Default for Answered {
    fn default() -> Self {
        Self { words: [0; WORDS], newest: 0 }
    }
}

impl Answered {
    pub(super) fn has(&self, stream: u32) -> bool {
        let (word, bit) = place(stream);
        self.is_known(word) && self.words[word % WORDS] & bit != 0
    }

    pub(super) fn insert(&mut self, stream: u32) {
        let (word, bit) = place(stream);
        if word > self.newest {
            let newer = (self.newest + 1..=word).take(WORDS);
            newer.for_each(|word| self.words[word % WORDS] = 0);
            self.newest = word;
        }
        if self.is_known(word) {
            self.words[word % WORDS] |= bit;
        }
    }

    fn is_known(&self, word: usize) -> bool {
        word <= self.newest && self.newest - word < WORDS
    }
}

/// The word and the bit of a stream. Those of a client have odd numbers, and the others are
/// nothing that this client takes.
fn place(stream: u32) -> (usize, u64) {
    let nth = stream >> 1;
    ((nth / u64::BITS) as usize, 1 << (nth % u64::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_known_and_nothing_else() {
        let mut answered = Answered::default();
        for stream in [1, 3, 129, 8191] {
            assert!(!answered.has(stream));
            answered.insert(stream);
            assert!(answered.has(stream));
        }
        assert!([5, 127, 131, 8189].iter().all(|stream| !answered.has(*stream)));
        // The ring goes on: what was in the place of the first streams is not theirs.
        answered.insert(8193);
        assert!(answered.has(8193) && !answered.has(1) && answered.has(129));
        answered.insert(1);
        assert!(!answered.has(1) && !answered.has(8195));
        answered.insert(0x7fff_ffff);
        assert!(answered.has(0x7fff_ffff) && !answered.has(8193) && !answered.has(129));
    }
}

//! Bytes that repeat in the middle, so that many of them can be said without being held.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) head: Vec<u8>,
    /// Said so many `times`.
    pub(crate) again: Vec<u8>,
    pub(crate) times: u64,
    pub(crate) tail: Vec<u8>,
}

impl Run {
    /// Without repetition.
    pub(crate) fn whole(head: Vec<u8>) -> Self {
        Self { head, again: Vec::new(), times: 0, tail: Vec::new() }
    }

    pub(crate) fn length(&self) -> u64 {
        let ends = (self.head.len() + self.tail.len()) as u64;
        ends + self.times * self.again.len() as u64
    }

    /// All of them; for runs known to be short.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let again = self.again.repeat(usize::try_from(self.times).unwrap_or(usize::MAX));
        [self.head.as_slice(), &again, &self.tail].concat()
    }
}

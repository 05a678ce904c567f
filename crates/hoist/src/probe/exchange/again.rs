/// Whether it does good to ask a server again soon: of late, so many of those that were asked again soon
/// were answered soon. Where chance takes queries, nearly all are; where a server is in trouble, or looks
/// for an answer itself, nearly none.
#[derive(Debug, Default)]
pub(super) struct Again {
    all: u32,
    answered: u32,
}

/// Counts are halved when there are so many: what was is forgotten.
const MANY: u32 = 256;

impl Again {
    /// One that was asked again soon was answered soon, or was not.
    pub(super) fn counts(&mut self, answered: bool) {
        self.all += 1;
        self.answered += u32::from(answered);
        if self.all >= MANY {
            self.all /= 2;
            self.answered /= 2;
        }
    }

    /// Most are answered, as far as is known.
    pub(super) fn pays(&self) -> bool {
        self.answered * 2 >= self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_is_forgotten() {
        let mut again = Again::default();
        assert!(again.pays());
        again.counts(false);
        assert!(!again.pays());
        (0..1000).for_each(|_| again.counts(true));
        (0..100).for_each(|_| again.counts(false));
        assert!(again.pays());
        (0..100).for_each(|_| again.counts(false));
        assert!(!again.pays());
    }
}

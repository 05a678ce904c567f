/// Whether a server repeats names with the letters as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// It never has, and so often it has not.
    Unknown(u8),
    Kept,
    /// It is not asked to any more.
    Broken,
}

/// Answers after which a server is known to break it: more than a forger gets through by chance,
/// who has the port and the id to guess as well.
const BROKEN: u8 = 3;

impl Keeping {
    /// An answer with the right port and id has the name as it was written, or not. Whether it may
    /// be believed.
    pub(super) fn answered(&mut self, same: bool) -> bool {
        match *self {
            Self::Broken => return true,
            Self::Unknown(_) if same => *self = Self::Kept,
            Self::Unknown(times) if times + 1 == BROKEN => *self = Self::Broken,
            Self::Unknown(times) => *self = Self::Unknown(times + 1),
            Self::Kept => {}
        }
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_never_keeps_it_is_believed_in_the_end() {
        let mut keeping = Keeping::Unknown(0);
        let believed: Vec<_> = (0..5).map(|_| keeping.answered(false)).collect();
        assert_eq!(believed, [false, false, false, true, true]);
    }

    #[test]
    fn one_that_has_kept_it_once_is_not_without() {
        let mut keeping = Keeping::Unknown(0);
        assert!(!keeping.answered(false));
        assert!(keeping.answered(true));
        assert!((0..9).all(|_| !keeping.answered(false)));
        assert!(keeping.answered(true));
    }
}

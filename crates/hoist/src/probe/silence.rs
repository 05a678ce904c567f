use std::time::Instant;

/// Notices that no server says anything at all: then each name waits for the answer to one query,
/// not for its whole time, or a list of other names would go on at that pace for hours. All are
/// still asked; one reply of any kind, and they have their time again.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// In a row, of which no query was replied to.
    names: u32,
    /// When they were counted.
    last_reply: Option<Instant>,
}

/// Names after which it is no longer thought to be theirs.
const NAMES: u32 = 16;

impl Silence {
    /// A name was asked for from `began` on and is given up; the last reply of any server was then.
    pub(super) fn gave_up(&mut self, began: Instant, last_reply: Option<Instant>) {
        if last_reply != self.last_reply {
            *self = Self { names: 0, last_reply };
        }
        if last_reply.is_none_or(|at| at < began) {
            self.names = self.names.saturating_add(1);
        }
    }

    pub(super) fn is_total(&self, last_reply: Option<Instant>) -> bool {
        self.names >= NAMES && self.last_reply == last_reply
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_reply_ends_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut silence = Silence::default();
        for name in 0..16 {
            assert!(!silence.is_total(None), "after {name}");
            silence.gave_up(at(name), None);
        }
        assert!(silence.is_total(None));
        assert!(!silence.is_total(Some(at(20))));
        // It was there while this name was asked for: that one is dead, not the servers.
        for _ in 0..20 {
            silence.gave_up(at(19), Some(at(20)));
        }
        assert!(!silence.is_total(Some(at(20))));
        for name in 0..16 {
            assert!(!silence.is_total(Some(at(20))), "after {name}");
            silence.gave_up(at(21), Some(at(20)));
        }
        assert!(silence.is_total(Some(at(20))));
    }
}

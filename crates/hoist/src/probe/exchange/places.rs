use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::pending::Stamped;
use super::server::{CONNECTIONS, PIPELINED};
use super::underway::Underway;
use super::usual::Usual;

/// The places among the TCP connections to a server: who waits for one, and how many there are.
///
/// A question whose answer is later than nearly all others gives its place up, but not its answer: so
/// those that are never answered do not hold up those that are.
#[derive(Debug)]
pub(super) struct Places {
    /// Who waits for one.
    pub(super) queue: VecDeque<Stamped>,
    /// Questions without an answer, those that are late among them.
    asked: usize,
    /// Those that are not late.
    underway: Underway,
    usual: Usual,
    answered: Option<Instant>,
    /// How many questions it takes on one connection.
    at_once: usize,
    /// Answers since that was changed.
    answers: usize,
}

/// An answer that takes so much longer than nearly all others is late; and the least time for it, and
/// that where too few are known.
const LATE: u32 = 2;
const LATE_MIN: Duration = Duration::from_millis(50);
const LATE_UNKNOWN: Duration = Duration::from_millis(500);

impl Places {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            asked: 0,
            underway: Underway::default(),
            usual: Usual::new(),
            answered: None,
            at_once: PIPELINED,
            answers: 0,
        }
    }

    /// Questions that have a place.
    pub(super) fn taken(&self) -> usize {
        self.underway.count()
    }

    /// Questions that may have one: no more than half of the server's window, so that what goes over
    /// TCP does not hold up what goes over UDP.
    fn most(&self, window: usize) -> usize {
        (self.at_once * CONNECTIONS).min(window.div_ceil(2))
    }

    /// Whether there is one, of a window.
    pub(super) fn is_free(&self, window: usize) -> bool {
        self.asked < CONNECTIONS * PIPELINED && self.taken() < self.most(window)
    }

    /// Whether someone waits for one that is to be had.
    pub(super) fn is_wanted(&self, window: usize) -> bool {
        !self.queue.is_empty() && self.is_free(window)
    }

    /// Those that are late by now have none.
    pub(super) fn tick(&mut self, now: Instant) {
        self.underway.drop_older(now, self.late());
    }

    /// When the next one is given up.
    pub(super) fn next_free(&self) -> Option<Instant> {
        self.underway.next_drop(self.late())
    }

    fn late(&self) -> Duration {
        self.usual.nearly_all().map_or(LATE_UNKNOWN, |time| (LATE * time).max(LATE_MIN))
    }

    pub(super) fn asked(&mut self, now: Instant) {
        self.asked += 1;
        self.underway.sent(now);
    }

    /// The question of then has an answer, or will have none.
    pub(super) fn ended(&mut self, asked: Instant) {
        self.asked = self.asked.saturating_sub(1);
        self.underway.ended(asked);
    }

    /// It takes what it was given, and perhaps more.
    pub(super) fn answered(&mut self, now: Instant, asked: Instant) {
        self.usual.took(now.saturating_duration_since(asked));
        self.answered = Some(now);
        self.answers += 1;
        if self.answers >= 16 * self.at_once {
            self.answers = 0;
            self.at_once = (2 * self.at_once).min(PIPELINED);
        }
    }

    /// Whether it has answered anyone in so long a time.
    pub(super) fn has_answered(&self, now: Instant, within: Duration) -> bool {
        self.answered.is_some_and(|last| now < last + within)
    }

    /// A connection broke after so many answers, while so many questions waited: it takes no more than it
    /// answered; or, where it answered none, breaks because of one of them, or of their number.
    pub(super) fn broke(&mut self, answered: usize, waiting: usize) {
        if waiting > answered {
            let most = if answered == 0 { waiting.min(self.at_once) / 2 } else { answered };
            self.at_once = self.at_once.min(most.max(1));
        }
    }

    /// Whether nothing is under way.
    #[cfg(any(test, feature = "bench"))]
    pub(super) fn is_clean(&self) -> bool {
        self.asked == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_late_one_gives_its_place_up_and_is_bounded_all_the_same() {
        let (mut places, mut now) = (Places::new(), Instant::now());
        places.broke(0, 2);
        for _ in 0..2 {
            assert!(places.is_free(100));
            places.asked(now);
        }
        assert!(!places.is_free(100));
        let start = now;
        now = places.next_free().unwrap();
        places.tick(now);
        assert!(places.is_free(100) && places.taken() == 0);
        // One that ends late frees nothing that is taken by others.
        places.asked(now);
        places.ended(start);
        assert_eq!((places.taken(), places.asked), (1, 2));
        while places.asked < CONNECTIONS * PIPELINED {
            now += Duration::from_secs(1);
            places.tick(now);
            assert!(places.is_free(100));
            places.asked(now);
        }
        now += Duration::from_secs(1);
        places.tick(now);
        assert!(places.taken() == 0 && !places.is_free(100));
    }

    #[test]
    fn late_is_what_others_are_not() {
        let (mut places, now) = (Places::new(), Instant::now());
        assert_eq!(places.late(), LATE_UNKNOWN);
        for _ in 0..64 {
            places.asked(now);
            places.ended(now);
            places.answered(now + 100 * MS, now);
        }
        assert!((200 * MS..300 * MS).contains(&places.late()), "{:?}", places.late());
    }
}

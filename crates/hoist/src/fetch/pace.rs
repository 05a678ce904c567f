use std::time::{Duration, Instant};

use super::meter::Meter;
use crate::outcome::classify::seconds;

/// Looks at the pace in one window.
const LOOKS: u32 = 8;

/// The pace of an answer, in bytes a second over a window that slides: looked at now and then, so that
/// it costs nothing for each byte.
#[derive(Debug)]
pub(super) struct Pace {
    /// In a window.
    fewest: u64,
    window: Duration,
    /// Bytes received at the latest looks, in turn.
    looks: [u64; LOOKS as usize],
    /// Looks so far. The first is where the answer begins.
    looked: u32,
    latest: Option<Instant>,
    /// Bytes in the window that was too slow.
    found: u64,
}

impl Pace {
    /// At least `rate` bytes a second; 0: any.
    pub(super) fn new(rate: u64, window: Duration) -> Self {
        let fewest = (u128::from(rate) * window.as_millis()).div_ceil(1_000);
        let fewest = u64::try_from(fewest).unwrap_or(u64::MAX);
        Self { fewest, window, looks: [0; LOOKS as usize], looked: 0, latest: None, found: 0 }
    }

    /// When to look whether the answer has begun: nobody else tells that its head has.
    pub(super) fn next_glance(&mut self, since: Instant) -> Option<Instant> {
        (self.fewest > 0).then(|| *self.latest.get_or_insert(since) + self.window / LOOKS)
    }

    /// It has not begun.
    pub(super) fn glanced(&mut self, now: Instant) {
        self.latest = Some(now);
    }

    /// When to look next at an answer that has begun.
    pub(super) fn next_look(&mut self, meter: &Meter) -> Option<Instant> {
        if self.fewest == 0 {
            return None;
        }
        if self.looked == 0 {
            self.note(meter.last_received(), meter.received());
        }
        self.latest.map(|latest| latest + self.window / LOOKS)
    }

    /// Looks. Whether there were too few bytes in the last window.
    pub(super) fn is_too_slow(&mut self, now: Instant, received: u64) -> bool {
        // This place is that of the look a window ago.
        let before = self.looks[self.place()];
        let full = self.looked >= LOOKS;
        self.note(now, received);
        self.found = received - before;
        full && self.found < self.fewest
    }

    fn note(&mut self, at: Instant, received: u64) {
        let place = self.place();
        self.looks[place] = received;
        self.looked += 1;
        self.latest = Some(at);
    }

    /// Of the next look.
    fn place(&self) -> usize {
        (self.looked % LOOKS) as usize
    }

    /// Nothing was read for so long: that time does not count.
    pub(super) fn resume(&mut self, paused: Duration) {
        if let Some(latest) = &mut self.latest {
            *latest += paused;
        }
    }

    /// Another answer will begin.
    pub(super) fn end(&mut self) {
        self.latest = None;
        self.looked = 0;
        // Those of another meter.
        self.looks = [0; LOOKS as usize];
    }

    /// What was found, for people.
    pub(super) fn told(&self) -> String {
        format!("only {} bytes came in {}", self.found, seconds(self.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds until a body that comes so is too slow, of 100 bytes in a window of 8 s.
    fn slow_after(body: impl Fn(u64) -> u64) -> Option<u64> {
        let start = Instant::now();
        let mut pace = Pace::new(12, Duration::from_secs(8));
        pace.note(start, 0);
        let mut received = 0;
        (1..60).find(|second| {
            received += body(*second);
            pace.is_too_slow(start + Duration::from_secs(*second), received)
        })
    }

    #[test]
    fn the_window_slides() {
        assert_eq!(slow_after(|_| 11), Some(8), "88 bytes in the first window");
        assert_eq!(slow_after(|_| 12), None);
        assert_eq!(slow_after(|second| if second <= 5 { 1_000_000 } else { 0 }), Some(13));
        assert_eq!(slow_after(|second| if second % 8 == 0 { 96 } else { 0 }), None, "in gusts");
        assert_eq!(slow_after(|second| if second % 9 == 0 { 200 } else { 0 }), Some(8));
    }

    #[test]
    fn no_rate_asks_for_no_look() {
        let mut pace = Pace::new(0, Duration::from_secs(1));
        assert_eq!(pace.next_look(&Meter::new(None)), None);
        assert_eq!(pace.next_glance(Instant::now()), None);
    }
}

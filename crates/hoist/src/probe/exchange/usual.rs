use std::time::Duration;

/// How long a server's answers usually take: counts in classes that are a quarter of an octave wide,
/// of late so many.
#[derive(Debug)]
pub(super) struct Usual {
    counts: [u32; CLASSES],
    total: u32,
    since: u32,
    mean: Duration,
    nearly_all: Duration,
}

/// From 64 us to 33 s.
const OCTAVES: usize = 19;
const CLASSES: usize = OCTAVES * 4;
/// The lowest class has what takes less than this power of two, in microseconds.
const LOWEST: u32 = 6;
/// Answers before anything is usual.
const ENOUGH: u32 = 16;
/// Answers between two looks at the counts.
const LOOK: u32 = 64;
/// Counts are halved when there are so many: what was usual once is forgotten.
const MANY: u32 = 8192;

impl Usual {
    pub(super) fn new() -> Self {
        Self {
            counts: [0; CLASSES],
            total: 0,
            since: 0,
            mean: Duration::ZERO,
            nearly_all: Duration::ZERO,
        }
    }

    /// An answer took so long.
    pub(super) fn took(&mut self, time: Duration) {
        self.mean = match self.total {
            0 => time,
            n => {
                let part = n.min(64) + 1;
                (self.mean * (part - 1) + time) / part
            }
        };
        self.counts[class(time)] += 1;
        self.total += 1;
        self.since += 1;
        if self.since >= LOOK || self.total == ENOUGH {
            self.look();
        }
    }

    /// The mean of late.
    pub(super) fn mean(&self) -> Duration {
        self.mean
    }

    /// What 99 of 100 do not exceed. `None` while too few have come.
    pub(super) fn nearly_all(&self) -> Option<Duration> {
        (self.total >= ENOUGH).then_some(self.nearly_all)
    }

    fn look(&mut self) {
        self.since = 0;
        let mut above = 0;
        for (class, count) in self.counts.iter().enumerate().rev() {
            above += count;
            if above * 100 > self.total {
                self.nearly_all = upper_end(class);
                break;
            }
        }
        if self.total >= MANY {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }
}

fn class(time: Duration) -> usize {
    let us = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1 << LOWEST);
    let octave = us.ilog2();
    let quarter = (us >> (octave - 2)) & 3;
    (((octave - LOWEST) * 4 + quarter) as usize).min(CLASSES - 1)
}

fn upper_end(class: usize) -> Duration {
    let (octave, quarter) = (class / 4, class % 4);
    Duration::from_micros(((5 + quarter as u64) << (LOWEST as usize + octave)) / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_is_not_usual() {
        let ms = Duration::from_millis;
        let mut usual = Usual::new();
        assert_eq!(usual.nearly_all(), None);
        for n in 0..10_000 {
            usual.took(ms(if n % 150 == 0 { 3_000 } else { 1 + n % 20 }));
        }
        let most = usual.nearly_all().unwrap();
        assert!((ms(20)..ms(25)).contains(&most), "{most:?}");
        assert!((ms(5)..ms(100)).contains(&usual.mean()), "{:?}", usual.mean());
        // What changes for good is noticed.
        for _ in 0..30_000 {
            usual.took(ms(200));
        }
        assert!(usual.nearly_all().unwrap() > ms(200));
    }

    #[test]
    fn classes_hold_what_they_say() {
        for us in [0_u64, 64, 79, 80, 100, 1_000, 33_333, 1_000_000, 20_000_000] {
            let time = Duration::from_micros(us);
            let end = upper_end(class(time));
            assert!(time < end && end <= time * 5 / 4 + Duration::from_micros(80), "{us}: {end:?}");
        }
        assert_eq!(class(Duration::from_hours(99)), CLASSES - 1);
    }
}

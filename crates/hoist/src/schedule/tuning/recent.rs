//! What came of late.

use std::time::{Duration, Instant};

/// Bodies larger than this, on average, are measured in bytes a second.
const LARGE: u64 = 256 << 10;
/// The average is that of about so many.
const LATEST: u64 = 64;

/// Bodies and their bytes, of late.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) bodies: u64,
    pub(super) bytes: u64,
    pub(super) large: bool,
}

impl Sizes {
    /// Looks whether bodies are large, on average. Whether that has changed.
    pub(super) fn choose(&mut self) -> bool {
        let large = self.bytes / LARGE > self.bodies + 1;
        if self.bodies > LATEST {
            self.bodies /= 2;
            self.bytes /= 2;
        }
        std::mem::replace(&mut self.large, large) != large
    }
}

/// Answers in the last second, by eighths.
#[derive(Debug)]
pub(super) struct Recent {
    eighths: [u32; 8],
    at: usize,
    began: Instant,
    /// The most that a second ever had.
    pub(super) peak: u32,
}

impl Recent {
    const EIGHTH: Duration = Duration::from_millis(125);

    pub(super) fn new(now: Instant) -> Self {
        Self { eighths: [0; 8], at: 0, began: now, peak: 0 }
    }

    pub(super) fn note(&mut self, now: Instant) {
        let mut passed = 0;
        while now.saturating_duration_since(self.began) >= Self::EIGHTH && passed < 8 {
            self.at = (self.at + 1) % 8;
            self.eighths[self.at] = 0;
            self.began += Self::EIGHTH;
            passed += 1;
        }
        if passed == 8 {
            self.began = now;
        }
        self.eighths[self.at] += 1;
        self.peak = self.peak.max(self.eighths.iter().sum());
    }
}

use std::num::NonZeroU64;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::milliseconds;

/// A part of an attempt that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for its turn, from its admission or from the end of the attempt before: for permits,
    /// and the rest between two tries.
    Queue,
    /// Looking up the host's addresses.
    Dns,
    /// Making the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    FirstByte,
    /// From there to the last byte.
    Body,
}

impl Phase {
    /// Every phase, in the order in which they follow each other.
    pub const ALL: [Self; 6] =
        [Self::Queue, Self::Dns, Self::Connect, Self::Tls, Self::FirstByte, Self::Body];

    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first_byte",
            Self::Body => "body",
        }
    }
}

/// Where the time of the last attempt went. What redirects took of it is included; a phase that did
/// not come to pass is none: on a connection that was used again nothing is resolved or connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// By phase, in nanoseconds. One that came to pass takes one at least: outcomes are moved often,
    /// and so are half as large as with a `Duration` for each.
    phases: [Option<NonZeroU64>; Phase::ALL.len()],
}

impl Timing {
    /// How long a phase took.
    pub fn of(&self, phase: Phase) -> Option<Duration> {
        self.phases[phase as usize].map(|nanoseconds| Duration::from_nanos(nanoseconds.get()))
    }

    /// The same as ledgers keep it: see [`super::microseconds`], without its wide division.
    pub(crate) fn microseconds(&self, phase: Phase) -> Option<u64> {
        self.phases[phase as usize].map(|nanoseconds| nanoseconds.get().saturating_add(500) / 1_000)
    }

    /// A phase took so much longer.
    pub(crate) fn add(&mut self, phase: Phase, time: Duration) {
        self.add_nanoseconds(phase, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add_nanoseconds(&mut self, phase: Phase, more: u64) {
        let of = &mut self.phases[phase as usize];
        *of = NonZeroU64::new(of.map_or(0, NonZeroU64::get).saturating_add(more))
            .or(Some(NonZeroU64::MIN));
    }

    /// What the next part of the attempt took.
    pub(crate) fn add_all(&mut self, more: &Self) {
        for phase in Phase::ALL {
            if let Some(nanoseconds) = more.phases[phase as usize] {
                self.add_nanoseconds(phase, nanoseconds.get());
            }
        }
    }

    /// Nothing came to pass.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Serialize for Timing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for phase in Phase::ALL {
            if let Some(time) = self.of(phase) {
                map.serialize_entry(phase.name(), &milliseconds(time))?;
            }
        }
        map.end()
    }
}

impl FromIterator<(Phase, Duration)> for Timing {
    fn from_iter<I: IntoIterator<Item = (Phase, Duration)>>(phases: I) -> Self {
        let mut timing = Self::default();
        for (phase, time) in phases {
            timing.add(phase, time);
        }
        timing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_happen_is_not_told() {
        let mut timing = Timing::default();
        assert!(timing.is_empty());
        timing.add(Phase::Queue, Duration::from_micros(1_500));
        timing.add(Phase::FirstByte, Duration::from_millis(2));
        timing.add_all(&timing.clone());
        timing.add_all(&[(Phase::Body, Duration::ZERO)].into_iter().collect());
        for phase in Phase::ALL {
            let kept = timing.of(phase).map(crate::outcome::microseconds);
            assert_eq!(timing.microseconds(phase), kept);
        }
        let json = serde_json::to_string(&timing).unwrap();
        assert_eq!(json, r#"{"queue":3.0,"first_byte":4.0,"body":0.0}"#);
        timing.add(Phase::Queue, Duration::MAX);
        timing.add(Phase::Queue, Duration::MAX);
        assert!(timing.of(Phase::Queue) > Some(Duration::from_hours(24 * 365 * 100)));
    }

    #[test]
    fn phases_are_numbered_in_their_order() {
        assert!(Phase::ALL.into_iter().enumerate().all(|(n, phase)| phase as usize == n));
    }
}

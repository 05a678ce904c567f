use std::collections::HashMap;
use std::net::IpAddr;

use crate::outcome::{ProbeVerdict, Wildcard};
use crate::plan::defaults;
use crate::probe::verdict::Lookup;

/// Tests of a parent, at most: a wildcard of four addresses that gives one of them at random is mostly
/// seen through, and one that takes them in turn always.
pub(super) const TESTS_MAX: u32 = 40;
/// Tests in a row that must bring nothing new before a name with other addresses is one of its own; of
/// a wildcard that gives but some of its addresses at a time, so many for each such part that was seen.
/// So of those that are a wildcard's, whatever it gives at random, 1 in 128 at most is called its own.
pub(super) const QUIET_MIN: u32 = 6;
/// Tests at once, at most. The first one goes alone, since most parents have no wildcard.
const ROUND: u32 = 8;
/// With so many rounds in which a test came to nothing, nobody knows.
const FAILED_MAX: u32 = 3;
/// Addresses that are kept of a parent. A wildcard that has more is not seen through.
const ADDRESSES_MAX: usize = 1024;

/// What tests of random names have shown of a parent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// All that random names had, in order.
    addresses: Vec<IpAddr>,
    /// Tests that were answered.
    tests: u32,
    /// The last of them that brought nothing new.
    quiet: u32,
    /// Rounds with a test that was not answered, or that could not be asked.
    failed: u32,
    /// Addresses in one answer, at least.
    fewest: usize,
    /// The first test had no address: there is no wildcard.
    is_none: bool,
    /// There are more addresses than are kept.
    is_more: bool,
}

/// What a round of tests brings; the order of its answers does not matter.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Those that were not answered yet.
    under_way: u32,
    answered: u32,
    has_new: bool,
    has_failed: bool,
}

impl Evidence {
    /// What is to be said of a name with these addresses; `None` if more tests are needed for it.
    pub(super) fn judge(&self, addresses: &[IpAddr]) -> Option<Wildcard> {
        if self.is_none || addresses.is_empty() {
            return Some(Wildcard::No);
        }
        if addresses.iter().all(|address| self.addresses.binary_search(address).is_ok()) {
            return Some(Wildcard::Yes);
        }
        if self.is_more || self.failed >= FAILED_MAX {
            return Some(Wildcard::Unsure);
        }
        if self.quiet >= self.quiet_enough() {
            return Some(Wildcard::No);
        }
        (self.tests >= TESTS_MAX).then_some(Wildcard::Unsure)
    }

    /// How many tests to ask next.
    pub(super) fn next_round(&self) -> u32 {
        match self.tests {
            0 => 1,
            tests @ 1..3 => 3 - tests,
            tests => {
                let to_be_sure = self.quiet_enough().saturating_sub(self.quiet).max(1);
                to_be_sure.min(ROUND).min(TESTS_MAX.saturating_sub(tests))
            }
        }
    }

    /// Tests in a row without anything new that show that all addresses have been seen.
    fn quiet_enough(&self) -> u32 {
        let parts = self.addresses.len().div_ceil(self.fewest.max(1));
        u32::try_from(parts).unwrap_or(u32::MAX).max(1).saturating_mul(QUIET_MIN)
    }

    /// No test can be made of this parent.
    pub(super) fn cannot_be_had(&mut self) {
        self.failed = FAILED_MAX;
    }

    /// Takes the answer to a test in. True at the end of a round.
    pub(super) fn learn(&mut self, round: &mut Round, lookup: &Lookup) -> bool {
        round.under_way = round.under_way.saturating_sub(1);
        match lookup.verdict {
            ProbeVerdict::Unknown => round.has_failed = true,
            ProbeVerdict::Found | ProbeVerdict::NotFound => {
                self.is_none |= self.tests == 0 && lookup.verdict == ProbeVerdict::NotFound;
                self.tests += 1;
                round.answered += 1;
                if !lookup.addresses.is_empty()
                    && (self.fewest == 0 || lookup.addresses.len() < self.fewest)
                {
                    self.fewest = lookup.addresses.len();
                }
                for address in &lookup.addresses {
                    round.has_new |= self.add(*address);
                }
            }
        }
        self.is_over(round)
    }

    fn is_over(&mut self, round: &Round) -> bool {
        if round.under_way > 0 {
            return false;
        }
        self.quiet = if round.has_new { 0 } else { self.quiet + round.answered };
        self.failed += u32::from(round.has_failed);
        true
    }

    fn add(&mut self, address: IpAddr) -> bool {
        let Err(at) = self.addresses.binary_search(&address) else { return false };
        if self.addresses.len() < ADDRESSES_MAX {
            self.addresses.insert(at, address);
        } else {
            self.is_more = true;
        }
        true
    }
}

impl Round {
    pub(super) fn of(tests: u32) -> Self {
        Self { under_way: tests, ..Self::default() }
    }

    /// One of its tests is not asked. True at its end.
    pub(super) fn leave_out(&mut self, evidence: &mut Evidence) -> bool {
        self.under_way = self.under_way.saturating_sub(1);
        evidence.is_over(self)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }
}

/// The evidence of parents, bounded in number and bytes: what was not used while half as many others
/// came is forgotten.
#[derive(Debug, Default)]
pub(super) struct Known {
    young: HashMap<Box<[u8]>, Evidence>,
    old: HashMap<Box<[u8]>, Evidence>,
    young_bytes: usize,
}

/// What a parent takes beside its name and its addresses: its place in the table, and what the
/// allocator adds.
const PARENT: usize = size_of::<(Box<[u8]>, Evidence)>() + 48;

impl Known {
    /// By the wire form of the parent.
    pub(super) fn find(&mut self, parent: &[u8]) -> Option<&Evidence> {
        if let Some((parent, evidence)) = self.old.remove_entry(parent) {
            self.keep(parent, evidence);
        }
        self.young.get(parent)
    }

    /// Takes it out.
    pub(super) fn take(&mut self, parent: &[u8]) -> Option<Evidence> {
        if let Some((parent, evidence)) = self.young.remove_entry(parent) {
            self.young_bytes = self.young_bytes.saturating_sub(bytes(&parent, &evidence));
            return Some(evidence);
        }
        self.old.remove(parent)
    }

    pub(super) fn keep(&mut self, parent: Box<[u8]>, evidence: Evidence) {
        let bytes = bytes(&parent, &evidence);
        let is_full = self.young.len() >= defaults::WILDCARD_PARENTS / 2
            || self.young_bytes + bytes > defaults::WILDCARD_BYTES / 2;
        if is_full {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(parent, evidence);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

fn bytes(parent: &[u8], evidence: &Evidence) -> usize {
    PARENT + parent.len() + evidence.addresses.capacity() * size_of::<IpAddr>()
}

use std::collections::BTreeMap;

use super::worst::WorstOrigins;
use crate::outcome::FailureKind;

/// What an outcome adds to the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tallied<'a> {
    pub(crate) class: Class,
    pub(crate) kind: Option<FailureKind>,
    /// The status of a failure of kind `status`.
    pub(crate) status: Option<u16>,
    /// Whom a failure is counted against.
    pub(crate) origin: Option<&'a str>,
    /// Of the body.
    pub(crate) bytes: u64,
    pub(crate) attempts: u32,
}

/// The four ways an item can end, whatever was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Ok,
    NotFound,
    Failed,
    Deferred,
}

/// What all outcomes of a list add up to, over all its runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) ok: u64,
    pub(crate) not_found: u64,
    pub(crate) failed: u64,
    pub(crate) deferred: u64,
    pub(crate) received: u64,
    pub(crate) retries: u64,
    pub(crate) failures: Failures,
}

impl Totals {
    pub(crate) fn count(&mut self, entry: Tallied<'_>) {
        *match entry.class {
            Class::Ok => &mut self.ok,
            Class::NotFound => &mut self.not_found,
            Class::Failed => &mut self.failed,
            Class::Deferred => &mut self.deferred,
        } += 1;
        // What a ledger says can be anything.
        self.received = self.received.saturating_add(entry.bytes);
        self.retries += u64::from(entry.attempts.saturating_sub(1));
        self.failures.count(entry);
    }

    /// Items that have their outcome.
    pub(crate) fn done(&self) -> u64 {
        self.ok + self.not_found + self.failed + self.deferred
    }
}

/// Failures and deferrals, counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Failures {
    pub(crate) kinds: BTreeMap<FailureKind, u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) worst: WorstOrigins,
}

impl Failures {
    pub(crate) fn count(&mut self, entry: Tallied<'_>) {
        let Some(kind) = entry.kind else { return };
        *self.kinds.entry(kind).or_default() += 1;
        if let Some(status) = entry.status.filter(|_| kind == FailureKind::Status) {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(origin) = entry.origin {
            self.worst.count(origin);
        }
    }
}

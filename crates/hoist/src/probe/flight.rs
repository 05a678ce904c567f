use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::time::Instant;

use tokio::sync::Notify;

use super::verdict::Lookup;
use crate::item::WireName;
use crate::plan::{Family, Question};

/// A name that is looked up for `fetch`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub(super) name: WireName,
    /// Nobody is to complete it. Our own queries are always so; the system is told by a dot.
    pub(super) absolute: bool,
}

/// What flights are told apart by: the name and the family.
pub(super) type FlightKey = (Host, u8);

/// One lookup that all who want the same name at the same time share.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) host: Host,
    pub(super) began: Instant,
    family: Family,
    /// Where it is asked for; of no meaning once it is done.
    pub(super) index: Cell<usize>,
    pub(super) waiters: Cell<usize>,
    pub(super) changed: Notify,
    /// Its failure was taken for what it says of the servers.
    pub(super) judged: Cell<bool>,
    progress: RefCell<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Of the family that answered first.
    first: Option<(Instant, Vec<IpAddr>)>,
    done: Option<Lookup>,
}

impl Flight {
    pub(super) fn key(&self) -> FlightKey {
        (self.host.clone(), self.family as u8)
    }

    pub(super) fn new(now: Instant, host: Host, family: Family) -> Self {
        Self {
            host,
            began: now,
            family,
            index: Cell::new(usize::MAX),
            waiters: Cell::new(0),
            changed: Notify::new(),
            judged: Cell::new(false),
            progress: RefCell::default(),
        }
    }

    pub(super) fn question(&self) -> Question {
        self.family.question()
    }

    /// One family has addresses.
    pub(super) fn has_some(&self, now: Instant, addresses: Vec<IpAddr>) {
        if !addresses.is_empty() {
            self.progress.borrow_mut().first.get_or_insert((now, addresses));
            self.changed.notify_waiters();
        }
    }

    /// All is known.
    pub(super) fn land(&self, lookup: Lookup) {
        self.progress.borrow_mut().done = Some(lookup);
        self.changed.notify_waiters();
    }

    pub(super) fn landed(&self) -> Option<Lookup> {
        self.progress.borrow().done.clone()
    }

    pub(super) fn is_done(&self) -> bool {
        self.progress.borrow().done.is_some()
    }

    /// When the first family had addresses.
    pub(super) fn first_at(&self) -> Option<Instant> {
        self.progress.borrow().first.as_ref().map(|(at, _)| *at)
    }

    pub(super) fn first_addresses(&self) -> Vec<IpAddr> {
        self.progress.borrow().first.as_ref().map(|(_, found)| found.clone()).unwrap_or_default()
    }
}

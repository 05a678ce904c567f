//! Where the loop sets lines aside, and takes them back.

use super::super::aside::Back;
use super::super::job::{Job, Read};
use super::Drive;
use crate::error::Error;
use crate::input::Line;
use crate::item::Position;
use crate::report::add;
use crate::schedule::Ticket;
use crate::sink::Left;

/// A line whose origin has its share.
pub(super) struct Held<J: Job> {
    position: Position,
    text: String,
    item: J::Item,
    origin: J::Origin,
    weight: usize,
}

/// What becomes of such a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Admit,
    SetAside,
    /// It waits, and the list with it.
    Hold,
}

impl<J: Job> Drive<'_, J> {
    /// Whether lines are to be looked at before they are admitted: an origin may have its share.
    pub(super) fn is_tight(&self) -> bool {
        self.aside.is_on() && !(self.aside.is_empty() && self.schedule.is_roomy())
    }

    /// Whether another line may be taken, as far as lines that were set aside are concerned.
    pub(super) fn has_room_aside(&self) -> bool {
        !J::SETS_ASIDE
            || !self.aside.is_on()
            || (!self.aside.wants_room()
                && self.schedule.has_room_beside(self.aside.coming())
                && self.held.as_ref().is_none_or(|held| self.fate(held) != Fate::Hold))
    }

    /// Takes a line where there may be no place for its origin.
    pub(super) fn take_tight(&mut self, position: Position, line: Line) {
        let counters = self.report.counters();
        if let Line::Asked(text) = &line
            && self.schedule.is_hungry()
            && self.aside.accepts(text)
            && self.aside.put_like_latest(position, text)
        {
            add(&counters.admitted, 1);
            add(&counters.set_aside, 1);
            return;
        }
        let text = match &line {
            Line::Asked(text) => text.clone(),
            Line::Skipped | Line::Unreadable { .. } => String::new(),
        };
        match self.job.read(position, line) {
            Read::Nothing => {
                if let Some(record) = &mut self.record {
                    record.skip(position);
                }
            }
            Read::Outcome(outcome) => {
                add(&counters.admitted, 1);
                self.put(position, outcome, Left::Nothing, None);
            }
            Read::Item { item, origin, weight } => {
                add(&counters.admitted, 1);
                self.place(Held { position, text, item, origin, weight });
            }
        }
    }

    /// Looks again at the line that waits.
    pub(super) fn take_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.place(held);
        }
    }

    fn place(&mut self, held: Held<J>) {
        match self.fate(&held) {
            Fate::Admit => self.admit(held.position, held.item, held.origin, held.weight),
            Fate::SetAside if self.aside.put(&held.origin, held.position, &held.text) => {
                add(&self.report.counters().set_aside, 1);
                self.aside.look(&held.origin);
            }
            Fate::SetAside => {
                self.report.set_not_set_aside("no thread could be started for it".to_owned());
                self.held = Some(held);
            }
            Fate::Hold => self.held = Some(held),
        }
    }

    fn fate(&self, held: &Held<J>) -> Fate {
        // Where nothing is set aside any more, none of the lines that come later waits for those that were.
        let behind = !self.aside.is_shut() && self.aside.holds(&held.origin);
        if !behind && !self.schedule.crowds(&held.origin) {
            Fate::Admit
        } else if self.schedule.is_hungry() && self.aside.accepts(&held.text) {
            Fate::SetAside
        } else {
            Fate::Hold
        }
    }

    /// An item starts, or has its outcome: its origin may need some of the lines that were set aside.
    pub(super) fn look(&mut self, ticket: Ticket) {
        if J::SETS_ASIDE
            && !self.aside.is_empty()
            && let Some(origin) = self.schedule.home(ticket)
        {
            self.aside.look(origin);
        }
    }

    /// Orders lines that origins need.
    pub(super) fn feed(&mut self) {
        if J::SETS_ASIDE && self.aside.wants_room() {
            self.aside.feed(&mut self.schedule);
        }
    }

    /// Takes what has come back, without waiting.
    pub(super) fn take_back(&mut self) -> Result<(), Error> {
        if J::SETS_ASIDE {
            while let Some(back) = self.aside.next() {
                self.take(back)?;
            }
            self.feed();
        }
        Ok(())
    }

    pub(super) fn take(&mut self, back: Back<J::Origin>) -> Result<(), Error> {
        match back {
            Back::Room => {}
            Back::Failed(error) => return Err(error),
            Back::Shut(why) => self.report.set_not_set_aside(why.to_string()),
            Back::Lines(origin, lines) => {
                for (position, text) in lines {
                    match self.job.read(position, Line::Asked(text)) {
                        Read::Nothing => {}
                        Read::Outcome(outcome) => self.put(position, outcome, Left::Nothing, None),
                        Read::Item { item, origin, weight } => {
                            self.admit(position, item, origin, weight);
                        }
                    }
                }
                self.aside.look(&origin);
            }
        }
        Ok(())
    }
}

//! Where requests meet a server's load model: its clock, its count, its waiting.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Load;
use super::model::{Arrival, Fate, Model};
use crate::http::exchange::{Exchange, Trouble};
use crate::http::reason;
use crate::truth::Loaded;

/// What all connections of a server share.
pub(crate) struct Gate {
    pub(crate) name: &'static str,
    /// Whether bytes wait for their turn.
    pub(crate) paces: bool,
    state: Mutex<State>,
}

struct State {
    model: Model,
    in_flight: u64,
}

/// A request's place in flight; it is free again when this is dropped.
pub(crate) struct Place<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new(load: Load) -> Self {
        let Load { about, model, .. } = load;
        let paces = model.paces();
        Self { name: about.name, paces, state: Mutex::new(State { model, in_flight: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request in; one that is served has a place. Says how many are in flight with it, too.
    fn enter(&self, now: Duration, client: IpAddr) -> (Fate, u64, Option<Place<'_>>) {
        let mut state = self.state();
        let in_flight = state.in_flight + 1;
        let fate = state.model.meet(Arrival { now, client, in_flight });
        let place = fate.refusal.is_none().then(|| {
            state.in_flight = in_flight;
            Place(self)
        });
        drop(state);
        (fate, in_flight, place)
    }

    /// Waits for the turn of the next of so many bytes, and says how many go.
    pub(crate) async fn turn(&self, bytes: usize, started: Instant) -> usize {
        let (n, due) = self.state().model.send(bytes, started.elapsed());
        sleep_until(started + due).await;
        n
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

/// What a request meets at the gate, until it may be answered; true when it was refused.
pub(crate) async fn meet<'a>(ex: &mut Exchange<'a>, gate: &'a Gate) -> Result<bool, Trouble> {
    let now = ex.arrived.saturating_duration_since(ex.shared.started);
    let (fate, in_flight, place) = gate.enter(now, ex.client());
    ex.decision = gate.name;
    ex.load = Some(Loaded { in_flight, verdict: fate.verdict.as_str(), wait: fate.wait });
    ex.place = place;
    if let Some((status, again)) = fate.refusal {
        ex.head(status);
        if let Some(again) = again {
            // Never earlier than meant.
            ex.header("Retry-After", again.as_secs() + u64::from(again.subsec_nanos() > 0));
        }
        ex.end_text(reason(status)).await?;
        return Ok(true);
    }
    ex.wait(fate.wait).await?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_are_served_are_in_flight() {
        let gate = Gate::new(Load::parse("cliff?at=2").unwrap());
        let enter = || gate.enter(Duration::ZERO, [127, 0, 0, 1].into());
        let (_first, second) = (enter(), enter());
        let (fate, in_flight, place) = enter();
        assert!(fate.refusal.is_some() && place.is_none());
        assert_eq!(in_flight, 3);
        assert_eq!(gate.state().in_flight, 2);
        drop(second);
        assert_eq!(enter().1, 2, "its place is free");
    }
}

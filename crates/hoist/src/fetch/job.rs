use std::collections::HashSet;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use url::Url;

use super::attempt::{Attempt, Attempted, End};
use super::continuing::leaves_a_part;
use super::fetcher::Fetcher;
use super::hands::Hands;
use super::leases::{Leases, Want, Wants};
use super::redirect::Hop;
use super::tidings::Tidings;
use crate::error::Error;
use crate::input::Line;
use crate::item::{Hash, NameTemplate, NearUrls, Origin, Position, Target, without_credentials};
use crate::outcome::classify::seconds;
use crate::outcome::{Failure, FailureKind, GetOutcome, GetVerdict, Phase, Timing};
use crate::plan::{GetPlan, LargePlan, SinkPlan};
use crate::report::Report;
use crate::run::{Conclusion, Event, Job, Read};
use crate::schedule::{Came, Ended, Outage, Schedule, Sign, Start, Ticket, Told};
use crate::sink::{Completion, Completions, Finished, Left, Mismatch, Writers, Written};

/// Gets URLs.
#[derive(Debug)]
pub(crate) struct GetJob {
    fetcher: Rc<Fetcher>,
    template: Option<Rc<NameTemplate>>,
    hands: Hands,
    completions: Completions,
    /// Of these, what is not yet told.
    told: std::vec::IntoIter<Completion>,
    /// Positions of which an earlier run left a part of the body; None: any may have one.
    parts: Option<HashSet<Position>>,
    /// Parts are being given up.
    giving_up: JoinSet<()>,
    wants: Wants,
    near: NearUrls,
    /// Bytes of bodies that are on their way.
    arrived: mpsc::Receiver<(Ticket, u64)>,
}

/// A URL that is admitted.
#[derive(Debug)]
pub(crate) struct GetItem {
    position: Position,
    target: Rc<Target>,
    admitted: Instant,
    /// Once it was asked.
    progress: Option<Box<Progress>>,
}

/// What is known of an item that was asked.
#[derive(Debug)]
struct Progress {
    started: Instant,
    attempts: u32,
    /// It waits for its permits since then.
    waiting: Instant,
    /// Of this attempt.
    timing: Timing,
    /// Where redirects have led in this attempt.
    hop: Option<Rc<Hop>>,
    last: Option<Attempted>,
    ticket: Ticket,
    /// A part of the body may wait at the writer.
    partial: bool,
}

/// Memory that an admitted item takes beside its text, about.
const ITEM: usize = size_of::<GetItem>() + size_of::<Target>() + 256;

impl GetJob {
    pub(crate) fn start(
        mut plan: GetPlan,
        writers: &mut Writers,
        seed: u64,
        report: Report,
    ) -> Result<Self, Error> {
        let template = match &mut plan.sink {
            SinkPlan::Directory { template, .. } | SinkPlan::Tar { template, .. } => {
                template.take().map(Rc::new)
            }
            SinkPlan::Writer(_) => None,
        };
        if template.as_ref().is_some_and(|template| template.needs_body()) {
            plan.large = LargePlan::default();
        }
        let (leases, wants) = Leases::new(plan.limits.in_flight.get());
        let (tidings, arrived) = Tidings::new();
        let fetcher = Fetcher::start(plan, writers.handover(), leases, tidings, seed, report)?;
        let completions = writers.completions();
        let fetcher = Rc::new(fetcher);
        Ok(Self {
            hands: Hands::new(Rc::clone(&fetcher)),
            fetcher,
            template,
            completions,
            told: Vec::new().into_iter(),
            parts: writers.parts(),
            giving_up: JoinSet::new(),
            wants,
            near: NearUrls::default(),
            arrived,
        })
    }

    /// Lets go of what there is of a body, unless another run may go on with it.
    fn give_up_part(&mut self, item: &GetItem) {
        let Some(Progress { ticket, partial: true, last: Some(last), .. }) =
            item.progress.as_deref()
        else {
            return;
        };
        let remove = match &last.end {
            End::Failed(failure, _) => {
                !failure.kind.may_retry(last.status) && !leaves_a_part(failure.kind)
            }
            End::NotFound | End::Received { .. } => true,
            End::Moved(_) | End::Postponed => false,
        };
        let (fetcher, ticket, position) = (Rc::clone(&self.fetcher), *ticket, item.position);
        self.giving_up.spawn_local(async move {
            fetcher.handover.forget(ticket, position, remove).await;
        });
    }

    /// What is next of that which a writer has told.
    fn next_saved(&mut self) -> Option<Event<Attempted, Written>> {
        self.told.next().map(|(ticket, written)| match written {
            Ok(written) => Event::Saved(ticket, written),
            Err(error) => Event::Fatal(error),
        })
    }

    fn outcome(item: &GetItem, verdict: GetVerdict, failure: Option<Failure>) -> Box<GetOutcome> {
        let progress = item.progress.as_deref();
        let last = progress.and_then(|progress| progress.last.as_ref());
        let final_url =
            progress.and_then(|progress| progress.hop.as_ref()).map(|hop| hop.url.to_string());
        Box::new(GetOutcome {
            position: item.position,
            url: item.target.shown().to_owned(),
            final_url,
            verdict,
            failure,
            status: last.and_then(|last| last.status),
            bytes: last.map_or(0, |last| last.bytes),
            path: None,
            content_type: None,
            unframed: false,
            attempts: progress.map_or(0, |progress| progress.attempts),
            elapsed: progress.map_or(Duration::ZERO, |progress| progress.started.elapsed()),
            retry_at: None,
            crc32c: None,
            member: None,
            hash: None,
            timing: progress.map_or_else(Timing::default, |progress| progress.timing),
        })
    }

    fn finished(item: &GetItem, finished: Finished, hash: Option<Hash>) -> (Box<GetOutcome>, Left) {
        let mut outcome = Self::outcome(item, GetVerdict::Ok, None);
        outcome.hash = hash;
        match finished {
            Finished::At(path) => {
                outcome.path = path;
                (outcome, Left::Nothing)
            }
            Finished::Left(left) => (outcome, left),
        }
    }

    fn unreadable(position: Position, url: String, failure: Failure) -> Box<GetOutcome> {
        Box::new(GetOutcome {
            position,
            url,
            final_url: None,
            verdict: GetVerdict::Failed,
            failure: Some(failure),
            status: None,
            bytes: 0,
            path: None,
            content_type: None,
            unframed: false,
            attempts: 0,
            elapsed: Duration::ZERO,
            retry_at: None,
            crc32c: None,
            member: None,
            hash: None,
            timing: Timing::default(),
        })
    }
}

impl Job for GetJob {
    const SETS_ASIDE: bool = true;

    type Item = GetItem;
    type Origin = Origin;
    type End = Attempted;
    type Saved = Written;
    type Outcome = Box<GetOutcome>;
    type Told = GetOutcome;

    fn tell(outcome: Box<GetOutcome>) -> GetOutcome {
        *outcome
    }

    fn read(&mut self, position: Position, line: Line) -> Read<GetItem, Origin, Box<GetOutcome>> {
        let text = match line {
            Line::Skipped => return Read::Nothing,
            Line::Unreadable { shown, reason } => {
                let failure = Failure::new(FailureKind::BadInput, reason);
                let shown = without_credentials(&shown);
                return Read::Outcome(Self::unreadable(position, shown, failure));
            }
            Line::Asked(text) => text,
        };
        match Target::parse_near(&text, &mut self.near) {
            Err((failure, shown)) => Read::Outcome(Self::unreadable(position, shown, failure)),
            Ok(target) => {
                let origin = target.origin.clone();
                let weight = target.weight() + ITEM;
                let (target, admitted) = (Rc::new(target), Instant::now());
                let item = GetItem { position, target, admitted, progress: None };
                Read::Item { item, origin, weight }
            }
        }
    }

    fn start(&mut self, start: Start, item: &mut GetItem) {
        let now = Instant::now();
        let partial = self.fetcher.continues
            && self.parts.as_ref().is_none_or(|parts| parts.contains(&item.position));
        let progress = item.progress.get_or_insert_with(|| {
            Box::new(Progress {
                started: now,
                attempts: 0,
                waiting: item.admitted,
                timing: Timing::default(),
                hop: None,
                last: None,
                ticket: start.ticket,
                partial,
            })
        });
        if start.attempt != progress.attempts {
            // Another try begins at the item's own URL: where that leads may have changed.
            progress.attempts = start.attempt;
            progress.hop = None;
            progress.timing = Timing::default();
        }
        let waited = now.saturating_duration_since(progress.waiting);
        progress.timing.add(Phase::Queue, waited);
        let attempt = Attempt {
            ticket: start.ticket,
            position: item.position,
            target: Rc::clone(&item.target),
            hop: progress.hop.clone(),
            template: self.template.clone(),
            deadline: start.deadline,
            partial: progress.partial,
            awaited: start.awaited,
        };
        self.hands.start(attempt);
    }

    fn prepare(&self, schedule: &mut Schedule<Origin>) {
        if let Some(rate) = self.fetcher.ceilings.rate {
            schedule.set_rate(rate);
        }
        schedule.set_retries(self.fetcher.ceilings.retries);
    }

    fn further<'a>(&self, end: &'a Attempted) -> &'a [Origin] {
        &end.further
    }

    fn is_hindered(&self) -> bool {
        self.fetcher.connector.ceiling.as_ref().is_some_and(|ceiling| ceiling.was_touched())
    }

    fn flush(&mut self, idle: bool, now: Instant) -> Option<Instant> {
        self.fetcher.handover.flush(idle, now)
    }

    fn is_tidy(&self) -> bool {
        self.giving_up.is_empty()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event<Attempted, Self::Saved>> {
        // Mostly nothing else has come; to see that takes less than to poll for it.
        if self.wants.are_none() && self.arrived.is_empty() {
            if let Some((ticket, attempted)) = self.hands.ended() {
                return Poll::Ready(Event::Ended(ticket, attempted));
            }
            if let Some(saved) = self.next_saved() {
                return Poll::Ready(saved);
            }
        }
        // Before the end of their attempt is.
        if let Poll::Ready(Some(ticket)) = self.wants.returned.poll_recv(cx) {
            return Poll::Ready(Event::Returned(ticket));
        }
        if let Poll::Ready(Some(want)) = self.wants.wants.poll_recv(cx) {
            return Poll::Ready(match want {
                Want::Lease(ticket, answer) => Event::Wants(ticket, answer),
                Want::Turn(ticket, answer) => Event::Turn(ticket, answer),
                Want::Pause(ticket, pause) => Event::Pause(ticket, pause),
            });
        }
        if let Poll::Ready(Some((ticket, bytes))) = self.arrived.poll_recv(cx) {
            return Poll::Ready(Event::Arrived(ticket, bytes));
        }
        if let Poll::Ready(Some(_)) = self.giving_up.poll_join_next(cx) {
            return Poll::Ready(Event::Tidied);
        }
        if let Poll::Ready((ticket, attempted)) = self.hands.poll_ended(cx) {
            return Poll::Ready(Event::Ended(ticket, attempted));
        }
        loop {
            if let Some(saved) = self.next_saved() {
                return Poll::Ready(saved);
            }
            match ready!(self.completions.poll_recv(cx)) {
                Some(told) => self.told = told.into_iter(),
                // The writers end only with the run, or by a fault of ours.
                None => return Poll::Ready(Event::Fatal(Error::Stopped)),
            }
        }
    }

    fn told(&self, end: &Attempted) -> Option<Told> {
        let came = match (&end.end, end.status) {
            (End::Failed(..), Some(status @ (429 | 503))) => Came::Refusal(status),
            (End::Failed(failure, _), None) => match failure.kind {
                FailureKind::ConnectRefused | FailureKind::Reset => Came::Broken,
                _ => Came::Nothing,
            },
            _ => Came::Answer(end.untold),
        };
        Some(Told { came, took: end.took, pause: end.pause })
    }

    fn name(origin: &Origin) -> String {
        origin.to_string()
    }

    fn origin(&self, name: &str) -> Option<Origin> {
        let origin = Origin::of(&Url::parse(name).ok()?)?;
        (origin.to_string() == name).then_some(origin)
    }

    fn ended(&mut self, item: &mut GetItem, mut end: Attempted) -> (Ended<Origin>, Duration, Sign) {
        let (earned, sign) = (end.earned, std::mem::replace(&mut end.sign, Sign::Nothing));
        let Some(progress) = item.progress.as_deref_mut() else {
            return (Ended::Done, earned, sign);
        };
        progress.timing.add_all(&end.timing);
        let ended = match &end.end {
            End::Received { .. } | End::NotFound | End::Failed(_, None) => Ended::Done,
            End::Failed(_, Some(retry)) => {
                progress.waiting = Instant::now();
                Ended::Failed(*retry)
            }
            End::Postponed => {
                progress.waiting = Instant::now();
                let hop = progress.hop.as_ref();
                Ended::Moved(hop.map_or(&item.target.origin, |hop| &hop.origin).clone())
            }
            End::Moved(hop) => {
                progress.waiting = Instant::now();
                progress.hop = Some(Rc::clone(hop));
                Ended::Moved(hop.origin.clone())
            }
        };
        progress.partial |= end.partial;
        progress.last = Some(end);
        (ended, earned, sign)
    }

    fn conclude(&mut self, item: &mut GetItem, conclusion: Conclusion) -> Option<Box<GetOutcome>> {
        let last = item.progress.as_deref().and_then(|progress| progress.last.as_ref());
        let last = last.map(|last| &last.end);
        if !matches!((&conclusion, last), (Conclusion::LastAttempt, Some(End::Received { .. }))) {
            self.give_up_part(item);
        }
        let failure = match last {
            Some(End::Failed(failure, _)) => Some(failure.clone()),
            _ => None,
        };
        let outcome = match (conclusion, last) {
            (Conclusion::LastAttempt, Some(End::Received { .. })) => return None,
            (Conclusion::LastAttempt, Some(End::NotFound)) => {
                Self::outcome(item, GetVerdict::NotFound, None)
            }
            (Conclusion::LastAttempt, _) => Self::outcome(item, GetVerdict::Failed, failure),
            (Conclusion::Deferred(asked), _) => {
                let failure = failure.map(|failure| {
                    let reason = format!("{}; it asks to wait {}", failure.reason, seconds(asked));
                    Failure::new(failure.kind, reason)
                });
                let mut outcome = Self::outcome(item, GetVerdict::Deferred, failure);
                outcome.retry_at = SystemTime::now().checked_add(asked);
                outcome
            }
            (Conclusion::PutOff(asked), _) => {
                // What kept it from being asked is the wait; what it met before is not the reason.
                let (asks, allowed) = (seconds(asked), seconds(self.fetcher.patience.deadline));
                let before = failure.map(|failure| format!("; the last try: {}", failure.reason));
                let reason = before.map_or_else(
                    || {
                        format!(
                            "not asked: its origin is left alone for {asks}; it may take {allowed}"
                        )
                    },
                    |before| {
                        format!(
                            "not done within {allowed}: its origin is left alone for {asks}{before}"
                        )
                    },
                );
                let failure = Failure::new(FailureKind::Deadline, reason);
                let mut outcome = Self::outcome(item, GetVerdict::Deferred, Some(failure));
                outcome.retry_at = SystemTime::now().checked_add(asked);
                outcome
            }
            (Conclusion::Down(outage), _) => {
                let Outage { failures, lasted, last } = outage;
                let reason = format!(
                    "{failures} tries at it failed in a row, and it gave no sign of life for {}; \
                     the last try: {last}",
                    seconds(lasted),
                );
                let failure = Failure::new(FailureKind::OriginDown, reason);
                Self::outcome(item, GetVerdict::Failed, Some(failure))
            }
            (Conclusion::Spent, _) => {
                let failure = failure.map(|failure| {
                    let reason = format!(
                        "{}; not tried again: its origin has had as many retries as it may",
                        failure.reason
                    );
                    Failure::new(failure.kind, reason)
                });
                Self::outcome(item, GetVerdict::Failed, failure)
            }
            (Conclusion::Overdue, _) => {
                let allowed = seconds(self.fetcher.patience.deadline);
                let before = failure.map(|failure| format!("; the last try: {}", failure.reason));
                let before = before.unwrap_or_default();
                let reason = format!("not done within {allowed}, while it waited{before}");
                let failure = Failure::new(FailureKind::Deadline, reason);
                Self::outcome(item, GetVerdict::Failed, Some(failure))
            }
        };
        Some(outcome)
    }

    fn saved(&mut self, item: &mut GetItem, written: Written) -> (Box<GetOutcome>, Left) {
        let failed = |item: &GetItem, failure| {
            (Self::outcome(item, GetVerdict::Failed, Some(failure)), Left::Nothing)
        };
        let (mut outcome, left) = match written {
            Written::Finished(finished, hash) => Self::finished(item, finished, hash),
            Written::Decoded(finished, hash, bytes) => {
                let (mut outcome, left) = Self::finished(item, finished, hash);
                outcome.bytes = bytes;
                (outcome, left)
            }
            Written::Refused(failure) => failed(item, failure),
            Written::Mismatched(Mismatch { promised, found }) => {
                let reason = format!("the body has {found}; {promised} was promised");
                failed(item, Failure::new(FailureKind::HashMismatch, reason))
            }
        };
        let last = item.progress.as_mut().and_then(|progress| progress.last.take());
        if let Some(End::Received { content_type, unframed }) = last.map(|last| last.end) {
            outcome.content_type = content_type;
            outcome.unframed = unframed;
        }
        (outcome, left)
    }
}

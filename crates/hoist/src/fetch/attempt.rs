use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Response};
use url::Url;

use super::continuing::Going;
use super::fetcher::Fetcher;
use super::patience::{Overdue, Timer, Watch};
use super::pool::Connection;
use super::redirect::Hop;
use super::route::Unconnected;
use super::transport::Arriving;
use crate::item::{NameTemplate, Origin, Position, Target};
use crate::outcome::classify::{Remedy, Seen};
use crate::outcome::{Failure, FailureKind, Timing};
use crate::schedule::{Retry, Sign, Ticket};

/// One attempt at an item, or the part of it after a redirect.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) ticket: Ticket,
    pub(super) position: Position,
    pub(super) target: Rc<Target>,
    pub(super) hop: Option<Rc<Hop>>,
    pub(super) template: Option<Rc<NameTemplate>>,
    pub(super) deadline: Instant,
    /// Another try, or another run, may have left a part of the body.
    pub(super) partial: bool,
    /// Other items of the origin wait for its connection.
    pub(super) awaited: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(super) end: End,
    pub(super) status: Option<u16>,
    /// Bytes of body received, those of other tries included where it went on with them.
    pub(super) bytes: u64,
    /// What they add to the item's deadline.
    pub(super) earned: Duration,
    /// What it tells of its origin.
    pub(super) sign: Sign,
    /// From its start.
    pub(super) took: Duration,
    /// Bytes of body that the schedule was not told of on the way.
    pub(super) untold: u64,
    /// Where the time went.
    pub(super) timing: Timing,
    /// A part of the body may wait at the writer.
    pub(super) partial: bool,
    /// The origin that was asked is to be left alone for so long.
    pub(super) pause: Option<Duration>,
    /// Whom it asked beside its own request.
    pub(super) further: Vec<Origin>,
}

#[derive(Debug)]
pub(super) enum End {
    /// The body is whole, and on its way to the disk.
    Received { content_type: Option<String>, unframed: bool },
    /// There is nothing.
    NotFound,
    /// It is elsewhere.
    Moved(Rc<Hop>),
    /// Its next request has to wait. It goes on then, as the same attempt.
    Postponed,
    /// It failed; whether and when another try can help.
    Failed(Failure, Option<Retry>),
}

impl Attempt {
    /// The timer is given back, for the next one.
    pub(super) async fn run(self, fetcher: &Fetcher, timer: Timer) -> (Attempted, Timer) {
        let mut watch = Watch::new(&fetcher.patience, &fetcher.giving_up, self.deadline, timer);
        watch.tell(fetcher.tidings.of(self.ticket, watch.began()));
        let mut status = None;
        let mut going = Going::default();
        let end = self.exchange(fetcher, &mut watch, &mut status, &mut going).await;
        going.end(&self, fetcher).await;
        let end = end.unwrap_or_else(|failure| {
            let retry = failure.kind.may_retry(status).then_some(Retry::Soon);
            End::Failed(failure, retry)
        });
        let sign = sign(&end, &watch);
        let bytes = going.whole.unwrap_or_else(|| going.before + watch.received());
        let earned = watch.earned();
        let partial = self.partial || going.partial;
        let (took, untold) = (watch.took(), watch.untold());
        let pause = Some(watch.pause).filter(|pause| !pause.is_zero());
        let timing = watch.stopwatch.read();
        let (further, timer) = (watch.further, watch.timer);
        let attempted = Attempted {
            end,
            status,
            bytes,
            earned,
            sign,
            took,
            untold,
            timing,
            partial,
            pause,
            further,
        };
        (attempted, timer)
    }

    pub(super) fn origin(&self) -> &Origin {
        self.hop.as_ref().map_or(&self.target.origin, |hop| &hop.origin)
    }

    /// Where this attempt is now.
    pub(super) fn url(&self) -> &Url {
        self.hop.as_ref().map_or(&self.target.url, |hop| &hop.url)
    }

    async fn exchange(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        status: &mut Option<u16>,
        going: &mut Going,
    ) -> Result<End, Failure> {
        let mut free_retry = true;
        let mut http1_required = None;
        if let Some(robots) = &fetcher.robots
            && let Some(end) = Box::pin(self.forbidden(robots, fetcher, watch)).await?
        {
            return Ok(end);
        }
        if self.partial {
            *going = Box::pin(Going::open(self, fetcher, watch)).await?;
        }
        loop {
            let mut connection = match self.connection(fetcher, watch).await {
                Ok(connection) => connection,
                Err(Unconnected { failure, hopeless: true }) => {
                    return Ok(End::Failed(failure, None));
                }
                Err(Unconnected { failure, .. }) => return Err(failure),
            };
            match self.ask(fetcher, watch, &mut connection, &|fields| going.ask(fields)).await {
                Ok(answer) => {
                    *status = Some(answer.status().as_u16());
                    let end = self.take(fetcher, watch, connection, answer, going).await?;
                    // The rest can't be had, and nothing is kept any more: all of it is asked for.
                    let Some(end) = end else { continue };
                    return Ok(end);
                }
                // The server closed an idle connection just as it was used again: nobody's
                // failure, unless it happens twice.
                // The same where it says that it has not processed the request.
                Err(Unanswered { remedy: Remedy::Free, .. }) if free_retry => free_retry = false,
                Err(Unanswered { failure, remedy }) => {
                    let known = connection.transport.known_http2();
                    match known.filter(|_| remedy == Remedy::OverHttp1) {
                        Some(known) if http1_required.is_none() => {
                            known.require_http1();
                            http1_required = Some(Rc::clone(known));
                        }
                        _ => return Err(failure),
                    }
                }
            }
        }
    }

    /// An idle connection that is still good, or a new one.
    pub(super) async fn connection(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
    ) -> Result<Connection, Unconnected> {
        loop {
            let idle = fetcher.pool.borrow_mut().take(self.origin());
            let Some(mut idle) = idle else { break };
            // One whose last answer is still being tidied up, or that the server has closed.
            let ready = watch.guard(&idle.meter, idle.transport.ready()).await;
            if ready == Ok(true) {
                return Ok(idle);
            }
        }
        let allowed = fetcher.patience.connect;
        let deadline = watch.deadline();
        let stopwatch = &mut watch.stopwatch;
        // In a box: it is large, above all for TLS, and most attempts find an idle one.
        let obtain = fetcher.connector.obtain(self.origin(), deadline, allowed, stopwatch);
        let made = Box::pin(obtain).await;
        made.map_err(|unconnected| {
            let overdue = Instant::now() >= watch.deadline();
            if overdue {
                watch.deadline_failure("there was no connection yet").into()
            } else {
                unconnected
            }
        })
    }

    /// Sends the request, with what `adds` puts into its head, and waits for the answer to begin.
    pub(super) async fn ask(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        connection: &mut Connection,
        adds: &dyn Fn(&mut HeaderMap),
    ) -> Result<Response<Arriving>, Unanswered> {
        let final_failure = |failure| Unanswered { failure, remedy: Remedy::None };
        let meter = Rc::clone(&connection.meter);
        let url = self.url();
        let own = *self.origin() == self.target.origin;
        let authorization = fetcher.authorizations.of(&self.target, self.origin(), own);
        let mut request = fetcher
            .fields
            .get(url, self.origin(), own, authorization, meter.fresh_interim())
            .map_err(final_failure)?;
        adds(request.headers_mut());
        if let Some(jar) = &fetcher.cookies {
            let fields = request.headers_mut();
            jar.borrow_mut().send(url, self.origin(), fields, SystemTime::now());
        }
        let proxy = fetcher.connector.routes.by_url(self.origin());
        if let Some(proxy) = proxy {
            proxy.address(&mut request, url).map_err(final_failure)?;
        }
        let before = meter.received();
        meter.begin();
        watch.begin_answer();
        watch.count_request(self.origin());
        let answer = watch.guard(&meter, connection.transport.send(request, &meter)).await;
        let unseen = meter.received() == before;
        watch.end_answer(&meter);
        match answer {
            // They may have come with the answer itself.
            Ok(_) if meter.too_many_interim() => Err(final_failure(Failure::new(
                FailureKind::Malformed,
                "more interim answers than a server may send",
            ))),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let seen = if unseen { Seen::Nothing } else { Seen::PartOfHead };
                let remedy = if unseen { error.remedy(connection.reused) } else { Remedy::None };
                let failure = error.failure(&meter, seen);
                let failure = match proxy {
                    Some(proxy) => proxy.told(&failure),
                    None => failure,
                };
                Err(Unanswered { failure, remedy })
            }
            Err(Overdue::Deadline) => {
                Err(final_failure(watch.deadline_failure("no answer had come")))
            }
            Err(overdue @ (Overdue::Progress | Overdue::Pace)) => {
                connection.transport.suspect(watch.progress());
                let within =
                    if watch.heard() { ", in the middle of the answer's head" } else { "" };
                let reason = format!("{}{within}", watch.too_slow(overdue));
                Err(final_failure(Failure::new(FailureKind::Timeout, reason)))
            }
        }
    }
}

/// What an attempt tells of its origin.
fn sign(end: &End, watch: &Watch) -> Sign {
    let End::Failed(failure, _) = end else { return Sign::Whole };
    match failure.kind {
        _ if watch.is_excused() => Sign::Nothing,
        FailureKind::DnsFailed
        | FailureKind::ConnectRefused
        | FailureKind::ConnectTimeout
        | FailureKind::ConnectFailed
        | FailureKind::Tls
        | FailureKind::Reset
        | FailureKind::Timeout
        | FailureKind::Deadline
            if !watch.ever_heard() =>
        {
            // What was left of an item's time may have been too little for any server.
            let telling = failure.kind != FailureKind::Deadline || watch.was_long();
            if telling { Sign::Failed(Rc::from(failure.to_string())) } else { Sign::Nothing }
        }
        FailureKind::Disallowed if watch.ever_heard() => Sign::Whole,
        FailureKind::Status
        | FailureKind::TooLarge
        | FailureKind::NotAcceptable
        | FailureKind::RedirectLoop
        | FailureKind::TooManyRedirects
        | FailureKind::RedirectRefused => Sign::Whole,
        _ if watch.ever_heard() => Sign::Partial,
        _ => Sign::Nothing,
    }
}

/// No head of an answer came.
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// Where not a byte of an answer was seen, the server may not have seen the request either.
    pub(super) remedy: Remedy,
}

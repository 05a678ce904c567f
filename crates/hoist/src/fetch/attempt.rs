use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Response};

use super::answer::{Framing, Meaning, content_type};
use super::body::{Broken, DRAIN, Receiving, drain};
use super::disposition::file_name;
use super::fetcher::Fetcher;
use super::patience::{Overdue, Watch};
use super::pool::Connection;
use super::redirect::Hop;
use super::route::Unconnected;
use super::transport::Arriving;
use crate::item::{FileName, NameTemplate, Origin, Position, Target};
use crate::outcome::classify::{Remedy, Seen};
use crate::outcome::{Failure, FailureKind, Timing};
use crate::schedule::{Retry, Sign, Ticket};
use crate::sink::{Coded, HashWish, Wanted};

/// One attempt at an item, or the part of it after a redirect.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) ticket: Ticket,
    pub(super) position: Position,
    pub(super) target: Rc<Target>,
    pub(super) hop: Option<Rc<Hop>>,
    pub(super) template: Option<Rc<NameTemplate>>,
    pub(super) deadline: Instant,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(super) end: End,
    pub(super) status: Option<u16>,
    /// Bytes of body received.
    pub(super) bytes: u64,
    /// What they add to the item's deadline.
    pub(super) earned: Duration,
    /// What it tells of its origin.
    pub(super) sign: Sign,
    /// Where the time went.
    pub(super) timing: Timing,
}

#[derive(Debug)]
pub(super) enum End {
    /// The body is whole, and on its way to the disk.
    Received { content_type: Option<String>, unframed: bool },
    /// There is nothing.
    NotFound,
    /// It is elsewhere.
    Moved(Rc<Hop>),
    /// It failed; whether and when another try can help.
    Failed(Failure, Option<Retry>),
}

impl Attempt {
    pub(super) async fn run(self, fetcher: Rc<Fetcher>) -> Attempted {
        let mut watch = Watch::new(&fetcher.patience, &fetcher.giving_up, self.deadline);
        let mut status = None;
        let end = self.exchange(&fetcher, &mut watch, &mut status).await;
        let end = end.unwrap_or_else(|failure| {
            let retry = failure.kind.may_retry(status).then_some(Retry::Soon);
            End::Failed(failure, retry)
        });
        let sign = sign(&end, &watch);
        let (bytes, earned) = (watch.received(), watch.earned());
        Attempted { end, status, bytes, earned, sign, timing: watch.stopwatch.read() }
    }

    fn origin(&self) -> &Origin {
        self.hop.as_ref().map_or(&self.target.origin, |hop| &hop.origin)
    }

    async fn exchange(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        status: &mut Option<u16>,
    ) -> Result<End, Failure> {
        let mut free_retry = true;
        let mut http1_required = None;
        loop {
            let mut connection = match self.connection(fetcher, watch).await {
                Ok(connection) => connection,
                Err(Unconnected { failure, hopeless: true }) => {
                    return Ok(End::Failed(failure, None));
                }
                Err(Unconnected { failure, .. }) => return Err(failure),
            };
            match self.ask(fetcher, watch, &mut connection).await {
                Ok(answer) => {
                    *status = Some(answer.status().as_u16());
                    return self.take(fetcher, watch, connection, answer).await;
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
    async fn connection(
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

    async fn ask(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        connection: &mut Connection,
    ) -> Result<Response<Arriving>, Unanswered> {
        let final_failure = |failure| Unanswered { failure, remedy: Remedy::None };
        let meter = Rc::clone(&connection.meter);
        let url = self.hop.as_ref().map_or(&self.target.url, |hop| &hop.url);
        let own = *self.origin() == self.target.origin;
        let authorization = fetcher.authorizations.of(&self.target, self.origin(), own);
        let mut request = fetcher
            .fields
            .get(url, self.origin(), own, authorization, meter.fresh_interim())
            .map_err(final_failure)?;
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

    /// Takes an answer for what it means.
    async fn take(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        connection: Connection,
        answer: Response<Arriving>,
    ) -> Result<End, Failure> {
        let (parts, body) = answer.into_parts();
        if let Some(jar) = &fetcher.cookies {
            let url = self.hop.as_ref().map_or(&self.target.url, |hop| &hop.url);
            jar.borrow_mut().receive(url, self.origin(), &parts.headers, SystemTime::now());
        }
        let framing = Framing::of(&parts)?;
        match Meaning::of(&parts, SystemTime::now()) {
            Meaning::Body => {
                let coded = match Self::judge(fetcher, &parts.headers, framing) {
                    Ok(coded) => coded,
                    Err(failure) => {
                        self.drain(fetcher, watch, connection, body, framing).await;
                        return Err(failure);
                    }
                };
                let meter = Rc::clone(&connection.meter);
                let receiving = Receiving {
                    meter: &meter,
                    watch: &mut *watch,
                    handover: &fetcher.handover,
                    report: &fetcher.report,
                    ticket: self.ticket,
                    acceptance: &fetcher.acceptance,
                    codings: fetcher.codings.as_ref(),
                };
                let content_type = content_type(&parts.headers);
                let wanted = self.wanted(fetcher, content_type.as_deref(), &parts.headers, coded);
                match receiving.receive(body, framing, wanted).await {
                    Ok(tail) => {
                        watch.stopwatch.end(meter.last_received());
                        self.give_back(fetcher, connection, framing);
                        fetcher.handover.write(self.ticket, tail.begin, tail.chunks, true).await;
                        Ok(End::Received { content_type, unframed: framing == Framing::UntilClose })
                    }
                    Err(Broken { failure, begun: false }) => {
                        connection.transport.suspect(watch.progress());
                        Err(failure)
                    }
                    Err(Broken { failure, begun: true }) => {
                        connection.transport.suspect(watch.progress());
                        fetcher.handover.discard(self.ticket).await;
                        if fetcher.streams_out {
                            return Ok(End::Failed(failure, None));
                        }
                        Err(failure)
                    }
                }
            }
            Meaning::Nothing => {
                self.drain(fetcher, watch, connection, body, framing).await;
                Ok(End::NotFound)
            }
            Meaning::Elsewhere(location) => {
                self.drain(fetcher, watch, connection, body, framing).await;
                let from = self.hop.as_ref().map_or(&self.target.url, |hop| &hop.url);
                let before = self.hop.as_deref();
                let hop = Hop::follow(from, &location, before, fetcher.max_redirects)?;
                Ok(End::Moved(Rc::new(hop)))
            }
            Meaning::Failed(failure, retry_after) => {
                self.drain(fetcher, watch, connection, body, framing).await;
                let proxy = fetcher.connector.routes.by_url(self.origin());
                let failure = match proxy.filter(|_| parts.status.as_u16() == 407) {
                    Some(proxy) => proxy.told(&failure),
                    None => failure,
                };
                let again = failure.kind.may_retry(Some(parts.status.as_u16()));
                let retry = retry_after.map_or(Retry::Soon, Retry::After);
                Ok(End::Failed(failure, again.then_some(retry)))
            }
        }
    }

    /// Whether a body is taken, as far as its head tells; and how it is coded.
    fn judge(
        fetcher: &Fetcher,
        headers: &HeaderMap,
        framing: Framing,
    ) -> Result<Option<Box<Coded>>, Failure> {
        let coded =
            fetcher.codings.as_ref().map(|codings| codings.of(headers)).transpose()?.flatten();
        match coded {
            Some(_) => fetcher.acceptance.judge_coded(headers, framing)?,
            None => fetcher.acceptance.judge(headers, framing)?,
        }
        Ok(coded)
    }

    fn wanted(
        &self,
        fetcher: &Fetcher,
        content_type: Option<&str>,
        headers: &HeaderMap,
        coded: Option<Box<Coded>>,
    ) -> Wanted {
        let Target { url, name, hash, .. } = &*self.target;
        let template = self.template.as_deref();
        let (name, late) = match name {
            Some(name) => (Some(FileName::from_text(name)), None),
            None if fetcher.samples && template.is_none() => (None, None),
            None => {
                let plan = &fetcher.naming;
                let of_server = if plan.from_header { file_name(headers) } else { None };
                let of_server = of_server.as_deref();
                let (name, late) =
                    FileName::of_target(&self.target, self.position, template, plan, of_server);
                (Some(name), late)
            }
        };
        let name = match name {
            Some(name) if !fetcher.samples => name,
            given => FileName::of_sample(given, self.position, url, content_type),
        };
        let promised = hash.as_deref().copied();
        let late = late.filter(|_| !fetcher.samples);
        let hash = HashWish { promised, told: fetcher.hash, sha256: late.is_some() };
        Wanted { position: self.position, name, late, hash, coded }
    }

    async fn drain(
        &self,
        fetcher: &Fetcher,
        watch: &Watch,
        connection: Connection,
        body: Arriving,
        framing: Framing,
    ) {
        // One that is known to be long is not begun.
        let short = match framing {
            Framing::Length(promised) => promised <= DRAIN,
            Framing::Chunked => true,
            Framing::UntilClose => false,
        };
        if short && drain(body, watch.deadline()).await {
            self.give_back(fetcher, connection, framing);
        }
    }

    fn give_back(&self, fetcher: &Fetcher, connection: Connection, framing: Framing) {
        if framing != Framing::UntilClose && connection.transport.is_reusable() {
            fetcher.pool.borrow_mut().put(self.origin().clone(), connection, Instant::now());
        }
    }
}

/// What an attempt tells of its origin.
fn sign(end: &End, watch: &Watch) -> Sign {
    let End::Failed(failure, _) = end else { return Sign::Whole };
    match failure.kind {
        FailureKind::DnsFailed
        | FailureKind::ConnectRefused
        | FailureKind::ConnectTimeout
        | FailureKind::ConnectFailed
        | FailureKind::Tls
        | FailureKind::Reset
        | FailureKind::Timeout
        | FailureKind::Deadline
            if !watch.heard() =>
        {
            // What was left of an item's time may have been too little for any server.
            let telling = failure.kind != FailureKind::Deadline || watch.was_long();
            if telling { Sign::Failed(Rc::from(failure.to_string())) } else { Sign::Nothing }
        }
        FailureKind::Status
        | FailureKind::TooLarge
        | FailureKind::NotAcceptable
        | FailureKind::RedirectLoop
        | FailureKind::TooManyRedirects
        | FailureKind::RedirectRefused => Sign::Whole,
        _ if watch.heard() => Sign::Partial,
        _ => Sign::Nothing,
    }
}

/// No head of an answer came.
struct Unanswered {
    failure: Failure,
    /// Where not a byte of an answer was seen, the server may not have seen the request either.
    remedy: Remedy,
}

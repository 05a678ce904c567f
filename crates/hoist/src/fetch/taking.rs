use std::rc::Rc;
use std::time::{Instant, SystemTime};

use http::response::Parts;
use http::{HeaderMap, Response};

use super::answer::{Framing, Meaning, content_type};
use super::attempt::{Attempt, End};
use super::body::{Broken, DRAIN, GATHER, Receiving, drain};
use super::continuing::{Going, leaves_a_part};
use super::disposition::file_name;
use super::fetcher::Fetcher;
use super::patience::Watch;
use super::pool::Connection;
use super::ranges::Rest;
use super::rate_limit;
use super::redirect::Hop;
use super::split::{self, Split};
use super::transport::Arriving;
use crate::item::{FileName, Target};
use crate::outcome::Failure;
use crate::schedule::Retry;
use crate::sink::{Coded, HashWish, Source, Wanted};

/// An answer whose body is wanted.
struct Answer {
    connection: Connection,
    parts: Parts,
    framing: Framing,
    body: Arriving,
}

impl Attempt {
    /// Takes an answer for what it means. None where it is another than the rest that was asked for.
    pub(super) async fn take(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        connection: Connection,
        answer: Response<Arriving>,
        going: &mut Going,
    ) -> Result<Option<End>, Failure> {
        let (mut parts, body) = answer.into_parts();
        if let Some(jar) = &fetcher.cookies {
            jar.borrow_mut().receive(self.url(), self.origin(), &parts.headers, SystemTime::now());
        }
        let longest = fetcher.patience.deadline;
        let now = SystemTime::now();
        if let Some(pause) = rate_limit::pause(&parts, longest, now) {
            watch.pause = watch.pause.max(pause);
        }
        let framing = Framing::of(&parts)?;
        let rest = going.judge(&mut parts, framing);
        let meaning = match rest {
            Rest::Next { .. } => Meaning::Body,
            Rest::Over => {
                going.start_over(self, fetcher).await;
                self.drain(fetcher, watch, connection, body, framing).await;
                return Ok(None);
            }
            Rest::Other => Meaning::of(&parts, now),
        };
        let end = match meaning {
            Meaning::Body => {
                let answer = Answer { connection, parts, framing, body };
                self.take_body(fetcher, watch, answer, rest, going).await
            }
            Meaning::Nothing => {
                self.drain(fetcher, watch, connection, body, framing).await;
                Ok(End::NotFound)
            }
            Meaning::Elsewhere(location) => {
                self.drain(fetcher, watch, connection, body, framing).await;
                let from = self.url();
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
                let retry_after =
                    retry_after.or_else(|| rate_limit::used_up(&parts.headers, SystemTime::now()));
                let retry = retry_after.map_or(Retry::Soon, Retry::After);
                Ok(End::Failed(failure, again.then_some(retry)))
            }
        };
        end.map(Some)
    }

    /// All pieces of a body are there, or one of them never will be.
    async fn end_pieces(
        &self,
        fetcher: &Fetcher,
        received: &Result<(), Failure>,
        length: u64,
        going: &mut Going,
    ) {
        match received {
            Ok(()) => {
                going.whole = Some(length);
                fetcher.handover.write(self.ticket, None, Vec::new(), true).await;
            }
            Err(failure) if leaves_a_part(failure.kind) => {
                fetcher.handover.suspend(self.ticket).await;
                going.partial = true;
            }
            Err(_) => fetcher.handover.discard(self.ticket).await,
        }
    }

    /// Takes a body, or the rest of one.
    async fn take_body(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        answer: Answer,
        rest: Rest,
        going: &mut Going,
    ) -> Result<End, Failure> {
        let Answer { connection, parts, framing, body } = answer;
        // How long the rest is says nothing of the whole.
        let judged = match rest {
            Rest::Other => framing,
            _ => going.length().map_or(Framing::Chunked, Framing::Length),
        };
        let coded = match Self::judge(fetcher, &parts.headers, judged) {
            Ok(coded) => coded,
            Err(failure) => {
                self.drain(fetcher, watch, connection, body, framing).await;
                return Err(failure);
            }
        };
        let content_type = content_type(&parts.headers);
        let wanted = self.wanted(fetcher, content_type.as_deref(), &parts.headers, coded);
        let mut wanted = Some(Box::new(wanted));
        let mut keeps = true;
        let mut pieces = None;
        let of_short = || self.source(fetcher, &parts, framing);
        let short = matches!(framing, Framing::Length(length) if length <= GATHER as u64);
        let short = short && rest == Rest::Other && fetcher.split <= 1;
        if short {
            going.start_over(self, fetcher).await;
            keeps = false;
        } else if rest == Rest::Other {
            going.start_over(self, fetcher).await;
            let source = self.source(fetcher, &parts, framing);
            keeps = source.is_some();
            pieces = self.split(fetcher, source.as_deref(), &parts.headers);
            if let Some(wanted) = &mut wanted {
                wanted.source = source;
            }
        } else if let Some(kept) = going.go_on() {
            wanted = None;
            let last = matches!(rest, Rest::Next { last: true, .. });
            // It obeys ranges, as has been seen.
            if last && fetcher.split > 1 && kept.source.length.is_some() {
                pieces = Some(Split::new(self, fetcher, kept.source, &kept.runs));
            }
        }
        if let Some(pieces) = pieces {
            if wanted.is_some() {
                fetcher.handover.write(self.ticket, wanted, Vec::new(), false).await;
            }
            let (at, length) = (pieces.start(), pieces.length());
            let received = Box::pin(pieces.receive(watch, connection, framing, body, at)).await;
            let postponed = pieces.is_postponed();
            drop(pieces);
            self.end_pieces(fetcher, &received, length, going).await;
            return match received {
                Err(failure) if postponed && leaves_a_part(failure.kind) => Ok(End::Postponed),
                Err(failure) => Err(failure),
                Ok(()) => Ok(End::Received { content_type, unframed: false }),
            };
        }
        let meter = Rc::clone(&connection.meter);
        let receiving = Receiving {
            meter: &meter,
            watch: &mut *watch,
            handover: &fetcher.handover,
            report: &fetcher.report,
            ticket: self.ticket,
            gathered: &fetcher.gathered,
            acceptance: &fetcher.acceptance,
            codings: fetcher.codings.as_ref(),
            rest,
            before: going.before,
            keeps,
            source: short.then_some(&of_short),
        };
        match receiving.receive(body, framing, wanted).await {
            Ok(mut tail) => {
                // A body that is whole in one go is no part of anything.
                if let Some(wanted) = &mut tail.begin {
                    wanted.source = None;
                }
                watch.stopwatch.end(meter.last_received());
                self.give_back(fetcher, connection, framing);
                fetcher.handover.write(self.ticket, tail.begin, tail.chunks, true).await;
                Ok(End::Received { content_type, unframed: framing == Framing::UntilClose })
            }
            Err(Broken { failure, begun, keeps }) => {
                connection.transport.suspect(watch.progress());
                if begun && keeps && leaves_a_part(failure.kind) {
                    fetcher.handover.suspend(self.ticket).await;
                    going.partial = true;
                } else if begun {
                    fetcher.handover.discard(self.ticket).await;
                    if fetcher.streams_out {
                        return Ok(End::Failed(failure, None));
                    }
                }
                Err(failure)
            }
        }
    }

    /// The pieces that a body comes in, where it is worth it.
    fn split<'a>(
        &'a self,
        fetcher: &'a Fetcher,
        source: Option<&Source>,
        headers: &HeaderMap,
    ) -> Option<Split<'a>> {
        let source = source.filter(|source| split::is_worth_it(fetcher, source, headers))?;
        Some(Split::new(self, fetcher, source.clone(), &[]))
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

    pub(super) fn wanted(
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
        Wanted { position: self.position, name, late, hash, coded, source: None }
    }

    pub(super) async fn drain(
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
        // In a box, as all that few attempts come to: it would make each of them as large.
        if short && Box::pin(drain(body, watch.deadline())).await {
            self.give_back(fetcher, connection, framing);
        }
    }

    pub(super) fn give_back(&self, fetcher: &Fetcher, connection: Connection, framing: Framing) {
        if framing != Framing::UntilClose && connection.transport.is_reusable() {
            let (origin, now) = (self.origin().clone(), Instant::now());
            fetcher.pool.borrow_mut().put(origin, connection, self.awaited, now);
        }
    }
}

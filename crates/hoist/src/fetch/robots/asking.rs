//! Asking an origin for its robots.txt.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use url::Position;

use super::cache::{Known, Robots};
use super::rules::Rules;
use crate::fetch::answer::{Framing, Meaning, retry_after};
use crate::fetch::attempt::{Attempt, End, Unanswered};
use crate::fetch::coding::is_coded;
use crate::fetch::fetcher::Fetcher;
use crate::fetch::patience::{Overdue, Watch};
use crate::fetch::pool::Connection;
use crate::fetch::rate_limit;
use crate::fetch::redirect::Hop;
use crate::fetch::route::Unconnected;
use crate::fetch::transport::Arriving;
use crate::item::Origin;
use crate::outcome::classify::{Remedy, Seen};
use crate::outcome::{Failure, FailureKind};
use crate::plan::defaults;
use crate::schedule::Retry;

/// Where it is (RFC 9309 §2.3).
const PATH: &str = "/robots.txt";

/// What the server answered.
enum Found {
    Text(Vec<u8>),
    /// There is none, as far as we can tell: everything is allowed (§2.3.1.3).
    Unavailable,
    /// The server can't say, or has had enough of us: nothing is allowed (§2.3.1.4).
    Unreachable(String, Option<Duration>),
}

impl Attempt {
    /// The end of an attempt that robots.txt forbids, or that can't know.
    pub(in crate::fetch) async fn forbidden(
        &self,
        robots: &Robots,
        fetcher: &Fetcher,
        watch: &mut Watch,
    ) -> Result<Option<End>, Failure> {
        if self.url().path() == PATH {
            return Ok(None);
        }
        let origin = self.origin();
        let mut asked = false;
        let known = if let Some(known) = robots.get(origin, Instant::now()) {
            known
        } else {
            asked = true;
            match self.ask_robots(fetcher, watch).await {
                Ok(found) => remember(robots, origin, found),
                Err(Unconnected { failure, hopeless }) => {
                    let reason = format!("robots.txt: {}", failure.reason);
                    let failure = Failure::new(failure.kind, reason);
                    if watch.ever_heard() && is_of_server(failure.kind) {
                        // Else each URL would wait for the same.
                        let kept = watch.took().max(defaults::ROBOTS_FAILURE_KEPT);
                        robots.put(origin, Known::Broken(failure.clone()), Instant::now(), kept);
                    }
                    return if hopeless {
                        Ok(Some(End::Failed(failure, None)))
                    } else {
                        Err(failure)
                    };
                }
            }
        };
        let rules = match known {
            Known::Rules(rules) => rules,
            Known::Broken(failure) => {
                // It says nothing new of the origin.
                watch.excuse();
                return Err(failure);
            }
            Known::Closed(why, after) => {
                let reason =
                    format!("robots.txt can't be read ({why}), so nothing may be asked for");
                let retry = after.map_or(Retry::Soon, Retry::After);
                // Another try can help.
                let failure = Failure::new(FailureKind::Disallowed, reason);
                return Ok(Some(End::Failed(failure, Some(retry))));
            }
        };
        let target = &self.url()[Position::BeforePath..Position::AfterQuery];
        if let Some(rule) = rules.forbids(target) {
            let reason = format!("robots.txt of {origin}, {}", rule.told());
            return Ok(Some(End::Failed(Failure::new(FailureKind::Disallowed, reason), None)));
        }
        if asked && (fetcher.ceilings.rate.is_some() || !watch.pause.is_zero()) {
            // The page is another request.
            return Ok(Some(End::Postponed));
        }
        watch.pause = watch.pause.max(rules.delay);
        Ok(None)
    }

    /// Asks for it, where redirects lead, too (§2.3.1.2). Of other origins it needs no permit: they would
    /// have to be waited for with the one that is held.
    async fn ask_robots(&self, fetcher: &Fetcher, watch: &mut Watch) -> Result<Found, Unconnected> {
        let most = defaults::ROBOTS_REDIRECTS + 1;
        let Ok(mut hop) = Hop::follow(self.url(), PATH.as_bytes(), None, most) else {
            return Ok(Found::Unavailable);
        };
        loop {
            let asking = Self {
                ticket: self.ticket,
                position: self.position,
                target: Rc::clone(&self.target),
                hop: Some(Rc::new(hop)),
                template: None,
                deadline: self.deadline,
                partial: false,
                // By the page itself.
                awaited: true,
            };
            let (connection, parts, body) = asking.robots_answer(fetcher, watch).await?;
            let longest = fetcher.patience.deadline;
            if asking.origin() == self.origin()
                && let Some(pause) = rate_limit::pause(&parts, longest, SystemTime::now())
            {
                watch.pause = watch.pause.max(pause);
            }
            let framing = Framing::of(&parts)?;
            let status = parts.status;
            match Meaning::of(&parts, SystemTime::now()) {
                Meaning::Body if is_coded(&parts.headers) => {
                    asking.drain(fetcher, watch, connection, body, framing).await;
                    let why = "it came with a Content-Encoding that was not asked for".to_owned();
                    return Ok(Found::Unreachable(why, None));
                }
                Meaning::Body => {
                    let text =
                        asking.robots_body(fetcher, watch, connection, body, framing).await?;
                    return Ok(Found::Text(text));
                }
                Meaning::Elsewhere(location) => {
                    asking.drain(fetcher, watch, connection, body, framing).await;
                    let before = asking.hop.as_deref();
                    match Hop::follow(asking.url(), &location, before, most) {
                        Ok(next) => hop = next,
                        Err(_) => return Ok(Found::Unavailable),
                    }
                }
                Meaning::Nothing | Meaning::Failed(..) => {
                    asking.drain(fetcher, watch, connection, body, framing).await;
                    // Too many requests is no word on whether there is one.
                    if status.as_u16() < 500 && status != StatusCode::TOO_MANY_REQUESTS {
                        return Ok(Found::Unavailable);
                    }
                    let after = retry_after(&parts.headers, SystemTime::now());
                    if asking.origin() == self.origin() {
                        // It speaks for the origin, however long it is.
                        watch.pause = watch.pause.max(after.unwrap_or_default());
                    }
                    return Ok(Found::Unreachable(format!("HTTP {}", status.as_u16()), after));
                }
            }
        }
    }

    async fn robots_answer(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
    ) -> Result<(Connection, Parts, Arriving), Unconnected> {
        let (mut free_retry, mut may_require) = (true, true);
        loop {
            let mut connection = self.connection(fetcher, watch).await?;
            match self.ask(fetcher, watch, &mut connection, &as_text).await {
                Ok(answer) => {
                    let (parts, body) = answer.into_parts();
                    return Ok((connection, parts, body));
                }
                // As for any other request.
                Err(Unanswered { remedy: Remedy::Free, .. }) if free_retry => free_retry = false,
                Err(Unanswered { failure, remedy }) => {
                    let known = connection.transport.known_http2();
                    match known.filter(|_| remedy == Remedy::OverHttp1 && may_require) {
                        Some(known) => known.require_http1(),
                        None => return Err(failure.into()),
                    }
                    may_require = false;
                }
            }
        }
    }

    /// Reads it, up to the bytes that are heeded.
    async fn robots_body(
        &self,
        fetcher: &Fetcher,
        watch: &mut Watch,
        connection: Connection,
        mut body: Arriving,
        framing: Framing,
    ) -> Result<Vec<u8>, Failure> {
        let meter = Rc::clone(&connection.meter);
        let mut text = Vec::new();
        loop {
            let received = text.len() as u64;
            let data: Bytes = match watch.guard(&meter, body.frame()).await {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => {
                    return Err(error.failure(&meter, Seen::Body { received, promised: None }));
                }
                Err(Overdue::Deadline) => {
                    let state = format!("{received} bytes of robots.txt had come");
                    return Err(watch.deadline_failure(&state));
                }
                Err(overdue @ (Overdue::Progress | Overdue::Pace)) => {
                    connection.transport.suspect(watch.progress());
                    let reason = format!("{} after {received} bytes", watch.too_slow(overdue));
                    return Err(Failure::new(FailureKind::Stalled, reason));
                }
            };
            let room = defaults::ROBOTS_BYTES - text.len();
            text.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                // What is behind is not heeded, nor is its connection needed. Half a line is no rule.
                let whole = memchr::memrchr2(b'\r', b'\n', &text).map_or(0, |end| end + 1);
                text.truncate(whole);
                return Ok(text);
            }
        }
        self.give_back(fetcher, connection, framing);
        Ok(text)
    }
}

/// It is plain text, whatever the item's body is to be.
fn as_text(fields: &mut HeaderMap) {
    fields.insert(ACCEPT, HeaderValue::from_static("text/plain, */*;q=0.5"));
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Whether such a failure is the doing of who was to answer, and may happen again.
fn is_of_server(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Truncated
            | FailureKind::Stalled
            | FailureKind::Reset
            | FailureKind::Timeout
            | FailureKind::Malformed
    )
}

fn remember(robots: &Robots, origin: &Origin, found: Found) -> Known {
    let rules = |rules| (Known::Rules(Rc::new(rules)), defaults::ROBOTS_KEPT);
    let (known, kept) = match found {
        Found::Text(text) => rules(Rules::parse(&text)),
        Found::Unavailable => rules(Rules::default()),
        Found::Unreachable(why, after) => {
            (Known::Closed(why.into(), after), defaults::ROBOTS_FAILURE_KEPT)
        }
    };
    robots.put(origin, known.clone(), Instant::now(), kept);
    known
}

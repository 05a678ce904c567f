//! The servers of one trial, and what their truth logs say when it is over.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::http::{Case, ConnectionFault, Door};
use crate::tls::{Authority, Certificate, TlsIdentity};
use crate::{HttpRecord, HttpRehearsal, Running, Scenario, Truth};

/// What is free for whoever listens.
const FREE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The time that exchanges get to end after their client has.
const SETTLING: Duration = Duration::from_secs(1);
/// A client's clock may be this much ahead.
const GRACE: Duration = Duration::from_millis(50);

/// The authority of a check, and the certificate of its good servers.
pub(super) struct Identities {
    pub(super) ca_pem: String,
    authority: Authority,
    good: TlsIdentity,
}

impl Identities {
    pub(super) fn make() -> io::Result<Self> {
        let authority = Authority::new().map_err(io::Error::other)?;
        let good = authority.identity(Certificate::Good).map_err(io::Error::other)?;
        Ok(Self { ca_pem: authority.ca_pem(), authority, good })
    }

    fn get(&self, certificate: Certificate) -> io::Result<TlsIdentity> {
        match certificate {
            Certificate::Good => Ok(self.good.clone()),
            bad => self.authority.identity(bad).map_err(io::Error::other),
        }
    }
}

/// The servers of a trial, the one asked first.
pub(super) struct Servers {
    all: Vec<(Instant, Running)>,
    url: String,
}

impl Servers {
    pub(super) fn start(case: &Case, identities: &Identities) -> io::Result<Self> {
        let good = || Some(identities.good.clone());
        let (fault, tls) = match case.door {
            Door::Open => (None, None),
            Door::Connection(spec) => (Some(spec), None),
            Door::Tls(certificate) => (None, Some(identities.get(certificate)?)),
            Door::Http2 => (None, good()),
            Door::TlsConnection(spec) | Door::Http2Connection(spec) => (Some(spec), good()),
        };
        let http2 = case.door.is_http2();
        let scenario = match fault {
            None => Scenario::default(),
            Some(spec) => {
                let fault = ConnectionFault::parse(spec);
                Scenario::of_connections(fault.map_err(|why| io::Error::other(why.0))?)
            }
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut all =
            vec![spawn(HttpRehearsal { scenario, tls, http2, ..HttpRehearsal::local() })?];
        let user = if case.credentials { "user:password@" } else { "" };
        let asked = format!("{scheme}://{user}{}", all[0].1.addr());
        let mut target = case.target.to_owned();
        if target.contains("{other}") {
            let other = spawn(HttpRehearsal::local())?;
            target = target.replace("{other}", &format!("http://{}", other.1.addr()));
            all.push(other);
        }
        if target.contains("{secure}") {
            let secure = spawn(HttpRehearsal { tls: good(), ..HttpRehearsal::local() })?;
            target = target.replace("{secure}", &format!("https://{}", secure.1.addr()));
            all.push(secure);
        }
        Ok(Self { all, url: asked + &target })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Ends them. All that was asked, by the time it came, and of which of them.
    pub(super) fn end(self) -> Vec<Asked> {
        for (_, running) in &self.all {
            running.settle(SETTLING);
        }
        let mut asked = Vec::new();
        for (server, (started, running)) in self.all.into_iter().enumerate() {
            let truth = running.truth().clone();
            // What was still in flight is on record only then.
            running.stop();
            let records = truth.http().into_iter();
            asked.extend(records.map(|record| Asked { server, at: started + record.at, record }));
        }
        asked.sort_by_key(|asked| asked.at);
        asked
    }
}

/// A server, and when it was started.
fn spawn(rehearsal: HttpRehearsal) -> io::Result<(Instant, Running)> {
    let started = Instant::now();
    let running = HttpRehearsal { truth: Truth::memory(), ..rehearsal }.spawn(&[FREE])?;
    Ok((started, running))
}

/// A request to one of the servers; the first is the one that the client was given.
#[derive(Debug)]
pub(super) struct Asked {
    server: usize,
    at: Instant,
    pub(super) record: HttpRecord,
}

/// Whether credentials for the first origin reached another. Cookies count only where the client had
/// them from the start: those that a server sets belong to its host, whatever the port (RFC 6265,
/// section 8.5).
pub(super) fn leaked(asked: &[Asked]) -> bool {
    let brought = asked.first().is_some_and(|first| first.record.cookie);
    let elsewhere = asked.iter().filter(|asked| asked.server > 0);
    elsewhere.map(|asked| &asked.record).any(|r| r.authorization || r.cookie && brought)
}

/// Whether something was asked for again before the seconds of its Retry-After had passed (RFC 9110,
/// section 10.2.3). Dates there are left out: they are too coarse to judge by.
pub(super) fn too_soon(asked: &[Asked]) -> bool {
    let mut due: HashMap<(usize, &str), (Instant, Instant)> = HashMap::new();
    for Asked { server, at, record } in asked {
        let key = (*server, record.path.as_str());
        // What was under way before the answer can have been read is not too soon.
        let soon = |(told, due): &(Instant, Instant)| *at > *told + GRACE && *at + GRACE < *due;
        if due.get(&key).is_some_and(soon) {
            return true;
        }
        let seconds = record.retry_after.as_deref().and_then(|text| text.parse().ok());
        let wait = seconds.map(Duration::from_secs);
        let told = *at + record.delay;
        match wait.and_then(|wait| told.checked_add(wait)) {
            Some(at) => due.insert(key, (told, at)),
            None => due.remove(&key),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::End;

    fn asked(server: usize, at: Instant, change: impl FnOnce(&mut HttpRecord)) -> Asked {
        let mut record = HttpRecord {
            at: Duration::ZERO,
            conn: 1,
            method: "GET".into(),
            host: String::new(),
            path: "/a".into(),
            authorization: false,
            cookie: false,
            attempt: 1,
            decision: "status",
            rule: None,
            delay: Duration::ZERO,
            status: Some(503),
            retry_after: None,
            whole: None,
            body_promised: None,
            body_sent: 0,
            end: End::Keep,
            http: Some(1),
            stream: None,
            rst_stream: None,
            load: None,
        };
        change(&mut record);
        Asked { server, at, record }
    }

    #[test]
    fn credentials_may_reach_their_own_origin_alone() {
        let now = Instant::now();
        let with = |server| asked(server, now, |r| r.authorization = true);
        let cookie = |server| asked(server, now, |r| r.cookie = true);
        let plain = |server| asked(server, now, |_| {});
        assert!(!leaked(&[]));
        assert!(!leaked(&[with(0), plain(1)]));
        assert!(leaked(&[plain(0), with(0), with(1)]));
        assert!(leaked(&[cookie(0), plain(1), cookie(2)]));
        assert!(!leaked(&[plain(0), cookie(1)]));
    }

    #[test]
    fn retry_after_is_kept_for_each_path() {
        let now = Instant::now();
        let come = |after: u64, path: &str, again: Option<&str>| {
            asked(0, now + Duration::from_millis(after), |r| {
                (r.path, r.retry_after) = (path.into(), again.map(Into::into));
            })
        };
        assert!(too_soon(&[come(0, "/a", Some("1")), come(900, "/a", None)]));
        assert!(!too_soon(&[come(0, "/a", Some("1")), come(960, "/a", None)]));
        assert!(!too_soon(&[come(0, "/a", Some("1")), come(9, "/b", None)]));
        assert!(!too_soon(&[come(0, "/a", Some("soon")), come(9, "/a", None)]));
        let far = "99999999999999999999";
        assert!(!too_soon(&[come(0, "/a", Some(far)), come(9, "/a", None)]));
        let again = [come(0, "/a", Some("1")), come(1000, "/a", Some("1")), come(1500, "/a", None)];
        assert!(too_soon(&again));
    }
}

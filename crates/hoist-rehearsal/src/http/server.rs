//! Accepting connections: how many, on which addresses, and what they share.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::decide::Plan;
use super::faults::ConnectionFault;
use super::load::Gate;
use super::wire::Wire;
use super::{connection, two};
use crate::attempts::Attempts;
use crate::bind;
use crate::quota::Quotas;
use crate::running::{Running, launch, pass_on_panic};
use crate::scenario::Scenario;
use crate::stats::Counters;
use crate::truth::{End, HttpRecord, Truth};

/// Connections served at once; more wait in the system's queue.
const CONNECTIONS: usize = 10_000;
/// Coded answers at once; each is held in memory, up to some MiB, until its client has read it.
const CODED: usize = 16;
/// The wait after an accept failed, say for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What is served beside the faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The flags, below `/flags/`.
    Flags,
    /// The files of a folder, never one outside it. Symbolic links are not followed.
    Dir(PathBuf),
}

/// An HTTP rehearsal: its content and what it does to it. The faults that a URL names
/// (see [`crate::http`]) are served by every one.
#[derive(Clone, Debug)]
pub struct HttpRehearsal {
    /// What is served.
    pub content: Content,
    /// The wait before each answer with content, drawn uniformly.
    pub delay: RangeInclusive<Duration>,
    /// The share of answers with content, 0 to 1, that become 418 after the wait.
    pub error_rate: f64,
    /// Same seed, same decisions.
    pub seed: u64,
    /// Faults for connections and requests, by rules.
    pub scenario: Scenario,
    /// Where the records go.
    pub truth: Truth,
    /// Serves https instead of http.
    pub tls: Option<crate::tls::TlsIdentity>,
    /// Speaks HTTP/2 too: over TLS with whom it agrees on it by ALPN, and with whoever begins with its
    /// preface (RFC 9113, section 3).
    pub http2: bool,
}

impl HttpRehearsal {
    /// Flags, at once, without errors; no truth log.
    pub fn local() -> Self {
        Self {
            content: Content::Flags,
            delay: Duration::ZERO..=Duration::ZERO,
            error_rate: 0.0,
            seed: 0,
            scenario: Scenario::default(),
            truth: Truth::none(),
            tls: None,
            http2: false,
        }
    }

    /// Flags, each answer after 0.5 to 5 s.
    pub fn delay() -> Self {
        Self { delay: Duration::from_millis(500)..=Duration::from_secs(5), ..Self::local() }
    }

    /// Flags, each answer after 0.5 to 5 s, a quarter of them 418.
    pub fn error() -> Self {
        Self { error_rate: 0.25, ..Self::delay() }
    }

    /// The part of it that [`decide`](crate::http::decide) needs.
    pub fn plan(&self) -> Plan {
        Plan { delay: self.delay.clone(), error_rate: self.error_rate }
    }

    /// Listens on every address and serves on a thread of its own. With port 0 a free port is chosen,
    /// the same for all. An address of a family that this machine lacks is skipped, as long as one is
    /// left.
    ///
    /// # Errors
    /// What listening met; for [`Content::Dir`], that the folder can't be read.
    pub fn spawn(self, addrs: &[SocketAddr]) -> io::Result<Running> {
        let plan = self.plan();
        let content = match self.content {
            Content::Flags => Content::Flags,
            Content::Dir(dir) => {
                let dir = dir.canonicalize()?;
                std::fs::read_dir(&dir)?;
                Content::Dir(dir)
            }
        };
        let counters = Arc::new(Counters::default());
        if let Some(fault) = self.scenario.shut() {
            let bound = bind::all(addrs, |addr| fault.shut(addr))?;
            let (addrs, sockets): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
            return launch("rehearsal-http", addrs, self.truth, counters, move || {
                Ok(async move {
                    let _taken = sockets;
                    std::future::pending::<()>().await;
                })
            });
        }
        let bound = bind::all(addrs, |addr| {
            let listener = bind::tcp(addr)?;
            Ok((listener.local_addr()?, listener))
        })?;
        let (addrs, listeners): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let (truth, seed, mut scenario) = (self.truth, self.seed, self.scenario);
        let gate = scenario.load.take().map(Gate::new);
        let (log, counts) = (truth.clone(), Arc::clone(&counters));
        let http2 = self.http2;
        let tls = self.tls.map(|identity| identity.acceptor(http2));
        launch("rehearsal-http", addrs, truth, counters, move || {
            let listeners: io::Result<Vec<_>> =
                listeners.into_iter().map(TcpListener::from_std).collect();
            let shared = Shared {
                content,
                plan,
                seed,
                scenario,
                truth: log,
                counters: counts,
                attempts: Mutex::new(Attempts::new()),
                quotas: Mutex::new(Quotas::new()),
                coding: Semaphore::new(CODED),
                arrivals: AtomicU64::new(0),
                started: Instant::now(),
                tls,
                http2,
                gate,
            };
            Ok(serve(listeners?, Arc::new(shared)))
        })
    }
}

pub(crate) struct Shared {
    pub(crate) content: Content,
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
    pub(crate) scenario: Scenario,
    pub(crate) truth: Truth,
    pub(crate) counters: Arc<Counters>,
    pub(crate) attempts: Mutex<Attempts>,
    pub(crate) quotas: Mutex<Quotas>,
    /// Coded answers at once.
    pub(crate) coding: Semaphore,
    /// Requests so far.
    pub(crate) arrivals: AtomicU64,
    pub(crate) started: Instant,
    pub(crate) tls: Option<tokio_rustls::TlsAcceptor>,
    pub(crate) http2: bool,
    /// Where requests meet the server's load model.
    pub(crate) gate: Option<Gate>,
}

/// A connection's number, from 1 in the order they came, and who began it.
#[derive(Clone, Copy)]
pub(crate) struct Conn {
    pub(crate) number: u64,
    pub(crate) client: IpAddr,
}

async fn serve(listeners: Vec<TcpListener>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            biased;
            Some(ended) = connections.join_next() => pass_on_panic(ended),
            accepted = accept(&listeners), if connections.len() < CONNECTIONS => match accepted {
                Ok((tcp, from)) => {
                    number += 1;
                    let conn = Conn { number, client: from.ip() };
                    connections.spawn(open(tcp, conn, Arc::clone(&shared)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

async fn open(tcp: TcpStream, conn: Conn, shared: Arc<Shared>) {
    let _open = shared.counters.connections.enter();
    // Only a hint: without it small answers may come later, not wrong.
    let _ = tcp.set_nodelay(true);
    let Some((tcp, waiting)) = meet(tcp, conn.number, &shared).await else { return };
    let (wire, agreed) = match &shared.tls {
        None => (Wire::Plain(tcp), false),
        Some(acceptor) => {
            let handshake = tokio::time::timeout(connection::IDLE, acceptor.accept(tcp));
            let Ok(Ok(tls)) = handshake.await else { return };
            let agreed = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            (Wire::tls(tls), agreed)
        }
    };
    speak(wire, agreed, waiting, conn, &shared).await;
}

/// Serves a connection in the protocol that was agreed on, or that the client begins with.
async fn speak(
    mut wire: Wire,
    agreed: bool,
    waiting: Waiting<'_>,
    conn: Conn,
    shared: &Arc<Shared>,
) {
    let mut inbox = Vec::with_capacity(2048);
    let begun = agreed || shared.http2 && begins_with_preface(&mut wire, &mut inbox).await;
    if !begun {
        return connection::serve(wire, inbox, conn, shared).await;
    }
    let mut start = Some(two::Start::Right);
    if let Some((rule, fault @ ConnectionFault::Two(begins))) = waiting {
        let mut met = Met::new(shared, conn.number, rule, fault);
        start = begins.act(&mut wire, &mut inbox).await;
        met.served = start.is_some();
    }
    match start {
        None => connection::close(wire).await,
        Some(start) => Box::pin(two::serve(wire, inbox, conn, shared, start)).await,
    }
}

/// Whether the client begins as HTTP/2 does.
async fn begins_with_preface(wire: &mut Wire, inbox: &mut Vec<u8>) -> bool {
    let until = Instant::now() + connection::IDLE;
    loop {
        let n = inbox.len().min(two::PREFACE.len());
        if inbox[..n] != two::PREFACE[..n] {
            return false;
        }
        if n == two::PREFACE.len() {
            return true;
        }
        match timeout_at(until, wire.read_buf(inbox)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return false,
        }
    }
}

/// A rule, and the fault that waits until HTTP/2 is spoken.
type Waiting<'a> = Option<(Option<usize>, &'a ConnectionFault)>;

/// What the scenario has for a new connection; none is left when it ends so.
async fn meet(tcp: TcpStream, number: u64, shared: &Shared) -> Option<(TcpStream, Waiting<'_>)> {
    let Some((rule, fault)) = shared.scenario.fault_for(shared.seed, number) else {
        return Some((tcp, None));
    };
    if matches!(fault, ConnectionFault::Two(_)) {
        return Some((tcp, Some((rule, fault))));
    }
    let mut met = Met::new(shared, number, rule, fault);
    // The client may leave while it happens; that is its right.
    let left = Box::pin(fault.act(tcp)).await.unwrap_or(None);
    met.served = left.is_some();
    drop(met);
    left.map(|tcp| (tcp, None))
}

/// Logs a connection fault when it is over, also when the server stops meanwhile.
struct Met<'a> {
    shared: &'a Shared,
    number: u64,
    rule: Option<usize>,
    fault: &'a ConnectionFault,
    at: Duration,
    /// Whether the connection goes on to requests.
    served: bool,
}

impl<'a> Met<'a> {
    fn new(
        shared: &'a Shared,
        number: u64,
        rule: Option<usize>,
        fault: &'a ConnectionFault,
    ) -> Self {
        Self { shared, number, rule, fault, at: shared.started.elapsed(), served: false }
    }
}

impl Drop for Met<'_> {
    fn drop(&mut self) {
        if self.shared.truth.is_none() {
            return;
        }
        self.shared.truth.add_http(HttpRecord {
            at: self.at,
            conn: self.number,
            method: String::new(),
            host: String::new(),
            path: String::new(),
            authorization: false,
            cookie: false,
            attempt: 1,
            decision: self.fault.name(),
            rule: self.rule,
            delay: self.fault.delay(),
            status: None,
            retry_after: None,
            whole: None,
            body_promised: None,
            body_sent: 0,
            http: matches!(self.fault, ConnectionFault::Two(_)).then_some(2),
            stream: None,
            rst_stream: None,
            load: None,
            end: if self.served { End::Keep } else { self.fault.end() },
        });
    }
}

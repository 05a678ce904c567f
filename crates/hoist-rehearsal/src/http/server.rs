//! Accepting connections: how many, on which addresses, and what they share.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection;
use super::decide::Plan;
use super::faults::ConnectionFault;
use super::wire::Wire;
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
        let (truth, seed, scenario) = (self.truth, self.seed, self.scenario);
        let (log, counts) = (truth.clone(), Arc::clone(&counters));
        let tls = self.tls.map(|identity| identity.acceptor());
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
}

async fn serve(listeners: Vec<TcpListener>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            biased;
            Some(ended) = connections.join_next() => pass_on_panic(ended),
            accepted = accept(&listeners), if connections.len() < CONNECTIONS => match accepted {
                Ok(tcp) => {
                    number += 1;
                    connections.spawn(open(tcp, number, Arc::clone(&shared)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(tcp, _)| tcp));
            }
        }
        Poll::Pending
    })
    .await
}

async fn open(tcp: TcpStream, number: u64, shared: Arc<Shared>) {
    let _open = shared.counters.connections.enter();
    // Only a hint: without it small answers may come later, not wrong.
    let _ = tcp.set_nodelay(true);
    let Some(tcp) = meet(tcp, number, &shared).await else { return };
    let Some(acceptor) = &shared.tls else {
        return connection::serve(Wire::Plain(tcp), number, &shared).await;
    };
    let handshake = tokio::time::timeout(connection::IDLE, acceptor.accept(tcp));
    if let Ok(Ok(tls)) = handshake.await {
        connection::serve(Wire::tls(tls), number, &shared).await;
    }
}

/// What the scenario has for a new connection; none is left when it ends so.
async fn meet(tcp: TcpStream, number: u64, shared: &Shared) -> Option<TcpStream> {
    let Some((rule, fault)) = shared.scenario.fault_for(shared.seed, number) else {
        return Some(tcp);
    };
    let mut met = Met { shared, number, rule, fault, at: shared.started.elapsed(), served: false };
    // The client may leave while it happens; that is its right.
    let left = Box::pin(fault.act(tcp)).await.unwrap_or(None);
    met.served = left.is_some();
    drop(met);
    left
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
            end: if self.served { End::Keep } else { self.fault.end() },
        });
    }
}

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;
use url::Host;

use super::bandwidth::{Ceiling, Throttled};
use super::happy;
use super::http2::{Http2, Whose};
use super::known::{Known, UnderWay, alone};
use super::meter::{Meter, Metered};
use super::pool::{Connection, Open, Pool};
use super::route::{Place, Routes, Unconnected, best};
use super::stopwatch::Stopwatch;
use super::tls::{HTTP2, Tls};
use super::transport::Transport;
use crate::item::Origin;
use crate::outcome::{Failure, FailureKind, Phase, classify};
use crate::plan::{AddressPlan, Family, HttpVersions, defaults};
use crate::polls::{Task, timed};
use crate::probe::Resolver;
use crate::sys::out_of_descriptors;

/// How long to wait for a free descriptor before another look.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);

/// Makes connections: name, TCP, TLS, HTTP.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) resolver: Resolver,
    pub(super) tls: Tls,
    pub(super) versions: HttpVersions,
    pub(super) address: AddressPlan,
    pub(super) routes: Routes,
    pub(super) pool: Rc<RefCell<Pool>>,
    pub(super) tasks: TaskTracker,
    /// Bytes that are read, at most.
    pub(super) ceiling: Option<Rc<Ceiling>>,
}

impl Connector {
    /// A new connection, or a stream of one that another attempt has made, within `allowed` and
    /// before the deadline.
    ///
    /// Where HTTP/2 is possible, the first connection goes alone: what ALPN gives (RFC 7301) says
    /// whether the others share it or make their own.
    pub(super) async fn obtain(
        &self,
        origin: &Origin,
        deadline: Instant,
        allowed: Duration,
        stopwatch: &mut Stopwatch,
    ) -> Result<Connection, Unconnected> {
        // A proxy that is asked for URLs is asked over HTTP/1.1.
        if !self.versions.may_be_http2(origin.secure) || self.routes.by_url(origin).is_some() {
            return self.connect(origin, None, deadline, allowed, stopwatch).await;
        }
        let known = self.pool.borrow_mut().known(origin);
        let began = Instant::now();
        let until = (began + allowed).min(deadline);
        let alone = alone(allowed);
        loop {
            let now = Instant::now();
            if known.is_http1() {
                let whose = Some(Asking::Http1(&known));
                let left = until.saturating_duration_since(now);
                return self.connect(origin, whose, deadline, left, stopwatch).await;
            }
            let shared = self.pool.borrow_mut().stream(origin);
            if let Some(stream) = shared {
                return Ok(stream.into());
            }
            if now >= until {
                let late = || {
                    classify::connect_timeout(&origin.to_string(), "another's connection", allowed)
                };
                return Err(known.last_failure().unwrap_or_else(late).into());
            }
            if let Some(under_way) = known.begin(alone, now) {
                let whose = Some(Asking::Any(under_way));
                let left = until.saturating_duration_since(now);
                let made = self.connect(origin, whose, deadline, left, stopwatch).await;
                return made.inspect_err(|unconnected| known.failed(&unconnected.failure));
            }
            stopwatch.begin(Phase::Connect, now);
            known.wait(alone, until).await;
        }
    }

    /// A new connection, within `allowed` and before the deadline.
    async fn connect(
        &self,
        origin: &Origin,
        asking: Option<Asking<'_>>,
        deadline: Instant,
        allowed: Duration,
        stopwatch: &mut Stopwatch,
    ) -> Result<Connection, Unconnected> {
        let route = self.routes.to(origin);
        let mut until = (Instant::now() + allowed).min(deadline);
        let address = if route.wants_address() {
            best(&self.addresses(&route.destination, until, stopwatch).await?)
        } else {
            None
        };
        let addresses = self.addresses(route.place(), until, stopwatch).await;
        let addresses = addresses.map_err(|failure| route.blame(failure))?;
        stopwatch.begin(Phase::Connect, Instant::now());
        let late = |stage| classify::connect_timeout(&origin.to_string(), stage, allowed);
        let open = self.pool.borrow_mut().open();
        let pool = &self.pool;
        let starved = Rc::new(Cell::new(false));
        let connect = |address| connect_tcp(address, Rc::clone(pool), Rc::clone(&starved));
        let tcp = loop {
            let first = happy::first(addresses.clone(), connect);
            match tokio::time::timeout_at(until.into(), first).await {
                Ok(connected) => break connected.map_err(|failure| route.blame(failure))?,
                // That we had no descriptor is not the server's doing: it has its time again.
                Err(_) if starved.take() && Instant::now() < deadline => {
                    until = (Instant::now() + allowed).min(deadline);
                }
                Err(_) => return Err(route.late(origin, allowed)),
            }
        };
        // Only a hint: without it, requests may be sent later, not wrong.
        let _ = tcp.set_nodelay(true);
        let leg = route.dial(tcp, address, &self.tls, until, allowed).await?;
        if origin.secure {
            stopwatch.begin(Phase::Tls, Instant::now());
        }
        let setup = async {
            if origin.secure {
                let http1 = matches!(asking, Some(Asking::Http1(_)));
                let connector = self.tls.connector(http1).await?;
                let name = server_name(&origin.host())?;
                let tls = connector.connect(name, leg).await;
                let tls = tls.map_err(|error| classify::tls(&origin.host, &error))?;
                let http2 = tls.get_ref().1.alpn_protocol() == Some(HTTP2);
                self.handshake(tls, http2, origin, asking, open, false).await
            } else {
                self.handshake(leg, false, origin, asking, open, route.by_url).await
            }
        };
        let ready = tokio::time::timeout_at(until.into(), setup).await;
        let ready = ready.map_err(|_| late("the TLS handshake"))?;
        ready.map_err(Unconnected::from)
    }

    async fn addresses(
        &self,
        place: &Place,
        until: Instant,
        stopwatch: &mut Stopwatch,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let port = place.port;
        let overrides = self.address.overrides.iter();
        let mut chosen: Vec<IpAddr> = overrides
            .filter(|over| over.port == port && *over.host == *place.host)
            .map(|over| over.address)
            .collect();
        if chosen.is_empty() {
            chosen = match place.host() {
                Host::Ipv4(address) => vec![address.into()],
                Host::Ipv6(address) => vec![address.into()],
                Host::Domain(name) => {
                    stopwatch.begin(Phase::Dns, Instant::now());
                    let found = self.resolver.addresses(name, self.address.family, until).await;
                    found.map_err(|failure| match failure.kind {
                        // Of the connection, not of the item: another try can help.
                        FailureKind::Deadline => Failure::new(
                            FailureKind::DnsFailed,
                            format!("{name}: {}", failure.reason),
                        ),
                        _ => failure,
                    })?
                }
            };
        }
        let (family, wanted) = match self.address.family {
            Family::Any => return Ok(happy::interleave(chosen, port)),
            Family::V4 => ("IPv4", IpAddr::is_ipv4 as fn(&IpAddr) -> bool),
            Family::V6 => ("IPv6", IpAddr::is_ipv6 as fn(&IpAddr) -> bool),
        };
        chosen.retain(wanted);
        if chosen.is_empty() {
            let reason = format!("{} has no {family} address", place.host);
            return Err(Failure::new(FailureKind::NoSuchHost, reason));
        }
        Ok(happy::interleave(chosen, port))
    }

    /// `to_proxy`: requests name whole URLs.
    async fn handshake<T>(
        &self,
        io: T,
        chosen: bool,
        origin: &Origin,
        asking: Option<Asking<'_>>,
        open: Open,
        to_proxy: bool,
    ) -> Result<Connection, Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let io = Throttled::new(io, self.ceiling.as_ref());
        let hold = io.hold();
        let known = match asking {
            None => None,
            Some(Asking::Http1(known)) => Some(Rc::clone(known)),
            Some(Asking::Any(under_way)) => {
                let http2 = chosen || self.versions == HttpVersions::Http2PriorKnowledge;
                let known = Rc::clone(under_way.known());
                known.connected(http2);
                if http2 {
                    let pool = Rc::downgrade(&self.pool);
                    let whose = Whose { origin: origin.clone(), under_way, pool, open, hold };
                    return self.handshake_http2(io, whose).await;
                }
                Some(known)
            }
        };
        let meter = Rc::new(Meter::new(hold));
        let io = TokioIo::new(Metered::new(io, Rc::clone(&meter)));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(defaults::MAX_HEAD);
        // Some proxies know Proxy-Authorization in this spelling alone.
        builder.title_case_headers(to_proxy);
        // The handshake of HTTP/1.1 sends nothing and can't fail.
        let (sender, connection) = builder
            .handshake(io)
            .await
            .map_err(|error| classify::http(&error, meter.error(), classify::Seen::Nothing))?;
        // Its errors reach the request that is under way.
        self.tasks.spawn_local(timed(Task::Connection, connection));
        Ok(Connection::new(Transport::Http1 { sender, _known: known, _open: open }, meter))
    }

    async fn handshake_http2<T>(&self, io: T, whose: Whose) -> Result<Connection, Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let made = Http2::start(io, whose, &self.tasks).await;
        let http2 =
            made.map_err(|lost| lost.failure(&Meter::new(None), classify::Seen::Nothing))?;
        // The stream of who made it comes first: it need not wait for the server's settings.
        let stream = http2.first_stream();
        self.pool.borrow_mut().share(http2);
        Ok(stream.into())
    }
}

/// What a connection is made for, where it may be one of HTTP/2.
enum Asking<'a> {
    /// Its origin is known for HTTP/1.1: nothing else is offered.
    Http1(&'a Rc<Known>),
    /// Whatever ALPN gives.
    Any(UnderWay),
}

/// Connects to one address. That descriptors run out is nobody's failure: an idle connection
/// gives way, or it is waited for one.
async fn connect_tcp(
    address: SocketAddr,
    pool: Rc<RefCell<Pool>>,
    starved: Rc<Cell<bool>>,
) -> Result<TcpStream, Failure> {
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) if out_of_descriptors(&error) => {
                let closed = pool.borrow_mut().close_oldest();
                if !closed {
                    starved.set(true);
                    tokio::time::sleep(DESCRIPTOR_PAUSE).await;
                }
            }
            Err(error) => return Err(classify::connect(address, &error)),
        }
    }
}

pub(super) fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Ipv4(address) => Ok(ServerName::IpAddress(IpAddr::from(*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress(IpAddr::from(*address).into())),
        Host::Domain(name) => {
            // The dot of an absolute name is no part of it (RFC 6066 §3).
            let bare = name.strip_suffix('.').unwrap_or(name);
            ServerName::try_from(bare.to_owned()).map_err(|_| {
                Failure::new(FailureKind::BadName, format!("{name} can't be in a certificate"))
            })
        }
    }
}

//! A server of HTTP/2 that does what a test says, frame by frame; it shares nothing with the client but
//! the sockets. In cleartext it takes prior knowledge, over TLS what ALPN gives.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hoist::GetPlan;
use hoist::plan::{HttpVersions, Roots};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};
use tokio_rustls::TlsAcceptor;

use crate::support::ANY_PORT;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 0xb;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 0xd;

/// What came to the server.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) resumed: AtomicUsize,
    pub(crate) http1: AtomicUsize,
    pub(crate) requests: AtomicUsize,
    at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
}

pub(crate) fn count(of: &AtomicUsize) -> usize {
    of.load(Ordering::SeqCst)
}

/// A connection, as the test plays it.
pub(crate) struct Peer {
    io: BufStream<Box<dyn Io>>,
    /// From 0.
    pub(crate) connection: usize,
    pub(crate) seen: Arc<Seen>,
}

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Peer {
    /// The preface is read, settings are sent.
    pub(crate) async fn settle(&mut self, at_once: Option<u32>) -> Option<()> {
        let mut preface = [0; 24];
        self.io.read_exact(&mut preface).await.ok()?;
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut settings = Vec::new();
        if let Some(at_once) = at_once {
            settings.extend(MAX_CONCURRENT_STREAMS.to_be_bytes());
            settings.extend(at_once.to_be_bytes());
        }
        self.send(SETTINGS, 0, 0, &settings).await
    }

    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.io.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length as usize];
        self.io.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The next request: its stream. Settings and pings are acknowledged. None at the end.
    pub(crate) async fn request(&mut self) -> Option<u32> {
        loop {
            let frame = self.frame().await?;
            match frame.kind {
                HEADERS => {
                    self.seen.requests.fetch_add(1, Ordering::SeqCst);
                    let now = self.seen.at_once.fetch_add(1, Ordering::SeqCst) + 1;
                    self.seen.most_at_once.fetch_max(now, Ordering::SeqCst);
                    return Some(frame.stream);
                }
                SETTINGS | PING if frame.flags & ACK == 0 => {
                    let payload = if frame.kind == PING { frame.payload } else { Vec::new() };
                    self.send(frame.kind, ACK, 0, &payload).await?;
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> Option<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.io.write_all(&bytes).await.ok()?;
        self.io.flush().await.ok()
    }

    /// The head of an answer (RFC 7541 §6.2.2: literals without an index).
    pub(crate) async fn head(
        &mut self,
        stream: u32,
        status: &str,
        length: Option<usize>,
    ) -> Option<()> {
        let mut block = literal(&[0x08], status);
        if let Some(length) = length {
            block.extend(literal(&[0x0f, 0x0d], &length.to_string()));
        }
        self.send(HEADERS, END_HEADERS, stream, &block).await
    }

    pub(crate) async fn data(&mut self, stream: u32, body: &[u8]) -> Option<()> {
        self.send(DATA, 0, stream, body).await
    }

    /// A whole answer.
    pub(crate) async fn answer(&mut self, stream: u32) -> Option<()> {
        self.ended();
        self.head(stream, "200", Some(BODY.len())).await?;
        self.send(DATA, END_STREAM, stream, BODY).await
    }

    pub(crate) async fn reset(&mut self, stream: u32, code: u32) -> Option<()> {
        self.ended();
        self.send(RST_STREAM, 0, stream, &code.to_be_bytes()).await
    }

    pub(crate) async fn go_away(&mut self, last: u32, code: u32) -> Option<()> {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.send(GOAWAY, 0, 0, &payload).await
    }

    /// The answer to a request has ended.
    pub(crate) fn ended(&self) {
        self.seen.at_once.fetch_sub(1, Ordering::SeqCst);
    }

    /// Reads until the client closes.
    pub(crate) async fn wait_for_end(&mut self) {
        while self.request().await.is_some() {}
    }
}

pub(crate) const BODY: &[u8] = b"what was asked for";

pub(crate) fn literal(name: &[u8], value: &str) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    assert!(length < 127);
    [name, &[length], value.as_bytes()].concat()
}

pub(crate) struct Http2Server {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    tls: Option<CertificateDer<'static>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// How a server speaks TLS.
pub(crate) struct Secure {
    pub(crate) alpn: &'static [&'static [u8]],
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    /// Handshakes that are not answered, from the first.
    pub(crate) silent: usize,
}

impl Default for Secure {
    fn default() -> Self {
        Self { alpn: &[b"h2", b"http/1.1"], versions: rustls::ALL_VERSIONS.to_vec(), silent: 0 }
    }
}

impl Http2Server {
    /// Plays every connection.
    pub(crate) fn start<F: AsyncFn(&mut Peer) -> Option<()> + Send + 'static>(
        secure: Option<Secure>,
        play: F,
    ) -> Self {
        let silent = secure.as_ref().map_or(0, |secure| secure.silent);
        let tls = secure.map(|secure| identity(&secure));
        let (authority, config) = tls.unzip();
        let listener = std::net::TcpListener::bind(ANY_PORT).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let of_server = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let serve = async {
                let listener = TcpListener::from_std(listener).unwrap();
                let acceptor = config.map(TlsAcceptor::from);
                let play = Rc::new(play);
                let mut connections = JoinSet::new();
                let mut stopped = stopped;
                loop {
                    let (tcp, _) = tokio::select! {
                        accepted = listener.accept() => accepted.unwrap(),
                        Some(done) = connections.join_next() => {
                            done.unwrap();
                            continue;
                        }
                        _ = &mut stopped => return,
                    };
                    let connection = of_server.connections.fetch_add(1, Ordering::SeqCst);
                    let seen = Arc::clone(&of_server);
                    let (play, acceptor) = (Rc::clone(&play), acceptor.clone());
                    connections.spawn_local(async move {
                        if connection < silent {
                            tokio::time::sleep(Duration::from_mins(1)).await;
                        }
                        let io: Box<dyn Io> = match acceptor {
                            None => Box::new(tcp),
                            Some(acceptor) => {
                                let Ok(tls) = acceptor.accept(tcp).await else { return };
                                let session = tls.get_ref().1;
                                if session.handshake_kind() == Some(HandshakeKind::Resumed) {
                                    seen.resumed.fetch_add(1, Ordering::SeqCst);
                                }
                                if session.alpn_protocol() != Some(b"h2") {
                                    seen.http1.fetch_add(1, Ordering::SeqCst);
                                    serve_http1(tls, &seen).await;
                                    return;
                                }
                                Box::new(tls)
                            }
                        };
                        let mut peer = Peer { io: BufStream::new(io), connection, seen };
                        play(&mut peer).await;
                        // Closed with something unread, it would take back what it has sent.
                        let _ = peer.io.shutdown().await;
                        let mut nowhere = tokio::io::sink();
                        let rest = tokio::io::copy(&mut peer.io, &mut nowhere);
                        let _ = tokio::time::timeout(Duration::from_secs(5), rest).await;
                    });
                }
            };
            LocalSet::new().block_on(&runtime.unwrap(), serve);
        });
        Self { addr, seen, tls: authority, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.addr)
    }

    pub(crate) fn urls(&self, n: usize) -> Vec<String> {
        (0..n).map(|n| self.url(&format!("/{n}"))).collect()
    }

    /// The authority that signed for it.
    pub(crate) fn authority(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref()
    }

    /// The plan that can speak with it.
    pub(crate) fn plan(&self, mut plan: GetPlan) -> GetPlan {
        match self.tls.clone() {
            Some(root) => plan.tls.roots = Roots(Arc::new(move || Ok(vec![root.clone()]))),
            None => plan.http = HttpVersions::Http2PriorKnowledge,
        }
        plan
    }
}

/// A server that keeps to the protocol, windows and all.
pub(crate) fn keeping<F>(secure: Option<Secure>, answer: F) -> Http2Server
where
    F: AsyncFn(String, h2::server::SendResponse<Bytes>) + Clone + Send + 'static,
{
    Http2Server::start(secure, async move |peer| {
        let mut connection = h2::server::handshake(&mut peer.io).await.ok()?;
        let mut answers = JoinSet::new();
        while let Some(Ok((request, respond))) = connection.accept().await {
            let (answer, path) = (answer.clone(), request.uri().path().to_owned());
            answers.spawn_local(async move { answer(path, respond).await });
        }
        None
    })
}

/// A panic of the server is one of the test.
impl Drop for Http2Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// Answers requests of HTTP/1.1.
async fn serve_http1(mut io: impl Io, seen: &Seen) {
    let mut read = Vec::new();
    loop {
        while !read.ends_with(b"\r\n\r\n") {
            match io.read_u8().await {
                Ok(byte) => read.push(byte),
                Err(_) => return,
            }
        }
        read.clear();
        seen.requests.fetch_add(1, Ordering::SeqCst);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BODY.len());
        let answer = [head.as_bytes(), BODY].concat();
        if io.write_all(&answer).await.is_err() || io.flush().await.is_err() {
            return;
        }
    }
}

fn identity(secure: &Secure) -> (CertificateDer<'static>, Arc<ServerConfig>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&secure.versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    config.alpn_protocols = secure.alpn.iter().map(|name| name.to_vec()).collect();
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    (issuer.der().clone(), Arc::new(config))
}

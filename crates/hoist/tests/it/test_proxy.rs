//! A proxy that does as it is told, and remembers what it was told byte by byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What it does with whoever comes.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Passes everything on to this server, whatever it was asked for: CONNECT, SOCKS, and URLs, whose
    /// requests go on as they are.
    Pass(SocketAddr),
    /// Says this to the first that it hears, and closes.
    Say(Vec<u8>),
    /// The same over and over, for as long as it is listened to.
    Repeat(&'static [u8]),
    /// Listens, and never says anything.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct TestProxy {
    pub(crate) addr: SocketAddr,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
    most: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestProxy {
    pub(crate) fn start(does: Does) -> Self {
        Self::with(does, None)
    }

    /// Over TLS; also the certificate that signed its own, which is for 127.0.0.1.
    pub(crate) fn secure(does: Does) -> (Self, CertificateDer<'static>) {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let signed = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![signed.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let root = CertificateDer::from(issuer.der().to_vec());
        (Self::with(does, Some(TlsAcceptor::from(Arc::new(config)))), root)
    }

    fn with(does: Does, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = (Arc::clone(&told), open, Arc::clone(&most));
        let thread = std::thread::spawn(move || {
            crate::support::block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, does, tls, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { addr, told, most, stop: Some(stop), thread: Some(thread) }
    }

    /// What each connection was told before the way was open, in the order in which they came.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter().map(|told| String::from_utf8_lossy(told).into_owned()).collect()
    }

    /// The most connections that were open at once.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the proxy panicked");
    }
}

type Told = Arc<Mutex<Vec<Vec<u8>>>>;
type Shared = (Told, Arc<AtomicUsize>, Arc<AtomicUsize>);

async fn accept(listener: TcpListener, does: Does, tls: Option<TlsAcceptor>, shared: Shared) {
    let mut tasks = JoinSet::new();
    let (told, open, most) = shared;
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        most.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let number = {
            let mut told = told.lock().unwrap();
            told.push(Vec::new());
            told.len() - 1
        };
        let (does, tls) = (does.clone(), tls.clone());
        let (told, open) = (Arc::clone(&told), Arc::clone(&open));
        tasks.spawn(async move {
            match tls {
                None => serve(tcp, does, &told, number).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                        assert_eq!(alpn.as_deref(), Some(b"http/1.1".as_slice()));
                        serve(stream, does, &told, number).await;
                    }
                }
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn serve<T>(mut io: T, does: Does, told: &Mutex<Vec<Vec<u8>>>, number: usize)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Vec::new();
    let note = |heard: &[u8]| told.lock().unwrap()[number].extend_from_slice(heard);
    match does {
        Does::Nothing => {
            let _ = tokio::io::copy(&mut io, &mut tokio::io::sink()).await;
        }
        Does::Say(what) => {
            let n = io.read_buf(&mut heard).await.unwrap_or(0);
            note(&heard[..n]);
            let _ = io.write_all(&what).await;
            let _ = io.shutdown().await;
            // Closing with bytes unread would reset it.
            let mut sink = tokio::io::sink();
            let rest = tokio::io::copy(&mut io, &mut sink);
            let _ = tokio::time::timeout(Duration::from_secs(5), rest).await;
        }
        Does::Repeat(what) => while io.write_all(what).await.is_ok() {},
        Does::Pass(to) => {
            if io.read_buf(&mut heard).await.unwrap_or(0) == 0 {
                return;
            }
            if heard[0] == 5 {
                let methods = std::mem::take(&mut heard);
                note(&methods);
                let method = *methods.last().unwrap();
                io.write_all(&[5, method]).await.unwrap();
                if method == 2 {
                    io.read_buf(&mut heard).await.unwrap();
                    note(&heard);
                    heard.clear();
                    io.write_all(&[1, 0]).await.unwrap();
                }
                io.read_buf(&mut heard).await.unwrap();
                note(&heard);
                io.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                heard.clear();
            } else {
                while !heard.ends_with(b"\r\n\r\n") {
                    if io.read_buf(&mut heard).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                note(&heard);
                if heard.starts_with(b"CONNECT ") {
                    io.write_all(b"HTTP/1.1 200 Go ahead\r\n\r\n").await.unwrap();
                    heard.clear();
                }
            }
            let mut server = TcpStream::connect(to).await.unwrap();
            let _ = server.write_all(&heard).await;
            let _ = copy_bidirectional(&mut io, &mut server).await;
        }
    }
}

/// A server that remembers what it was told, request by request, and has an answer for each path; it
/// closes after each.
pub(crate) fn origin(answer: impl Fn(&str) -> String + Send + 'static) -> Origin {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let told = Told::default();
    let (stop, stopped) = oneshot::channel();
    let noted = Arc::clone(&told);
    let serve = async move {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"\r\n\r\n") {
                if tcp.read_buf(&mut heard).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let text = String::from_utf8(heard).unwrap();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            noted.lock().unwrap().push(text.into_bytes());
            let _ = tcp.write_all(answer(&path).as_bytes()).await;
            let _ = tcp.shutdown().await;
        }
    };
    let thread = std::thread::spawn(move || {
        crate::support::block_on(async move {
            tokio::select! {
                () = serve => {}
                _ = stopped => {}
            }
        });
    });
    Origin { addr, told, stop: Some(stop), thread: Some(thread) }
}

#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) addr: SocketAddr,
    told: Told,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Each request, in small letters.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter().map(|told| String::from_utf8_lossy(told).to_ascii_lowercase()).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

/// An answer with these fields and the body "ok".
pub(crate) fn ok(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n{fields}\r\nok")
}

/// A redirect there.
pub(crate) fn moved(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;

use super::{
    CeilingsPlan, ConnectTo, CookiePlan, CredentialsPlan, DecodePlan, DnsPlan, Family, GivingUp,
    HttpVersions, LargePlan, LedgerPlan, Limits, MannersPlan, NamesPlan, NamingPlan, ProxyPlan,
    SinkPlan, defaults,
};
use crate::item::{HashAlgorithm, MediaRange};

/// The validated settings of a download.
#[derive(Debug, Clone)]
pub struct GetPlan {
    /// How much at once.
    pub limits: Limits,
    /// How long to wait, and how often to try again.
    pub patience: Patience,
    /// When to give up on a server that is slow or does not answer.
    pub giving_up: GivingUp,
    /// What is sent, and what is taken.
    pub request: RequestPlan,
    /// How servers prove who they are.
    pub tls: TlsPlan,
    /// Which versions of HTTP are spoken.
    pub http: HttpVersions,
    /// How host names are looked up.
    pub dns: DnsPlan,
    /// How short host names are completed.
    pub names: NamesPlan,
    /// Which addresses to connect to.
    pub address: AddressPlan,
    /// Which proxies stand in between.
    pub proxies: ProxyPlan,
    /// Users and passwords for origins.
    pub credentials: CredentialsPlan,
    /// That cookies are kept, and which are there at first. None: none are kept or sent.
    pub cookies: Option<CookiePlan>,
    /// Where the bytes go.
    pub sink: SinkPlan,
    /// How files are named after their URLs.
    pub naming: NamingPlan,
    /// That a ledger is kept, beside the files of a [`SinkPlan::Directory`]. Beside shards there is
    /// always one, a [`SinkPlan::Writer`] never has one.
    pub ledger: Option<LedgerPlan>,
    /// Every body is hashed so, and its outcome tells it. Hashes that items promise are verified in
    /// any case.
    pub hash: Option<HashAlgorithm>,
    /// Content codings are asked for and taken off. None: bodies are saved as they are sent, and none
    /// is asked for.
    pub decode: Option<DecodePlan>,
    /// How large bodies are brought back.
    pub large: LargePlan,
    /// How far robots are told what to leave alone.
    pub manners: MannersPlan,
    /// What is not gone beyond.
    pub ceilings: CeilingsPlan,
    /// Seeds ids and jitter. None: from the system's randomness.
    pub seed: Option<u64>,
}

impl Default for GetPlan {
    fn default() -> Self {
        Self {
            limits: Limits::get(),
            patience: Patience::default(),
            giving_up: GivingUp::default(),
            request: RequestPlan::default(),
            tls: TlsPlan::default(),
            http: HttpVersions::default(),
            dns: DnsPlan::default(),
            names: NamesPlan::default(),
            address: AddressPlan::default(),
            proxies: ProxyPlan::default(),
            credentials: CredentialsPlan::default(),
            cookies: None,
            sink: SinkPlan::default(),
            naming: NamingPlan::default(),
            ledger: None,
            hash: None,
            decode: None,
            large: LargePlan::default(),
            manners: MannersPlan::default(),
            ceilings: CeilingsPlan::default(),
            seed: None,
        }
    }
}

/// How long to wait, and how often to try again.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For a connection: name, TCP and TLS.
    pub connect: Duration,
    /// Without a byte received.
    pub progress: Duration,
    /// For all attempts together, from the first.
    pub deadline: Duration,
    /// Added to the deadline for each MiB of the body received.
    pub deadline_per_mib: Duration,
    /// Tries after the first.
    pub retries: u32,
    /// The first step of the backoff.
    pub backoff: Duration,
    /// The longest step of the backoff.
    pub backoff_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: defaults::CONNECT_TIMEOUT,
            progress: defaults::PROGRESS_TIMEOUT,
            deadline: defaults::GET_DEADLINE,
            deadline_per_mib: defaults::GET_DEADLINE_PER_MIB,
            retries: defaults::GET_RETRIES,
            backoff: defaults::BACKOFF,
            backoff_max: defaults::BACKOFF_MAX,
        }
    }
}

impl Patience {
    /// The same, nothing in it beyond [`defaults::FOREVER`].
    pub(crate) fn bounded(self) -> Self {
        let bounded = |time: Duration| time.min(defaults::FOREVER);
        Self {
            connect: bounded(self.connect),
            progress: bounded(self.progress),
            deadline: bounded(self.deadline),
            deadline_per_mib: bounded(self.deadline_per_mib),
            retries: self.retries,
            backoff: bounded(self.backoff),
            backoff_max: bounded(self.backoff_max),
        }
    }
}

/// What is sent with every request, and what is taken as an answer.
#[derive(Debug, Clone)]
pub struct RequestPlan {
    /// Sent as they are. Authorization and Cookie go to the item's own origin alone, not where it
    /// redirects to; Proxy-Authorization goes nowhere: it belongs into [`Proxy`](super::Proxy).
    pub headers: HeaderMap,
    /// The User-Agent, truthful by default.
    pub user_agent: HeaderValue,
    /// Redirects followed in one try.
    pub max_redirects: u32,
    /// The media types that are taken; empty: any. They are sent as the Accept field (RFC 9110
    /// §12.5.1) unless `headers` has one. An answer of another Content-Type is `not_acceptable`; one
    /// without is taken for `application/octet-stream` (§8.3).
    pub accept: Vec<MediaRange>,
    /// The smallest body, in bytes. A smaller one is `not_acceptable`.
    pub min_body: u64,
    /// The largest body, in bytes. A larger one is `too_large`.
    pub max_body: u64,
}

impl Default for RequestPlan {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            user_agent: HeaderValue::from_static(concat!("hoist/", env!("CARGO_PKG_VERSION"))),
            max_redirects: defaults::MAX_REDIRECTS,
            accept: Vec::new(),
            min_body: defaults::MIN_BODY,
            max_body: defaults::MAX_BODY,
        }
    }
}

/// How servers prove who they are.
#[derive(Debug, Clone, Default)]
pub struct TlsPlan {
    /// Accept any certificate. The connection is then open to whoever stands in between.
    pub insecure: bool,
    /// The certificates that are trusted, read when the first https connection is made.
    pub roots: Roots,
}

/// Reads the trusted certificates; called at most once, on a thread where it may block.
pub type ReadRoots = dyn Fn() -> io::Result<Vec<CertificateDer<'static>>> + Send + Sync;

/// The certificates that are trusted.
#[derive(Clone)]
pub struct Roots(pub Arc<ReadRoots>);

impl Default for Roots {
    /// None: every https connection fails, and says so. The command reads the system's.
    fn default() -> Self {
        Self(Arc::new(|| Ok(Vec::new())))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots(..)")
    }
}

/// Which addresses to connect to.
#[derive(Debug, Clone, Default)]
pub struct AddressPlan {
    /// IPv4, IPv6 or both.
    pub family: Family,
    /// Addresses that stand in for those of a host and port, a proxy's too.
    pub overrides: Vec<AddressOverride>,
    /// Hosts and ports that stand in for those of a URL; the first that fits counts. A proxy is asked
    /// for a tunnel there.
    pub connect_to: Vec<ConnectTo>,
}

/// "Connect there for this host and port" (curl's `--resolve`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressOverride {
    /// The host of the URL, in lower case.
    pub host: String,
    /// The port of the URL.
    pub port: u16,
    /// Where to connect.
    pub address: IpAddr,
}

/// The folder a default plan saves into.
pub(super) fn default_directory() -> PathBuf {
    PathBuf::from(".")
}

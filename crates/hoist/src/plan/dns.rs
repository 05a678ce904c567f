use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Question, Windows, defaults};

/// How names are looked up.
#[derive(Debug, Clone)]
pub struct DnsPlan {
    /// Whom to ask.
    pub via: Via,
    /// The hosts file that is looked at first. None: it is not.
    pub hosts: Option<PathBuf>,
    /// For the answer to the first query; later ones are given more, see
    /// [`defaults::DNS_TIMEOUT_MAX`]. For the hosts of URLs `options timeout:N` of the resolv.conf goes
    /// before it.
    pub timeout: Duration,
    /// Queries after the first one. For the hosts of URLs `options attempts:N` of the resolv.conf, which
    /// is rounds over all servers, goes before it.
    pub retries: u32,
    /// How much is asked at once.
    pub windows: Windows,
}

impl Default for DnsPlan {
    fn default() -> Self {
        Self {
            via: Via::default(),
            hosts: Some(PathBuf::from("/etc/hosts")),
            timeout: defaults::DNS_TIMEOUT,
            retries: defaults::DNS_RETRIES,
            windows: Windows::default(),
        }
    }
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// DNS servers, over UDP, and TCP where an answer is cut.
    Dns {
        /// A file that names servers, as resolv.conf(5).
        resolv_conf: Option<PathBuf>,
        /// Servers named outright. Where neither names one, 127.0.0.1 is asked, as the C library
        /// does.
        servers: Vec<SocketAddr>,
    },
    /// The system's getaddrinfo, with all that is set up there: nsswitch, mDNS, split DNS.
    System,
}

impl Default for Via {
    fn default() -> Self {
        Self::Dns { resolv_conf: Some(PathBuf::from("/etc/resolv.conf")), servers: Vec::new() }
    }
}

/// Which addresses are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// IPv4 and IPv6.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// What is asked of a name to have such addresses.
    pub(crate) fn question(self) -> Question {
        match self {
            Self::Any => Question::Both,
            Self::V4 => Question::A,
            Self::V6 => Question::Aaaa,
        }
    }
}

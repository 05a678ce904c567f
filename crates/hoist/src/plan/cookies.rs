use std::fmt;
use std::time::SystemTime;

use super::defaults;

/// That cookies are kept (RFC 6265), for the time of the run and in memory alone.
#[derive(Debug, Clone, Default)]
pub struct CookiePlan {
    /// Those that are there before the first request. Of those that are too many (
    /// [`defaults::COOKIES`], [`defaults::COOKIES_PER_DOMAIN`]) the first give way.
    pub loaded: Vec<Cookie>,
}

/// A cookie (RFC 6265 §5.3). Name and value are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    pub(crate) name: Box<[u8]>,
    pub(crate) value: Box<[u8]>,
    /// In lower case, without a dot before it; IPv6 addresses in brackets.
    pub(crate) domain: Box<str>,
    /// Also for the hosts below its domain.
    pub(crate) below: bool,
    pub(crate) path: Box<str>,
    /// For https alone.
    pub(crate) secure: bool,
    /// None: with the run.
    pub(crate) expires: Option<SystemTime>,
}

impl Cookie {
    /// A cookie for all paths of this host, until the run ends. None where it can't be sent: control
    /// characters or a semicolon in it, an equals sign in its name, longer than
    /// [`defaults::COOKIE_BYTES`].
    pub fn new(domain: &str, name: &[u8], value: &[u8]) -> Option<Self> {
        let fit = |bytes: &[u8]| bytes.iter().all(|b| *b != b';' && (*b >= b' ' && *b != 0x7f));
        let fits = fit(name)
            && fit(value)
            && !name.contains(&b'=')
            && name.len() + value.len() <= defaults::COOKIE_BYTES;
        fits.then(|| Self {
            name: name.into(),
            value: value.into(),
            domain: domain.to_ascii_lowercase().into(),
            below: false,
            path: "/".into(),
            secure: false,
            expires: None,
        })
    }

    /// Also for all hosts below. Who says so knows that this is no domain under which others register
    /// theirs.
    #[must_use]
    pub fn with_hosts_below(self) -> Self {
        Self { below: true, ..self }
    }

    /// For this path and those below it.
    #[must_use]
    pub fn with_path(self, path: &str) -> Self {
        Self { path: path.into(), ..self }
    }

    /// For https alone.
    #[must_use]
    pub fn secure_only(self) -> Self {
        Self { secure: true, ..self }
    }

    /// Until then.
    #[must_use]
    pub fn until(self, expires: SystemTime) -> Self {
        Self { expires: Some(expires), ..self }
    }

    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie").field("domain", &self.domain).finish_non_exhaustive()
    }
}

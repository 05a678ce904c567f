use std::collections::HashMap;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use http::HeaderValue;

/// Users and passwords for origins, beside those that stand in URLs, which come before them.
#[derive(Debug, Clone, Default)]
pub struct CredentialsPlan {
    /// For the own origin of every item, and for no other: not where it redirects to.
    pub own: Option<Credentials>,
    /// For these hosts, in lower case, IPv6 addresses without brackets: at any port, and also where an
    /// item redirects to one of them. [`Self::own`] comes before them.
    pub hosts: HashMap<String, Credentials>,
    /// For the own origins of items that nothing above is for. A redirect never takes it anywhere: a
    /// server could else send it where it wants.
    pub default: Option<Credentials>,
}

/// A user and a password. They are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Refuses what can't be sent (RFC 7617 §2): a colon in the user, control characters in either.
    pub fn new(
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, BadCredentials> {
        let (user, password) = (user.into(), password.into());
        if user.contains(':') {
            return Err(BadCredentials::Colon);
        }
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(BadCredentials::Control);
        }
        Ok(Self { user, password })
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// As a field's value (RFC 7617 §2, in UTF-8).
    pub(crate) fn basic(&self) -> HeaderValue {
        let pair = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password));
        // Base64 fits into any field.
        let mut value = HeaderValue::try_from(format!("Basic {pair}"))
            .unwrap_or_else(|_| HeaderValue::from_static("Basic Og=="));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a user and a password can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    /// The user ends at the first colon.
    #[error("a user has no colon in it")]
    Colon,
    /// Line ends and their like.
    #[error("a user or password has no line ends or other control characters")]
    Control,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_sent_and_not_shown() {
        let aladdin = Credentials::new("Aladdin", "open sesame").unwrap();
        // The example of RFC 7617 §2, and that of §2.1.
        assert_eq!(aladdin.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let test = Credentials::new("test", "123\u{a3}").unwrap();
        assert_eq!(test.basic(), "Basic dGVzdDoxMjPCow==");
        let plan = CredentialsPlan { own: Some(aladdin), ..CredentialsPlan::default() };
        let shown = format!("{plan:?} {:?}", test.basic());
        assert!(!shown.contains("sesame") && !shown.contains("dGVz"), "{shown}");
        assert_eq!(Credentials::new("a:b", "c"), Err(BadCredentials::Colon));
        assert_eq!(Credentials::new("a", "c\r\nX: y"), Err(BadCredentials::Control));
    }
}

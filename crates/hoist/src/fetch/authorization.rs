use std::collections::HashMap;

use http::HeaderValue;
use url::Host;

use crate::item::{Origin, Target};
use crate::plan::{Credentials, CredentialsPlan};

/// Who is told which user and password.
#[derive(Debug)]
pub(super) struct Authorizations {
    own: Option<HeaderValue>,
    hosts: HashMap<String, HeaderValue>,
    default: Option<HeaderValue>,
}

impl Authorizations {
    pub(super) fn new(plan: &CredentialsPlan) -> Self {
        let basic = |credentials: &Option<_>| credentials.as_ref().map(Credentials::basic);
        Self {
            own: basic(&plan.own),
            hosts: plan.hosts.iter().map(|(host, own)| (host.clone(), own.basic())).collect(),
            default: basic(&plan.default),
        }
    }

    /// What goes to an origin with a request for this item. `own` says that it is the item's own. An
    /// origin that it redirects to is told only what is for that host by name.
    pub(super) fn of<'a>(
        &'a self,
        target: &'a Target,
        origin: &Origin,
        own: bool,
    ) -> Option<&'a HeaderValue> {
        if !own {
            return self.of_host(origin);
        }
        let named = target.authorization.as_ref().or(self.own.as_ref());
        named.or_else(|| self.of_host(origin)).or(self.default.as_ref())
    }

    fn of_host(&self, origin: &Origin) -> Option<&HeaderValue> {
        if self.hosts.is_empty() {
            return None;
        }
        match origin.host() {
            Host::Domain(name) => self.hosts.get(name),
            Host::Ipv4(address) => self.hosts.get(&address.to_string()),
            Host::Ipv6(address) => self.hosts.get(&address.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_its_own() {
        let credentials = |user: &str| Credentials::new(user, "x").unwrap();
        let hosts = [("a.example", "a"), ("b.example", "b"), ("::1", "six")]
            .map(|(host, user)| (host.to_owned(), credentials(user)));
        let all = CredentialsPlan {
            own: Some(credentials("own")),
            hosts: hosts.into(),
            default: Some(credentials("default")),
        };
        let no_own = CredentialsPlan { own: None, ..all.clone() };
        let only_hosts = CredentialsPlan { default: None, ..no_own.clone() };
        for (plan, url, own, expected) in [
            (&all, "http://in:x@a.example/", true, Some("in")),
            (&all, "http://a.example/", true, Some("own")),
            (&all, "http://c.example/", true, Some("own")),
            (&all, "http://b.example/", false, Some("b")),
            (&all, "http://c.example/", false, None),
            (&no_own, "https://a.example:8443/", true, Some("a")),
            (&no_own, "http://c.example/", true, Some("default")),
            (&no_own, "http://c.example/", false, None),
            (&no_own, "http://www.a.example/", false, None),
            (&no_own, "http://[::1]/", true, Some("six")),
            (&only_hosts, "http://c.example/", true, None),
            (&CredentialsPlan::default(), "http://a.example/", true, None),
        ] {
            let target = Target::parse(url).unwrap();
            let authorizations = Authorizations::new(plan);
            let told = authorizations.of(&target, &target.origin, own);
            let expected = expected.map(|user| credentials(user).basic());
            assert_eq!(told, expected.as_ref(), "{url} {own}");
        }
    }
}

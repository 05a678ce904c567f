use std::collections::HashMap;
use std::time::SystemTime;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use super::set_cookie;
use crate::item::Origin;
use crate::plan::{Cookie, CookiePlan, defaults};

/// The cookies of a run (RFC 6265 §5.3): by domain, no more of each and of all than the plan's
/// defaults say; those that were used least recently give way.
#[derive(Debug, Default)]
pub(super) struct Jar {
    domains: HashMap<Box<str>, Vec<Kept>>,
    total: usize,
    /// Counts what happens: an order of creation and of use.
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    cookie: Cookie,
    created: u64,
    used: u64,
}

impl Jar {
    pub(super) fn new(plan: CookiePlan, now: SystemTime) -> Self {
        let mut jar = Self::default();
        for cookie in plan.loaded {
            jar.keep(cookie, true, now);
        }
        jar
    }

    /// Keeps what an answer from this URL sets (RFC 6265 §5.3).
    pub(super) fn receive(
        &mut self,
        url: &Url,
        origin: &Origin,
        answer: &HeaderMap,
        now: SystemTime,
    ) {
        // One answer may not push out all that others have set.
        for field in answer.get_all(SET_COOKIE).iter().take(defaults::COOKIES_PER_DOMAIN) {
            if let Some(cookie) = set_cookie::parse(field.as_bytes(), origin, url.path(), now) {
                self.keep(cookie, origin.secure, now);
            }
        }
    }

    /// Puts those for a URL into a request, behind any that are there (RFC 6265 §5.4).
    pub(super) fn send(
        &mut self,
        url: &Url,
        origin: &Origin,
        request: &mut HeaderMap,
        now: SystemTime,
    ) {
        let used = self.tick();
        let mut fit: Vec<&Kept> = Vec::new();
        for domain in domains(origin) {
            let Some(kept) = self.domains.get_mut(domain) else { continue };
            let host_itself = domain.len() == origin.host.len();
            for kept in kept.iter_mut() {
                let cookie = &kept.cookie;
                if (host_itself || cookie.below)
                    && (origin.secure || !cookie.secure)
                    && is_path_at_or_below(url.path(), &cookie.path)
                    && !cookie.is_over(now)
                {
                    kept.used = used;
                }
            }
        }
        for domain in domains(origin) {
            let kept = self.domains.get(domain).into_iter().flatten();
            fit.extend(kept.filter(|kept| kept.used == used));
        }
        if fit.is_empty() {
            return;
        }
        fit.sort_by_key(|kept| (std::cmp::Reverse(kept.cookie.path.len()), kept.created));
        let mut value = Vec::new();
        if let Some(given) = request.get(COOKIE) {
            value.extend_from_slice(given.as_bytes());
        }
        for Kept { cookie, .. } in fit {
            if !value.is_empty() {
                value.extend_from_slice(b"; ");
            }
            if !cookie.name.is_empty() {
                value.extend_from_slice(&cookie.name);
                value.push(b'=');
            }
            value.extend_from_slice(&cookie.value);
        }
        // No cookie is kept that could not stand there.
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            request.insert(COOKIE, value);
        }
    }

    fn keep(&mut self, cookie: Cookie, secure: bool, now: SystemTime) {
        let clock = self.tick();
        let domain = cookie.domain.clone();
        let kept = self.domains.entry(domain.clone()).or_default();
        let same = |other: &Cookie| other.name == cookie.name && other.path == cookie.path;
        // http may not replace, nor hide, what https has set (RFC 6265bis §5.7).
        let guarded = !secure
            && kept.iter().any(|Kept { cookie: other, .. }| {
                other.secure
                    && other.name == cookie.name
                    && is_path_at_or_below(&cookie.path, &other.path)
                    && !other.is_over(now)
            });
        if !guarded {
            let before = kept.len();
            let created =
                kept.iter().find(|kept| same(&kept.cookie)).map_or(clock, |kept| kept.created);
            kept.retain(|kept| !same(&kept.cookie) && !kept.cookie.is_over(now));
            while kept.len() >= defaults::COOKIES_PER_DOMAIN {
                remove_oldest(kept);
            }
            self.total -= before - kept.len();
            if !cookie.is_over(now) {
                kept.push(Kept { created, used: clock, cookie });
                self.total += 1;
            }
        }
        if kept.is_empty() {
            self.domains.remove(&domain);
        }
        while self.total > defaults::COOKIES {
            self.evict();
        }
    }

    /// Removes the cookie that was used least recently of all.
    fn evict(&mut self) {
        let used = |kept: &Vec<Kept>| kept.iter().map(|kept| kept.used).min();
        let oldest = self.domains.iter().min_by_key(|(_, kept)| used(kept));
        let Some(domain) = oldest.map(|(domain, _)| domain.clone()) else { return };
        if let Some(kept) = self.domains.get_mut(&domain) {
            remove_oldest(kept);
            self.total -= 1;
            if kept.is_empty() {
                self.domains.remove(&domain);
            }
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

fn remove_oldest(kept: &mut Vec<Kept>) {
    let oldest = (0..kept.len()).min_by_key(|n| kept[*n].used);
    if let Some(oldest) = oldest {
        kept.remove(oldest);
    }
}

/// The host, and the domains that it is below of.
fn domains(origin: &Origin) -> impl Iterator<Item = &str> {
    let host = &*origin.host;
    let dots = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
    let is_name = matches!(origin.host(), Host::Domain(_));
    std::iter::once(host).chain(dots.take_while(move |_| is_name))
}

/// RFC 6265 §5.1.4.
fn is_path_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || above.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    struct Here(Jar);

    impl Here {
        fn set(&mut self, url: &str, fields: &[&str]) {
            let url = Url::parse(url).unwrap();
            let mut answer = HeaderMap::new();
            for field in fields {
                answer.append(SET_COOKIE, HeaderValue::from_str(field).unwrap());
            }
            self.0.receive(&url, &Origin::of(&url).unwrap(), &answer, NOW);
            let total: usize = self.0.domains.values().map(Vec::len).sum();
            assert_eq!(self.0.total, total);
        }

        fn sent_at(&mut self, url: &str, now: SystemTime) -> String {
            let url = Url::parse(url).unwrap();
            let mut request = HeaderMap::new();
            self.0.send(&url, &Origin::of(&url).unwrap(), &mut request, now);
            request.get(COOKIE).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        }

        fn sent(&mut self, url: &str) -> String {
            self.sent_at(url, NOW)
        }
    }

    #[test]
    fn cookies_go_back_to_their_host_path_and_scheme() {
        let mut here = Here(Jar::default());
        here.set("http://a.example/x/y", &["plain=1", "deep=2; Path=/x/y", "root=3; Path=/"]);
        here.set("https://a.example/", &["safe=4; Secure"]);
        here.set("http://b.example/", &["other=5"]);
        for (url, expected) in [
            ("http://a.example/x/y", "deep=2; plain=1; root=3"),
            ("http://a.example:8080/x/y/z", "deep=2; plain=1; root=3"),
            ("http://a.example/x/yz", "plain=1; root=3"),
            ("http://a.example/xy", "root=3"),
            ("https://a.example/", "root=3; safe=4"),
            ("http://www.a.example/x/y", ""),
            ("http://example/", ""),
            ("http://b.example/x", "other=5"),
        ] {
            assert_eq!(here.sent(url), expected, "{url}");
        }
    }

    #[test]
    fn the_latest_counts_and_http_does_not_touch_what_https_has_set() {
        let mut here = Here(Jar::default());
        here.set("https://a.example/", &["a=1", "b=1", "b=2", "s=safe; Secure", "gone=1"]);
        here.set(
            "http://a.example/",
            &["s=forged", "s=forged; Path=/x", "a=3", "gone=; Max-Age=0"],
        );
        assert_eq!(here.sent("https://a.example/x"), "a=3; b=2; s=safe");
        here.set("http://a.example/", &["short=1; Max-Age=10"]);
        let later = NOW + Duration::from_secs(10);
        assert_eq!(here.sent("http://a.example/"), "a=3; b=2; short=1");
        assert_eq!(here.sent_at("http://a.example/", later), "a=3; b=2");
    }

    #[test]
    fn loaded_ones_may_be_for_hosts_below() {
        let cookie = |domain| Cookie::new(domain, b"n", domain.as_bytes()).unwrap();
        let loaded = vec![
            cookie("a.example").with_hosts_below(),
            cookie("b.example"),
            cookie("c.example").until(NOW),
            cookie("1.2.3.4").with_hosts_below(),
        ];
        let mut here = Here(Jar::new(CookiePlan { loaded }, NOW));
        assert_eq!(here.sent("http://www.a.example/"), "n=a.example");
        assert_eq!(here.sent("http://a.example/"), "n=a.example");
        assert_eq!(here.sent("http://ba.example/"), "");
        assert_eq!(here.sent("http://www.b.example/"), "");
        assert_eq!(here.sent("http://c.example/"), "");
        assert_eq!(here.sent("http://1.2.3.4/"), "n=1.2.3.4");
    }

    #[test]
    fn what_was_not_used_for_longest_gives_way() {
        let mut here = Here(Jar::default());
        for n in 0..defaults::COOKIES_PER_DOMAIN {
            here.set(&format!("http://a.example/{n}/"), &["a=1"]);
        }
        assert_eq!(here.sent("http://a.example/0/"), "a=1");
        here.set("http://a.example/new/", &["a=1"]);
        assert_eq!(here.sent("http://a.example/0/"), "a=1");
        assert_eq!(here.sent("http://a.example/1/"), "");
        for n in 0..defaults::COOKIES {
            here.set(&format!("http://h{n}.example/"), &["a=1"]);
            if n % 1000 == 0 {
                assert_eq!(here.sent("http://a.example/0/"), "a=1");
            }
        }
        assert_eq!(here.0.total, defaults::COOKIES);
        assert_eq!(here.sent("http://a.example/0/"), "a=1");
        assert_eq!(here.sent("http://a.example/2/"), "");
        assert_eq!(here.sent("http://h2999.example/"), "a=1");
    }

    #[test]
    fn those_of_the_user_come_first() {
        let mut here = Here(Jar::default());
        here.set("http://a.example/", &["a=1"]);
        let url = Url::parse("http://a.example/").unwrap();
        let mut request = HeaderMap::new();
        request.insert(COOKIE, HeaderValue::from_static("mine=0"));
        here.0.send(&url, &Origin::of(&url).unwrap(), &mut request, NOW);
        assert_eq!(request[COOKIE], "mine=0; a=1");
    }
}

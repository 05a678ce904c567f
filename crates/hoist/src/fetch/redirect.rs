use std::hash::{DefaultHasher, Hash, Hasher};

use url::Url;

use crate::item::Origin;
use crate::outcome::{Failure, FailureKind};

/// Where a redirect leads, and which came before it in this try.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) origin: Origin,
    /// Hashes of the URLs of this try, the first one included: at most one more than the plan
    /// allows redirects.
    seen: Vec<u64>,
}

impl Hop {
    /// Follows a Location (RFC 9110 §10.2.2) from `from`, which was reached by `before`.
    pub(super) fn follow(
        from: &Url,
        location: &[u8],
        before: Option<&Self>,
        max: u32,
    ) -> Result<Self, Failure> {
        let refused = |reason: String| Failure::new(FailureKind::RedirectRefused, reason);
        let location = std::str::from_utf8(location)
            .map_err(|_| refused("the redirect's Location is not text".to_owned()))?;
        let mut url = from
            .join(location.trim_ascii())
            .map_err(|error| refused(format!("the redirect's Location is no URL: {error}")))?;
        url.set_fragment(None);
        // What a server puts there is nobody's password.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let Some(origin) = Origin::of(&url) else {
            return Err(refused(format!("redirected to a {}: URL", url.scheme())));
        };
        if from.scheme() == "https" && !origin.secure {
            return Err(refused(format!("redirected from https to {origin}, unprotected")));
        }
        let mut seen = before.map_or_else(|| vec![hash(from)], |before| before.seen.clone());
        if seen.contains(&hash(&url)) {
            let reason = match seen.len() {
                1 => format!("{url} redirects to itself"),
                n => format!("redirected back to {url} after {n} redirects"),
            };
            return Err(Failure::new(FailureKind::RedirectLoop, reason));
        }
        if seen.len() > max as usize {
            let reason = format!("more than {max} redirects");
            return Err(Failure::new(FailureKind::TooManyRedirects, reason));
        }
        seen.push(hash(&url));
        Ok(Self { url, origin, seen })
    }
}

fn hash(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    url.as_str().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &str, location: &str) -> Result<String, FailureKind> {
        Hop::follow(&Url::parse(from).unwrap(), location.as_bytes(), None, 10)
            .map(|hop| hop.url.into())
            .map_err(|failure| failure.kind)
    }

    #[test]
    fn locations_are_resolved_and_bounded_to_http() {
        let from = "http://a.example/x/y?z";
        assert_eq!(follow(from, "w#part"), Ok("http://a.example/x/w".into()));
        assert_eq!(follow(from, "//u:p@b.example"), Ok("http://b.example/".into()));
        assert_eq!(follow(from, "https://b.example/"), Ok("https://b.example/".into()));
        assert_eq!(follow(from, "file:///etc/passwd"), Err(FailureKind::RedirectRefused));
        assert_eq!(
            follow("https://a.example/", "http://a.example/"),
            Err(FailureKind::RedirectRefused)
        );
        assert_eq!(follow(from, "http://["), Err(FailureKind::RedirectRefused));
        assert_eq!(follow(from, from), Err(FailureKind::RedirectLoop));
    }

    #[test]
    fn a_loop_is_told_from_a_long_chain() {
        let mut hop: Option<Hop> = None;
        let mut from = Url::parse("http://a.example/0").unwrap();
        for n in 1..=10 {
            hop = Some(Hop::follow(&from, format!("/{n}").as_bytes(), hop.as_ref(), 10).unwrap());
            from = hop.as_ref().unwrap().url.clone();
        }
        let next = |location: &str| {
            Hop::follow(&from, location.as_bytes(), hop.as_ref(), 10).unwrap_err().kind
        };
        assert_eq!(next("/11"), FailureKind::TooManyRedirects);
        assert_eq!(next("/0"), FailureKind::RedirectLoop);
        assert_eq!(next("/5"), FailureKind::RedirectLoop);
    }
}

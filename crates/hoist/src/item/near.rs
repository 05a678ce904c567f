use url::{ParseError, Url};

use super::Origin;

/// Reads URLs. One that begins as the one before it does, up to its path, is read from there on: lists mostly
/// ask one origin many times in a row.
#[derive(Debug, Default)]
pub(crate) struct NearUrls {
    last: Option<Near>,
}

/// What URLs begin with.
#[derive(Debug)]
struct Near {
    /// As it stands in the list, up to the slash that begins the path.
    text: Box<str>,
    /// With the path `/`.
    base: Url,
    origin: Origin,
}

impl NearUrls {
    /// The same as [`Url::parse`], with the origin where there is one.
    pub(super) fn parse(&mut self, text: &str) -> Result<(Url, Option<Origin>), ParseError> {
        if let Some(near) = &self.last
            && let Some(path) = text.strip_prefix(&*near.text)
            && is_path(path)
        {
            return Ok((near.base.join(path)?, Some(near.origin.clone())));
        }
        let url = Url::parse(text)?;
        let origin = Origin::of(&url);
        self.last = origin.clone().and_then(|origin| {
            let text = beginning(text)?.into();
            Some(Near { text, base: url.join("/").ok()?, origin })
        });
        Ok((url, origin))
    }
}

/// Scheme and authority, where nothing in them is read otherwise than it stands there.
fn beginning(text: &str) -> Option<&str> {
    let host = text.find("://")? + "://".len();
    let end = host + text[host..].find('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    // Where nothing stands between the slashes, the host comes after the third.
    (end > host && text[host..end].bytes().all(plain)).then(|| &text[..end])
}

/// Whether this begins a path, and can't be read as the beginning of a host. What the reader of URLs
/// would pass over comes to the same on either way but at the beginning.
fn is_path(text: &str) -> bool {
    match text.as_bytes() {
        [b'/'] => true,
        [b'/', next, ..] => !matches!(next, b'/' | b'\\' | b'\t' | b'\n' | b'\r'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> impl Strategy<Value = String> {
        let begin =
            "(http|https|HTTP|ftp)(://|:/|:)(a\\.example|A\\.example|u:p@a|127\\.1|\\[::1\\]|)";
        let rest = "(:80|:8000|:|)([/\\\\?#.\\t ]|a|%2e|é|[^\\pC]){0,8}";
        (begin, rest).prop_map(|(begin, rest)| begin + &rest)
    }

    proptest! {
        #[test]
        fn a_url_is_the_same_whatever_was_before_it(
            lines in prop::collection::vec(line(), 1..4),
            rests in prop::collection::vec("[/?#][/\\\\?#.\\t\\n:@ a]{0,5}", 1..4),
        ) {
            let mut near = NearUrls::default();
            for line in lines {
                let begin = line.split_at(line.rfind("//").map_or(0, |at| at + 2));
                let begin = [begin.0, begin.1.split('/').next().unwrap_or_default()].concat();
                for text in [line].into_iter().chain(rests.iter().map(|rest| begin.clone() + rest)) {
                    let plain = Url::parse(&text);
                    let origin = plain.as_ref().ok().and_then(Origin::of);
                    prop_assert_eq!(near.parse(&text), plain.map(|url| (url, origin)), "{:?}", text);
                }
            }
        }
    }

    #[test]
    fn more_than_two_slashes_come_before_a_host_and_not_a_path() {
        let mut near = NearUrls::default();
        for text in ["https:///a/x", "https:///b", "https:////c/y", "https:///a"] {
            let plain = Url::parse(text).unwrap();
            assert_eq!(near.parse(text).unwrap().0, plain, "{text}");
        }
    }

    #[test]
    fn urls_in_a_row_are_read_from_their_paths_on() {
        let mut near = NearUrls::default();
        let first = near.parse("http://a.example:8000/x?y").unwrap().1.unwrap();
        let (url, origin) = near.parse("http://a.example:8000/../%7Ea/b?c=d").unwrap();
        assert_eq!(url.as_str(), "http://a.example:8000/%7Ea/b?c=d");
        assert!(std::sync::Arc::ptr_eq(&first.host, &origin.unwrap().host));
    }
}

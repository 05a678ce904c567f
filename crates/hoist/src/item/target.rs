use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine};
use http::HeaderValue;
use serde::Deserialize;
use url::Url;

use super::{Hash, NearUrls, Origin};
use crate::outcome::{Failure, FailureKind};

/// A URL to get, as a line of the list asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Without user and password.
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    /// What outcomes call it: the URL as it was given, less any user and password.
    pub(crate) shown: Option<Box<str>>,
    /// The name that the line gives.
    pub(crate) name: Option<Box<str>>,
    /// Basic authorization from `user:password@` (RFC 7617), for this origin alone.
    pub(crate) authorization: Option<HeaderValue>,
    /// The hash that the line promises of the body.
    pub(crate) hash: Option<Box<Hash>>,
}

/// The fields of a line.
struct Line<'a> {
    url: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    hash: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    /// Fields with tabs between them; or why they can't be told apart.
    fn tabbed(line: &'a str) -> Result<Self, String> {
        let mut fields = line.split('\t');
        let url = fields.next().unwrap_or_default().trim_ascii();
        let (name, hash) = (fields.next(), fields.next());
        if fields.any(|field| !field.trim_ascii().is_empty()) {
            let reason =
                "more than URL, name and hash, with tabs between; more fields can be in JSON";
            return Err(reason.to_owned());
        }
        // A body would be saved under this name, and not be verified.
        if name.is_some_and(|name| Hash::is_meant(name.trim_ascii())) {
            let reason = "a hash where the name stands; it comes third: URL, two tabs, hash";
            return Err(reason.to_owned());
        }
        Ok(Self { url: url.into(), name: name.map(Into::into), hash: hash.map(Into::into) })
    }
}

/// No URL, name or JSON object has it.
const REFUSED: char = '\u{1}';

/// The line of an item that can't be asked, and why, for [`Target::parse_near`]: as whoever rewrites a list
/// of another form has found.
pub(crate) fn refused_line(uri: &str, reason: &str) -> String {
    let plain = |text: &str| text.replace(char::is_control, " ");
    format!("{REFUSED}{}{REFUSED}{}", plain(uri), plain(reason))
}

/// A line in JSON. Other fields are the user's own.
#[derive(Deserialize)]
struct JsonLine {
    url: String,
    name: Option<String>,
    hash: Option<String>,
}

impl Target {
    /// Reads `URL`, `URL<TAB>name`, `URL<TAB>name<TAB>hash` or `{"url": ..., "name": ..., "hash": ...}`.
    /// On failure also what the outcome calls the item.
    /// `near` knows the URLs before.
    pub(crate) fn parse_near(line: &str, near: &mut NearUrls) -> Result<Self, (Failure, String)> {
        let bad = |reason: String| Failure::new(FailureKind::BadInput, reason);
        if let Some((uri, reason)) =
            line.strip_prefix(REFUSED).and_then(|of| of.split_once(REFUSED))
        {
            return Err((bad(reason.to_owned()), shorten(&without_credentials(uri))));
        }
        let line: Line<'_> = if line.starts_with('{') {
            let parsed: JsonLine = serde_json::from_str(line).map_err(|error| {
                let reason = format!(
                    "no JSON object with \"url\", \"name\" and \"hash\" ({}); a plain line is a \
                     URL",
                    within_line(&error)
                );
                (bad(reason), shorten(&without_credentials(line)))
            })?;
            Line {
                url: parsed.url.into(),
                name: parsed.name.map(Into::into),
                hash: parsed.hash.map(Into::into),
            }
        } else {
            Line::tabbed(line).map_err(|reason| {
                let url = line.split('\t').next().unwrap_or_default();
                (bad(reason), without_credentials(url.trim_ascii()))
            })?
        };
        let given = |field: Option<Cow<'_, str>>| {
            field.map(|field| field.trim_ascii().to_owned()).filter(|field| !field.is_empty())
        };
        let name = given(line.name).map(Into::into);
        let hash = given(line.hash).map(|hash| hash.parse::<Hash>()).transpose();
        let hash = hash
            .map_err(|error| (bad(format!("the hash: {error}")), without_credentials(&line.url)))?;
        let target = Self::from_url(&line.url, name, near)?;
        Ok(Self { hash: hash.map(Box::new), ..target })
    }

    /// The same of a URL alone.
    #[cfg(test)]
    pub(crate) fn parse(line: &str) -> Result<Self, (Failure, String)> {
        Self::parse_near(line, &mut NearUrls::default())
    }

    fn from_url(
        text: &str,
        name: Option<Box<str>>,
        near: &mut NearUrls,
    ) -> Result<Self, (Failure, String)> {
        let bad = |reason: String| {
            (Failure::new(FailureKind::BadInput, reason), without_credentials(text))
        };
        let (mut url, origin) = near.parse(text).map_err(|error| {
            bad(match error {
                _ if text.is_empty() => "there is no URL".to_owned(),
                _ if text.contains(char::is_whitespace) => {
                    "a blank in the URL; write it as %20, and one URL on a line".to_owned()
                }
                url::ParseError::RelativeUrlWithoutBase => {
                    format!(
                        "no scheme; did you mean http://{}",
                        shorten(&without_credentials(text))
                    )
                }
                other => format!("not a URL: {other}"),
            })
        })?;
        let Some(origin) = origin else {
            return Err(bad(match url.scheme() {
                // What looks like a scheme may be a host: localhost:8000/x.
                scheme if !text.contains("://") && !scheme.contains('+') => {
                    format!("{scheme}: is no scheme that hoist gets; did you forget http://")
                }
                scheme => format!("{scheme}: URLs can't be got; http: and https: can"),
            }));
        };
        if origin.port == 0 {
            return Err(bad("port 0 can't be connected to".to_owned()));
        }
        let authorization = authorization(&url);
        if authorization.is_some() {
            // These can't fail for http URLs, which have a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        url.set_fragment(None);
        // Where it held credentials, only the parsed URL is sure to hold them no longer.
        let as_given = authorization.is_none() && text != url.as_str();
        let shown = as_given.then(|| text.into());
        Ok(Self { url, origin, shown, name, authorization, hash: None })
    }

    /// What outcomes call it.
    pub(crate) fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(self.url.as_str())
    }

    /// Bytes that it takes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let own = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        self.url.as_str().len()
            + own(&self.shown)
            + own(&self.name)
            + self.hash.as_ref().map_or(0, |_| size_of::<Hash>())
    }
}

fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |raw| percent_encoding::percent_decode_str(raw).collect::<Vec<u8>>();
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    let mut value =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The text less all that may be `user:password@`, for a text that is no URL: of every word with an
/// `@`, what stands between its scheme and its last `@`.
pub(crate) fn without_credentials(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
    let slash = |c| matches!(c, '/' | '\\');
    let mut kept = String::with_capacity(text.len());
    for word in text.split_inclusive(is_edge) {
        let Some(at) = word.rfind('@') else {
            kept.push_str(word);
            continue;
        };
        let scheme = word[..at].find(':').filter(|colon| word[colon + 1..].starts_with(slash));
        if let Some(colon) = scheme {
            let slashes = word[colon + 1..at].trim_start_matches(slash).len();
            kept.push_str(&word[..at - slashes]);
        }
        kept.push_str(&word[at + 1..]);
    }
    kept
}

/// What is wrong with a line in JSON. Whoever reads it knows the line: it is no line 1 of a text.
fn within_line(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let at = format!(" at line {} column {}", error.line(), error.column());
    match said.strip_suffix(&at) {
        Some(said) => format!("{said}, at column {}", error.column()),
        None => said,
    }
}

/// The beginning of a text, for people.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(line: &str) -> Target {
        Target::parse(line).unwrap()
    }

    fn reason(line: &str) -> String {
        let (failure, _) = Target::parse(line).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadInput);
        failure.reason
    }

    #[test]
    fn a_line_may_name_its_file() {
        assert_eq!(target("http://a.example/x").name, None);
        let tabbed = target("http://a.example/x\tone.gif");
        assert_eq!(
            (tabbed.url.as_str(), tabbed.name.as_deref()),
            ("http://a.example/x", Some("one.gif"))
        );
        let json = target(r#"{"url": "http://a.example/x", "name": "two", "label": 7}"#);
        assert_eq!((json.shown(), json.name.as_deref()), ("http://a.example/x", Some("two")));
    }

    #[test]
    fn a_line_may_promise_a_hash() {
        let hash = "md5:d41d8cd98f00b204e9800998ecf8427e";
        for line in [
            format!("http://a.example/x\tone.gif\t{hash}"),
            format!("http://a.example/x \t one.gif\t {hash} \t"),
            format!("http://a.example/x\tone.gif\t{}", hash.to_ascii_uppercase()),
            format!(r#"{{"url": "http://a.example/x", "name": "one.gif", "hash": "{hash}"}}"#),
        ] {
            let target = target(&line);
            assert_eq!(target.url.as_str(), "http://a.example/x");
            assert_eq!(target.name.as_deref(), Some("one.gif"));
            assert_eq!(target.hash.unwrap().to_string(), hash, "{line}");
        }
        let unnamed = target(&format!("http://a.example/x\t\t{hash}"));
        assert_eq!((unnamed.name, unnamed.hash.unwrap().to_string()), (None, hash.to_owned()));
        for line in ["http://a.example/x\t\t", r#"{"url": "http://a.example/x", "hash": null}"#] {
            assert_eq!(target(line).hash, None);
        }
        assert!(reason("http://a.example/x\t\tmd5:00").contains("32 hexadecimal digits"));
        assert!(reason("http://a.example/x\tx\tsize").contains("without its algorithm"));
        assert!(reason(&format!("http://a.example/x\t{hash}")).contains("two tabs"));
        assert!(reason(&format!("http://a.example/x\tx\t{hash}\tx")).contains("JSON"));
        assert!(reason(r#"{"url": "http://a.example/x", "hash": 7}"#).contains("\"hash\""));
        // It is no line 1 of a text.
        let why = reason(r#"{"url":1}"#);
        assert!(
            why.contains("expected a string, at column 8)") && !why.contains("line 1"),
            "{why}"
        );
        let (_, shown) = Target::parse("http://u:secret@a.example/x\t\tmd5:00").unwrap_err();
        assert_eq!(shown, "http://a.example/x");
    }

    #[test]
    fn credentials_become_a_header_and_are_never_shown() {
        let target = target("HTTP://user:p%40ss@a.example/x#part");
        assert_eq!(target.url.as_str(), "http://a.example/x");
        assert_eq!(target.shown(), "http://a.example/x");
        assert_eq!(target.authorization.clone().unwrap(), "Basic dXNlcjpwQHNz");
        assert!(!format!("{target:?}").contains("p@ss"));
        for url in [r"http:\\user:secret@h\x", "http:/user:secret@h/x", "http:///user:secret@h/x"] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.shown(), "http://h/x", "{url}");
            assert!(target.authorization.is_some());
        }
        for bad in [
            "http://user:secret@/x",
            "ftp://user:secret@a/x",
            "user:secret@a.example/x",
            "http://user:sec/secret@a.example/x",
            r#"{"url": "http://user:secret@h/", "name": 5}"#,
            r"ftp:\user:secret@h",
        ] {
            let (failure, shown) = Target::parse(bad).unwrap_err();
            assert!(!failure.reason.contains("secret"), "{failure}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn bad_lines_say_what_to_do() {
        assert!(reason("a.example/x").contains("did you mean http://a.example/x"));
        assert!(reason("localhost:8000/x").contains("http://"));
        assert!(reason("ftp://a.example/x").contains("https:"));
        assert!(reason("http://[::1/").contains("not a URL"));
        assert!(reason("").contains("no URL"));
        assert!(reason("\tname").contains("no URL"));
        assert!(reason("http://a b/").contains("%20"));
        assert!(reason("http://a.example:0/").contains("port 0"));
        assert!(reason("{\"name\": 1}").contains("url"));
    }
}

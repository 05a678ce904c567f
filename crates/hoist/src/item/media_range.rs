use std::fmt;
use std::str::FromStr;

/// Media types that are taken: `*/*`, `image/*`, `text/html` (RFC 9110 §12.5.1). Compared without
/// regard to case; parameters of an answer's type have no say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange {
    /// In lower case. None: any.
    kind: Option<Box<str>>,
    subtype: Option<Box<str>>,
}

impl MediaRange {
    /// Whether a Content-Type is among them. One that can't be read is among `*/*` alone.
    pub(crate) fn contains(&self, content_type: &[u8]) -> bool {
        let Some(kind) = &self.kind else { return true };
        let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        let Some((a, b)) = std::str::from_utf8(essence).ok().and_then(|text| {
            let (a, b) = text.trim_ascii().split_once('/')?;
            (is_token(a) && is_token(b)).then_some((a, b))
        }) else {
            return false;
        };
        a.eq_ignore_ascii_case(kind)
            && self.subtype.as_ref().is_none_or(|subtype| b.eq_ignore_ascii_case(subtype))
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &'_ Option<Box<str>>| part.as_deref().unwrap_or("*").to_owned();
        write!(f, "{}/{}", part(&self.kind), part(&self.subtype))
    }
}

/// The text is no range of media types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMediaRange {
    /// Not two words with a slash between them.
    #[error("write it as image/*, text/html or */*")]
    Form,
    /// Something behind the subtype.
    #[error(
        "a type is named without parameters: charset and the like have no say here, and weights go \
         into -H 'Accept: ...'"
    )]
    Parameters,
}

impl FromStr for MediaRange {
    type Err = BadMediaRange;

    fn from_str(text: &str) -> Result<Self, BadMediaRange> {
        if text.contains(';') {
            return Err(BadMediaRange::Parameters);
        }
        let part = |part: &str| match part {
            "*" => Ok(None),
            // In a token a star may stand anywhere; nobody means it so.
            _ if is_token(part) && !part.contains('*') => {
                Ok(Some(part.to_ascii_lowercase().into_boxed_str()))
            }
            _ => Err(BadMediaRange::Form),
        };
        let (kind, subtype) = text.trim_ascii().split_once('/').ok_or(BadMediaRange::Form)?;
        match (part(kind)?, part(subtype)?) {
            (None, Some(_)) => Err(BadMediaRange::Form),
            (kind, subtype) => Ok(Self { kind, subtype }),
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        for (range, inside, outside) in [
            ("*/*", &["image/png", "", "nonsense", "a/b/c"][..], &[][..]),
            ("image/*", &["image/png", "IMAGE/SVG+XML;charset=x"], &["images/png", "image", ""]),
            (
                "Text/HTML",
                &["text/html", "text/HTML; charset=x", " text/html ", "text/html ;a=\"b;c\""],
                &["text/htm", "text/html5", "text/html, image/png", "text /html", "text/"],
            ),
            ("image/svg+xml", &["image/svg+xml"], &["image/svg", "image/xml"]),
        ] {
            let parsed: MediaRange = range.parse().unwrap();
            assert_eq!(parsed.to_string(), range.to_ascii_lowercase());
            for content_type in inside {
                assert!(parsed.contains(content_type.as_bytes()), "{range} {content_type}");
            }
            for content_type in outside {
                assert!(!parsed.contains(content_type.as_bytes()), "{range} {content_type}");
            }
        }
        let any: MediaRange = "image/*".parse().unwrap();
        assert!(!any.contains(b"image/\xFF"));
    }

    #[test]
    fn other_texts_say_how_it_is_written() {
        for text in ["", "*", "html", "/", "a/", "/b", "*/b", "a/b/c", "a b/c", "a/b*", "a/b,c/d"] {
            assert_eq!(text.parse::<MediaRange>(), Err(BadMediaRange::Form), "{text}");
        }
        assert_eq!("text/html;q=0.5".parse::<MediaRange>(), Err(BadMediaRange::Parameters));
    }
}

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::hash::hexadecimal;
use super::{FileName, Hash};

/// How files are named: text with `{index}`, `{host}`, `{path}`, `{basename}`, `{ext}`, `{url_hash}`
/// and `{sha256}` in it.
///
/// `{path}` is the path of the URL, `{basename}` its last part without its ending, `{ext}` the ending
/// with its dot (empty where there is none). `{url_hash}` is the beginning of the SHA-256 of the URL,
/// as outcomes tell it: 32 hexadecimal digits, which are 128 bits, so that no two URLs of a list have
/// the same. `{sha256}` is that of the body, 64 digits, known when it is whole.
///
/// A number behind a colon says how many digits: `{index:06}` has six or more, `{url_hash:2}` and
/// `{sha256:2}` the first two. `{{` and `}}` stand for braces. A `/` makes folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Digits, at least.
    Index(usize),
    Host,
    Path,
    Basename,
    Ext,
    /// Digits.
    UrlHash(usize),
    /// Digits.
    Sha256(usize),
}

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameParts<'a> {
    pub(crate) index: u64,
    pub(crate) host: &'a str,
    /// Without the slash before.
    pub(crate) path: &'a str,
    pub(crate) basename: &'a str,
    /// With its dot.
    pub(crate) ext: &'a str,
    /// As outcomes tell it.
    pub(crate) url: &'a str,
}

/// A name, or one that waits for the body's hash.
#[derive(Debug, Clone)]
pub(crate) enum Filled {
    Whole(FileName),
    Late(LateName),
}

/// A name that is filled but for the body's hash.
#[derive(Debug, Clone)]
pub(crate) struct LateName {
    /// What stands before a hash, and how many digits of it follow.
    pieces: Vec<(String, usize)>,
    rest: String,
}

impl NameTemplate {
    /// Whether a name has to wait until the body is whole.
    pub fn needs_body(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Sha256(_)))
    }

    /// Whether the last part of the URL's path, or what stands for it, is in the names.
    pub fn has_file_name(&self) -> bool {
        let of_file = |piece: &Piece| matches!(piece, Piece::Path | Piece::Basename | Piece::Ext);
        self.pieces.iter().any(of_file)
    }

    pub(crate) fn fill(&self, parts: NameParts<'_>) -> Filled {
        let mut pieces = Vec::new();
        let mut name = String::new();
        for piece in &self.pieces {
            let text: Cow<'_, str> = match *piece {
                Piece::Text(ref text) => text.into(),
                Piece::Index(digits) => format!("{:0digits$}", parts.index).into(),
                Piece::Host => parts.host.into(),
                Piece::Path => parts.path.into(),
                Piece::Basename => parts.basename.into(),
                Piece::Ext => parts.ext.into(),
                Piece::UrlHash(digits) => url_hash(parts.url, digits).into(),
                Piece::Sha256(digits) => {
                    pieces.push((std::mem::take(&mut name), digits));
                    continue;
                }
            };
            name.push_str(&text);
        }
        if pieces.is_empty() {
            Filled::Whole(FileName::from_text(&name))
        } else {
            Filled::Late(LateName { pieces, rest: name })
        }
    }
}

impl LateName {
    /// The name, now that the body is whole.
    pub(crate) fn of_body(&self, sha256: &Hash) -> FileName {
        let digits = hexadecimal(sha256.digest());
        let mut name = String::new();
        for (before, count) in &self.pieces {
            name.push_str(before);
            name.push_str(digits.get(..*count).unwrap_or(&digits));
        }
        name.push_str(&self.rest);
        FileName::from_text(&name)
    }
}

/// Digits of a URL's hash: 128 bits.
const URL_DIGITS: usize = 32;
/// Digits of a body's hash.
const BODY_DIGITS: usize = 64;
/// Digits that an index has, about.
const INDEX_DIGITS: usize = 20;

/// The first digits of the SHA-256 of a URL: names must stay the same from one version to the next.
pub(crate) fn url_hash(url: &str, digits: usize) -> String {
    let mut text = hexadecimal(&Sha256::digest(url));
    text.truncate(digits);
    text
}

/// The text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTemplate(String);

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; a name template may use {{index}} {{host}} {{path}} {{basename}} {{ext}} \
             {{url_hash}} {{sha256}}",
            self.0
        )
    }
}

impl std::error::Error for BadTemplate {}

impl FromStr for NameTemplate {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(BadTemplate("a } has no {".to_owned()));
            }
            let Some((word, after)) = rest.split_once('}') else {
                return Err(BadTemplate("a { is not closed".to_owned()));
            };
            let piece = piece(word)?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        if pieces.is_empty() {
            return Err(BadTemplate("the template is empty".to_owned()));
        }
        Ok(Self { pieces })
    }
}

/// What stands between braces.
fn piece(word: &str) -> Result<Piece, BadTemplate> {
    let (name, width) = match word.split_once(':') {
        Some((name, width)) => (name, Some(width)),
        None => (word, None),
    };
    let digits = |least: usize, default: usize, most: usize| match width {
        None => Ok(default),
        Some(width) => {
            width.parse().ok().filter(|digits| (least..=most).contains(digits)).ok_or_else(|| {
                BadTemplate(format!("{{{word}}}: behind the colon goes a number from 1 to {most}"))
            })
        }
    };
    let piece = match name {
        "index" => Piece::Index(digits(1, 0, INDEX_DIGITS)?),
        "url_hash" => Piece::UrlHash(digits(1, URL_DIGITS, URL_DIGITS)?),
        "sha256" => Piece::Sha256(digits(1, BODY_DIGITS, BODY_DIGITS)?),
        "host" if width.is_none() => Piece::Host,
        "path" if width.is_none() => Piece::Path,
        "basename" if width.is_none() => Piece::Basename,
        "ext" if width.is_none() => Piece::Ext,
        "host" | "path" | "basename" | "ext" => {
            return Err(BadTemplate(format!("{{{name}}} has no number of digits")));
        }
        _ => return Err(BadTemplate(format!("{{{word}}} is unknown"))),
    };
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARTS: NameParts<'_> = NameParts {
        index: 7,
        host: "a.example",
        path: "x/flag.gif",
        basename: "flag",
        ext: ".gif",
        url: "http://a.example/x/flag.gif",
    };

    fn filled(template: &str, parts: NameParts<'_>) -> String {
        let body = format!("sha256:{}", "c0ffee00".repeat(8)).parse().unwrap();
        match template.parse::<NameTemplate>().unwrap().fill(parts) {
            Filled::Whole(name) => name.to_text(),
            Filled::Late(late) => late.of_body(&body).to_text(),
        }
    }

    #[test]
    fn fills_and_keeps_doubled_braces() {
        for (template, name) in [
            ("{host}/{index}-{basename}{{x}}{ext}", "a.example/7-flag{x}.gif"),
            ("{index:06}{ext}", "000007.gif"),
            ("{path}", "x/flag.gif"),
            // printf %s URL | sha256sum
            ("{url_hash:2}/{url_hash}", "be/be15eefad078c8d176c475a8481b08f4"),
            ("{sha256:2}/{sha256:8}{ext}", "c0/c0ffee00.gif"),
        ] {
            assert_eq!(filled(template, PARTS), name, "{template}");
        }
        assert_eq!(filled("{sha256}", PARTS), "c0ffee00".repeat(8));
    }

    #[test]
    fn bad_templates_say_what_is_wrong() {
        for (text, word) in [
            ("{sha}", "unknown"),
            ("{", "closed"),
            ("}", "no {"),
            ("", "empty"),
            ("{url_hash:33}", "1 to 32"),
            ("{sha256:0}", "1 to 64"),
            ("{index:x}", "1 to 20"),
            ("{host:2}", "no number of digits"),
        ] {
            let error = text.parse::<NameTemplate>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
            assert!(error.contains("{basename}"), "{error}");
        }
    }

    proptest! {
        /// Whatever URLs and servers put into it.
        #[test]
        fn no_template_leaves_the_root(
            template in "(\\{(index|host|path|basename|ext|url_hash:2|sha256:3)\\}|[./]|\\.\\.){1,8}",
            given in "(\\.\\.|[./\\\\~%\\x00-\\x20]|con|\\.hoist|a){0,12}",
        ) {
            let parts = NameParts {
                host: &given, path: &given, basename: &given, ext: &given, ..PARTS
            };
            let name = filled(&template, parts);
            prop_assert!(name.split('/').next() != Some(".hoist"), "{}", name);
            for part in name.split('/') {
                prop_assert!(!part.is_empty() && part != "." && part != "..", "{}", name);
                prop_assert!(!part.contains(['\0', '\\']) && part.len() <= 200, "{}", name);
            }
        }
    }
}

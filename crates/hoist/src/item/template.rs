use std::fmt;
use std::str::FromStr;

/// How files are named: text with `{index}`, `{host}`, `{basename}` and `{ext}` in it.
///
/// `{basename}` is the last part of the path without its ending, `{ext}` the ending with its dot
/// (empty where there is none). `{{` and `}}` stand for braces. A `/` makes folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Index,
    Host,
    Basename,
    Ext,
}

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameParts<'a> {
    pub(crate) index: u64,
    pub(crate) host: &'a str,
    pub(crate) basename: &'a str,
    /// With its dot.
    pub(crate) ext: &'a str,
}

impl NameTemplate {
    /// Fills it. The result is not yet safe as a path.
    pub(crate) fn fill(&self, parts: NameParts<'_>) -> String {
        let mut name = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Index => name.push_str(&parts.index.to_string()),
                Piece::Host => name.push_str(parts.host),
                Piece::Basename => name.push_str(parts.basename),
                Piece::Ext => name.push_str(parts.ext),
            }
        }
        name
    }
}

/// The text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTemplate(String);

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; a name template may use {{index}} {{host}} {{basename}} {{ext}}", self.0)
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
            let piece = match word {
                "index" => Piece::Index,
                "host" => Piece::Host,
                "basename" => Piece::Basename,
                "ext" => Piece::Ext,
                other => return Err(BadTemplate(format!("{{{other}}} is unknown"))),
            };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_and_keeps_doubled_braces() {
        let template: NameTemplate = "{host}/{index}-{basename}{{x}}{ext}".parse().unwrap();
        let name =
            template.fill(NameParts { index: 7, host: "a.example", basename: "flag", ext: ".gif" });
        assert_eq!(name, "a.example/7-flag{x}.gif");
    }

    #[test]
    fn bad_templates_say_what_is_wrong() {
        for (text, word) in [("{sha}", "unknown"), ("{", "closed"), ("}", "no {"), ("", "empty")] {
            let error = text.parse::<NameTemplate>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
            assert!(error.contains("{basename}"), "{error}");
        }
    }
}

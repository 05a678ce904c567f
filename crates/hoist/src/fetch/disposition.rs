//! What a server calls a file: Content-Disposition (RFC 6266).

use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;

/// The name that an answer gives its file: `filename*` before `filename` (RFC 6266 §4.3), of it what
/// is behind the last slash or backslash. It is never empty, never `.` or `..`, and never begins with
/// a dot: a server must not say what is hidden, or read by programs as their settings. What can't be
/// read gives no name. Not yet cut to a length.
pub(super) fn file_name(headers: &HeaderMap) -> Option<String> {
    // Where there are several, nobody knows which is meant; the first one is what curl takes.
    let value = headers.get(CONTENT_DISPOSITION)?;
    let (mut plain, mut extended) = (None, None);
    for (name, value) in Parameters::behind_type(value.as_bytes()) {
        if name.eq_ignore_ascii_case(b"filename") {
            plain = plain.or_else(|| harmless(&text(&value)));
        } else if name.eq_ignore_ascii_case(b"filename*") {
            extended = extended.or_else(|| harmless(&extended_value(&value)?));
        }
    }
    extended.or(plain)
}

/// The last part of a path, if it can be the name of a file.
fn harmless(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = last.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let shown = last.trim_start_matches('.');
    if shown.is_empty() {
        return None;
    }
    Some("%2E".repeat(last.len() - shown.len()) + shown)
}

/// ISO 8859-1 is what HTTP says, UTF-8 what is sent where it makes sense.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin_1(bytes),
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// `UTF-8'en'%e2%82%ac` (RFC 8187 §3.2). None where it can't be read.
fn extended_value(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok()?;
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(encoded).collect();
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => String::from_utf8(bytes).ok(),
        "iso-8859-1" => Some(latin_1(&bytes)),
        _ => None,
    }
}

/// The parameters of a field, in order, as far as they can be read (RFC 9110 §5.6.6).
struct Parameters<'a>(&'a [u8]);

impl<'a> Parameters<'a> {
    /// Those behind `attachment`, or whatever word stands there.
    fn behind_type(value: &'a [u8]) -> Self {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        // Some servers leave the word out.
        let is_type = !value[..end].contains(&b'=');
        Self(if is_type { &value[end..] } else { value })
    }
}

impl Iterator for Parameters<'_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let skipped = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
        let start = self.0.iter().position(|byte| !skipped(byte))?;
        let rest = &self.0[start..];
        let equals = memchr::memchr(b'=', rest)?;
        let name = rest[..equals].trim_ascii().to_owned();
        let rest = rest[equals + 1..].trim_ascii_start();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let (value, after) = quoted_string(quoted)?;
            // Until the next semicolon nothing should be.
            self.0 = &after[memchr::memchr(b';', after).unwrap_or(after.len())..];
            return Some((name, value));
        }
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some((name, rest[..end].trim_ascii().to_owned()))
    }
}

/// The text up to the closing quote, and what is behind it. None where there is no such quote.
fn quoted_string(quoted: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, &quoted[at + 1..])),
            b'\\' => value.push(*bytes.next()?.1),
            other => value.push(*other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::item::FileName;

    fn name(value: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_DISPOSITION, HeaderValue::from_bytes(value).ok()?);
        file_name(&headers)
    }

    /// Mostly from RFC 6266 §5, RFC 8187 §3.2 and the tests of both at greenbytes.de.
    #[test]
    fn servers_name_files() {
        for (value, expected) in [
            (&b"attachment; filename=example.html"[..], "example.html"),
            (b"Attachment; Filename=\"an example.html\"", "an example.html"),
            (b"inline;filename = \"a;b=c.html\" ; size=3", "a;b=c.html"),
            (b"attachment; filename=\"f\\\"oo.html\"", "f\"oo.html"),
            (b"attachment; filename*=UTF-8''%e2%82%ac%20rates", "\u{20ac} rates"),
            (
                b"attachment; filename=\"EURO rates\"; filename*=utf-8'en'%e2%82%ac%20rates",
                "\u{20ac} rates",
            ),
            (b"attachment; filename*=iso-8859-1''%A3; filename=pound", "\u{a3}"),
            // What can't be read of one leaves the other.
            (b"attachment; filename*=UTF-8''%ff%fe; filename=plain", "plain"),
            (b"attachment; filename*=KOI8-R''x; filename=plain", "plain"),
            (b"attachment; filename*=x; filename=plain", "plain"),
            (b"attachment; filename=\"na\xefve.txt\"", "na\u{ef}ve.txt"),
            (b"attachment; filename=\"na\xc3\xafve.txt\"", "na\u{ef}ve.txt"),
            (b"attachment; filename=first; filename=second", "first"),
            (b"filename=\"bare.txt\"", "bare.txt"),
            // The last part alone, and nothing hidden.
            (b"attachment; filename=\"/etc/passwd\"", "passwd"),
            (b"attachment; filename=\"..\\\\..\\\\x.exe\"", "x.exe"),
            (b"attachment; filename*=UTF-8''..%2F..%2Fx", "x"),
            (b"attachment; filename=\".bashrc\"", "%2Ebashrc"),
        ] {
            assert_eq!(name(value).as_deref(), Some(expected), "{}", value.escape_ascii());
        }
        for value in [
            &b""[..],
            b"attachment",
            b"attachment; filename",
            b"attachment; filename=",
            b"attachment; filename=\"\"",
            b"attachment; filename=\"unclosed",
            b"attachment; filename=\"x\\",
            b"attachment; filename=..",
            b"attachment; filename=\"a/\"",
        ] {
            assert_eq!(name(value), None, "{}", value.escape_ascii());
        }
        assert_eq!(file_name(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn no_server_chooses_the_folder(
            value in r#"(attachment|;|=|filename|filename\*|UTF-8|'|"|\\|/|\.|%2[eEfF]|%00|%5C| |\t|é|a){0,24}"#,
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let hidden = |name: &str| name.starts_with('.') || name.contains(['/', '\0']);
            let long = "x".repeat(bytes.len() * 20);
            for value in [
                value.as_bytes(),
                &bytes,
                &[b"attachment; filename=", &bytes[..]].concat(),
                &[b"attachment; filename=\"", &bytes[..], long.as_bytes(), b"\""].concat(),
                &[b"attachment; filename*=UTF-8''", &bytes[..]].concat(),
            ] {
                let Some(name) = name(value) else { continue };
                prop_assert!(!name.is_empty() && !name.contains(['/', '\\']) && name != "..");
                let file = FileName::from_text(&name).to_text();
                prop_assert!(!file.is_empty() && file.len() <= 200 && !hidden(&file), "{}", file);
            }
        }
    }
}

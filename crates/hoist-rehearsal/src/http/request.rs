//! A request head, parsed without copying (RFC 9112). Strict where a client could be wrong: what a
//! client must not send is a 400, so that the judge does not overlook it.

/// The longest head taken: clients may send URLs of 60 KiB.
pub(crate) const HEAD_LIMIT: usize = 128 << 10;

/// One request. `path` and `query` are as sent; the question mark is in neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// The Host header, or the authority of an absolute target.
    pub(crate) host: &'a str,
    /// The header lines with their line ends.
    pub(crate) headers: &'a [u8],
    /// Whether the client would use the connection again.
    pub(crate) keep: bool,
    /// The bytes of body that follow; none when that is not known from a length.
    pub(crate) body: Option<u64>,
}

/// The length of the head at the start of `bytes`, its empty line included. `seen` bytes were
/// looked at before, without finding its end.
pub(crate) fn head_end(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    bytes[from..].windows(4).position(|w| w == b"\r\n\r\n").map(|at| from + at + 4)
}

impl<'a> Request<'a> {
    /// Parses a whole head. The error says what is wrong with it.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Self, &'static str> {
        let line_end = find(head, *b"\r\n").ok_or("no request line")?;
        let line =
            std::str::from_utf8(&head[..line_end]).map_err(|_| "a target that is not ASCII")?;
        if !line.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err("control or non-ASCII characters in the request line");
        }
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("a request line is method, target, version");
        };
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err("a method that is no token");
        }
        let one_one = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ => return Err("a version other than HTTP/1.1 and HTTP/1.0"),
        };
        let headers = &head[line_end + 2..head.len() - 2];
        let fields = Fields::read(headers)?;
        let (authority, target) = split_target(target)?;
        if one_one && fields.hosts != 1 {
            return Err("HTTP/1.1 needs exactly one Host header");
        }
        if target.contains('#') {
            return Err("a fragment in the target");
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Self {
            method,
            target,
            path,
            query,
            host: authority.unwrap_or(fields.host),
            headers,
            keep: one_one && !fields.close,
            body: if fields.chunked { None } else { Some(fields.length.unwrap_or(0)) },
        })
    }

    /// Stands for a head that could not be read.
    pub(crate) fn unreadable() -> Self {
        Self {
            method: "",
            target: "",
            path: "",
            query: "",
            host: "",
            headers: b"",
            keep: false,
            body: Some(0),
        }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The first value of a header, without the white space around it; none when it is not UTF-8.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let mut lines = self.headers;
        while let Some(end) = find(lines, *b"\r\n") {
            let line = &lines[..end];
            lines = &lines[end + 2..];
            if let Some(colon) = line.iter().position(|&b| b == b':')
                && line[..colon].eq_ignore_ascii_case(name.as_bytes())
            {
                return std::str::from_utf8(line[colon + 1..].trim_ascii()).ok();
            }
        }
        None
    }

    /// Whether there is a header of this name.
    pub(crate) fn carries(&self, name: &str) -> bool {
        self.headers.split(|&byte| byte == b'\n').any(|line| {
            line.split(|&byte| byte == b':').next().is_some_and(|named| {
                named.len() < line.len() && named.eq_ignore_ascii_case(name.as_bytes())
            })
        })
    }
}

#[derive(Default)]
struct Fields<'a> {
    host: &'a str,
    hosts: u32,
    close: bool,
    chunked: bool,
    length: Option<u64>,
}

impl<'a> Fields<'a> {
    fn read(mut lines: &'a [u8]) -> Result<Self, &'static str> {
        let mut fields = Self::default();
        while let Some(end) = find(lines, *b"\r\n") {
            let line = &lines[..end];
            lines = &lines[end + 2..];
            let colon = line.iter().position(|&b| b == b':').ok_or("a header without a colon")?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.is_empty() || !name.iter().copied().all(is_token) {
                return Err("a header name that is no token");
            }
            if value.iter().any(|&b| matches!(b, 0 | b'\r' | b'\n')) {
                return Err("control characters in a header");
            }
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => {
                    fields.hosts += 1;
                    fields.host = std::str::from_utf8(value).map_err(|_| "a Host not in ASCII")?;
                }
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    let mut options = value.split(|&b| b == b',');
                    fields.close |= options.any(|o| o.trim_ascii().eq_ignore_ascii_case(b"close"));
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    let text = std::str::from_utf8(value).ok();
                    let length = text.filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
                    let length = length.and_then(|t| t.parse().ok()).ok_or("a bad length")?;
                    if fields.length.replace(length).is_some_and(|old| old != length) {
                        return Err("two lengths");
                    }
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => fields.chunked = true,
                _ => {}
            }
        }
        if fields.chunked && fields.length.is_some() {
            return Err("a length and chunks");
        }
        Ok(fields)
    }
}

/// Origin form, or the absolute form that proxies get (RFC 9112, section 3.2).
fn split_target(target: &str) -> Result<(Option<&str>, &str), &'static str> {
    if target.starts_with('/') || target == "*" {
        return Ok((None, target));
    }
    let (_, rest) = target.split_once("://").ok_or("a target that is neither path nor URL")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Ok((Some(authority), if path.is_empty() { "/" } else { path }))
}

fn find(bytes: &[u8], what: [u8; 2]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|&b| b == what[0])?;
        if bytes.get(at + 1) == Some(&what[1]) {
            return Some(at);
        }
        from = at + 1;
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_request() {
        let head = b"GET /a/b?x=1&y HTTP/1.1\r\nhOst:  h:80 \r\nA: b\r\n\r\n";
        assert_eq!(head_end(head, 0), Some(head.len()));
        assert_eq!(head_end(&head[..head.len() - 1], 0), None);
        assert_eq!(head_end(head, head.len() - 1), Some(head.len()));
        let request = Request::parse(head).unwrap();
        assert_eq!((request.method, request.target), ("GET", "/a/b?x=1&y"));
        assert_eq!((request.path, request.query, request.host), ("/a/b", "x=1&y", "h:80"));
        assert_eq!(request.headers, b"hOst:  h:80 \r\nA: b\r\n");
        assert!(request.keep);
        assert_eq!(request.body, Some(0));
    }

    #[test]
    fn headers_by_name() {
        let head =
            b"GET / HTTP/1.1\r\nHost: h\r\nraNge:\t bytes=1- \r\nRange: x\r\nA: \xff\r\n\r\n";
        let request = Request::parse(head).unwrap();
        assert_eq!(request.header("Range"), Some("bytes=1-"));
        assert_eq!((request.header("A"), request.header("Rang")), (None, None));
        assert_eq!(Request::unreadable().header("Range"), None);
    }

    #[test]
    fn who_closes_and_what_follows() {
        let parse = |lines: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
            Request::parse(head.as_bytes()).map(|r| (r.keep, r.body))
        };
        assert_eq!(parse("Connection: foo, Close\r\n"), Ok((false, Some(0))));
        assert_eq!(parse("Content-Length: 7\r\n"), Ok((true, Some(7))));
        assert_eq!(parse("Transfer-Encoding: chunked\r\n"), Ok((true, None)));
        assert!(parse("Content-Length: 7\r\nContent-Length: 8\r\n").is_err());
        assert!(parse("Content-Length: +7\r\n").is_err());
        assert!(parse("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n").is_err());
        assert!(parse("Host: again\r\n").is_err());
        assert!(parse("no colon\r\n").is_err());
        assert!(parse("bad name: x\r\n").is_err());
        assert!(parse(" folded: x\r\n").is_err());
    }

    #[test]
    fn request_lines() {
        let parse = |line: &str| {
            Request::parse(format!("{line}\r\nHost: h\r\n\r\n").as_bytes())
                .map(|r| (r.host.to_owned(), r.target.to_owned(), r.keep))
        };
        let is = |host: &str, target: &str, keep| Ok((host.to_owned(), target.to_owned(), keep));
        assert_eq!(parse("GET http://p:8/x?y HTTP/1.1"), is("p:8", "/x?y", true));
        assert_eq!(parse("GET http://p HTTP/1.1"), is("p", "/", true));
        assert_eq!(parse("GET / HTTP/1.0"), is("h", "/", false));
        for bad in [
            "GET /",
            "GET / HTTP/2",
            "GET  / HTTP/1.1",
            "GET / x HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET x HTTP/1.1",
            "GET /é HTTP/1.1",
            "GET /a#b HTTP/1.1",
            "GET /a\tb HTTP/1.1",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Request::parse(b"GET / HTTP/1.1\r\n\r\n").is_err(), "no Host");
    }
}

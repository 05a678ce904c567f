//! Between the fields of HTTP/2 and a head of HTTP/1.1 (RFC 9113, section 8.3).

use super::hpack::Field;

/// Fields that are about a connection, which HTTP/2 has none of (section 8.2.2).
const OF_CONNECTIONS: [&[u8]; 5] =
    [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];

/// The request as HTTP/1.1 would have it. Strict where a client could be wrong, as
/// [`Request::parse`](crate::http::request::Request::parse) is, which reads it.
pub(super) fn request(fields: &[Field]) -> Result<Vec<u8>, &'static str> {
    let pseudo = fields.iter().take_while(|(name, _)| name.starts_with(b":")).count();
    let (pseudo, regular) = fields.split_at(pseudo);
    let mut known: [(&[u8], Option<&[u8]>); 4] =
        [(b":method", None), (b":scheme", None), (b":path", None), (b":authority", None)];
    for (name, value) in pseudo {
        let place = known.iter_mut().find(|(known, _)| known == name);
        let (_, place) = place.ok_or("a pseudo-header field that requests do not have")?;
        if place.replace(value).is_some() {
            return Err("a pseudo-header field twice");
        }
    }
    let [(_, method), (_, scheme), (_, path), (_, authority)] = known;
    let (Some(method), Some(_), Some(path)) = (method, scheme, path) else {
        return Err("a request has :method, :scheme and :path");
    };
    let in_line = [method, path, authority.unwrap_or_default()];
    if in_line.iter().any(|value| value.iter().any(|byte| !byte.is_ascii_graphic())) {
        return Err("white space, control or non-ASCII characters in a pseudo-header field");
    }
    let mut head = [method, b" ", path, b" HTTP/1.1\r\n"].concat();
    if let Some(authority) = authority {
        line(&mut head, b"host", authority);
    }
    for (name, value) in regular {
        check(name, value)?;
        // The authority goes before it (section 8.3.1).
        if authority.is_none() || name != b"host" {
            line(&mut head, name, value);
        }
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

fn check(name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    if name.starts_with(b":") {
        return Err("a pseudo-header field behind regular ones");
    }
    if name.iter().any(u8::is_ascii_uppercase) {
        return Err("a field name in upper case");
    }
    if OF_CONNECTIONS.contains(&name) || name == b"te" && value != b"trailers" {
        return Err("a field that is about a connection");
    }
    let forbidden = |byte: &u8| matches!(byte, 0 | b'\r' | b'\n');
    if name.iter().chain(value).any(forbidden) {
        return Err("control characters in a field");
    }
    Ok(())
}

fn line(head: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// The heads that were said in the words of HTTP/1.1, interim ones among them; none when they mean nothing
/// in HTTP/2.
pub(crate) fn answers(said: &[u8]) -> Option<Vec<Vec<Field>>> {
    let mut heads: Vec<Vec<Field>> = Vec::new();
    let mut begins = true;
    for line in std::str::from_utf8(said).ok()?.strip_suffix("\r\n")?.split("\r\n") {
        if line.is_empty() {
            begins = true;
        } else if begins {
            let status = line.strip_prefix("HTTP/1.1 ")?.get(..3)?;
            heads.push(vec![(b":status".to_vec(), status.into())]);
            begins = false;
        } else {
            let (name, value) = line.split_once(':')?;
            let name = name.to_ascii_lowercase().into_bytes();
            if name == b"transfer-encoding" {
                return None;
            }
            if !OF_CONNECTIONS.contains(&name.as_slice()) {
                heads.last_mut()?.push((name, value.trim_ascii().into()));
            }
        }
    }
    begins.then_some(heads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &[(&str, &str)]) -> Vec<Field> {
        of.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    const START: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":path", "/a?b"), (":authority", "h:1")];

    #[test]
    fn a_request_as_http_1_1_has_it() {
        let head = request(&fields(&[&START[..], &[("accept", "*/*"), ("host", "x")]].concat()));
        assert_eq!(head.unwrap(), b"GET /a?b HTTP/1.1\r\nhost: h:1\r\naccept: */*\r\n\r\n");
    }

    #[test]
    fn what_a_client_must_not_send() {
        for wrong in [
            &[("Accept", "*/*")][..],
            &[("connection", "close")],
            &[("te", "gzip")],
            &[("x", "a\nb")],
            &[("x", "1"), (":path", "/")],
        ] {
            assert!(request(&fields(&[&START[..], wrong].concat())).is_err(), "{wrong:?}");
        }
        for wrong in [&START[1..], &START[..2], &[START[0], START[0], START[1], START[2]]] {
            assert!(request(&fields(wrong)).is_err(), "{wrong:?}");
        }
        let path = [START[0], START[1], (":path", "/ HTTP/1.1"), START[3]];
        assert!(request(&fields(&path)).is_err());
        assert!(request(&fields(&[&START[..], &[(":status", "200")]].concat())).is_err());
        assert!(request(&fields(&[&START[..], &[("te", "trailers")]].concat())).is_ok());
    }

    #[test]
    fn an_answer_as_http_2_has_it() {
        let said = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
            HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
        let heads = answers(said).unwrap();
        assert_eq!(heads[0], fields(&[(":status", "103"), ("link", "</a>")]));
        assert_eq!(heads[1], fields(&[(":status", "200"), ("content-length", "3")]));
        for wrong in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "",
        ] {
            assert_eq!(answers(wrong.as_bytes()), None, "{wrong}");
        }
    }
}

//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 §9.3.6).

use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::route::{Place, Unconnected};
use crate::outcome::{Failure, FailureKind, classify};
use crate::plan::defaults::{MAX_INTERIM, MAX_TUNNEL_HEAD};

/// Asks the proxy at the other end of `io` for a tunnel. What is said through `io` afterwards is said to
/// `destination`. Reasons do not name the proxy.
pub(super) async fn open<T>(
    io: &mut T,
    destination: &Place,
    authorization: Option<&HeaderValue>,
) -> Result<(), Unconnected>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let Place { host, port } = destination;
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    let mut request = request.into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    io.write_all(&request).await.map_err(|error| classify::proxy(&error))?;
    io.flush().await.map_err(|error| classify::proxy(&error))?;
    let status = answer(io).await?;
    if status.is_success() {
        return Ok(());
    }
    let told = status.canonical_reason().unwrap_or("a status without a name");
    let told = format!("HTTP {} {told}", status.as_u16());
    let reason = match (status, authorization) {
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => {
            format!("it wants a user and password, as http://USER:PASS@HOST:PORT: {told}")
        }
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(_)) => {
            format!("it does not take this user and password: {told}")
        }
        _ => format!("it opened no way to {destination}: {told}"),
    };
    let failure = Failure::new(FailureKind::ConnectFailed, reason);
    // What says that another try can help says so of a proxy too.
    let hopeless = !FailureKind::Status.may_retry(Some(status.as_u16()));
    Err(Unconnected { failure, hopeless })
}

/// The status of the final answer. Not a byte behind its head may have come: in a tunnel, the client
/// speaks first.
async fn answer<T: AsyncRead + Unpin>(io: &mut T) -> Result<StatusCode, Unconnected> {
    let malformed = |reason: &str| Failure::new(FailureKind::Malformed, reason);
    let mut head = Vec::with_capacity(1024);
    let mut interim = 0;
    loop {
        let more = MAX_TUNNEL_HEAD - head.len();
        if more == 0 {
            return Err(malformed("the head of its answer is too long").into());
        }
        let n = (&mut *io).take(more as u64).read_buf(&mut head).await;
        if n.map_err(|error| classify::proxy(&error))? == 0 {
            return Err(classify::proxy(&std::io::ErrorKind::UnexpectedEof.into()).into());
        }
        loop {
            // Told early, or garbage would be read up to the bound.
            let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let whole = line.len() < head.len();
            if !is_begun(line) || (whole && status(line).is_none()) {
                return Err(malformed("what it answers is not HTTP").into());
            }
            let (Some(end), Some(status)) = (end(&head), status(line)) else { break };
            if status.is_informational() {
                interim += 1;
                if interim > MAX_INTERIM {
                    return Err(malformed("more interim answers than it may send").into());
                }
                head.drain(..end);
                if head.is_empty() {
                    break;
                }
                continue;
            }
            if status.is_success() && head.len() > end {
                return Err(malformed("it goes on where the server should be asked").into());
            }
            return Ok(status);
        }
    }
}

/// Whether a line that is coming may be a status line.
fn is_begun(line: &[u8]) -> bool {
    const VERSION: &[u8] = b"HTTP/1.";
    let n = line.len().min(VERSION.len());
    line[..n] == VERSION[..n]
}

/// RFC 9112 §4.
fn status(line: &[u8]) -> Option<StatusCode> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (version, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(b" ")?;
    let (code, rest) = rest.split_at_checked(3)?;
    if !version.is_ascii_digit() || !matches!(rest.first(), None | Some(b' ' | b'\r')) {
        return None;
    }
    StatusCode::from_bytes(code).ok().filter(|code| code.as_u16() < 600)
}

/// Where a head ends: behind its first empty line.
fn end(head: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let line = from + head[from..].iter().position(|byte| *byte == b'\n')? + 1;
        match &head[line..] {
            [b'\n', ..] => return Some(line + 1),
            [b'\r', b'\n', ..] => return Some(line + 2),
            _ => from = line,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    /// What was asked, and what became of it.
    async fn opened(parts: &[&[u8]]) -> (String, Result<(), (FailureKind, bool)>) {
        let (mut ours, mut theirs) = duplex(1 << 20);
        let destination = Place { host: "a.example".into(), port: 443 };
        let value = HeaderValue::from_static("Basic eDp5");
        let proxy = async {
            let mut asked = vec![0; 1000];
            let n = theirs.read(&mut asked).await.unwrap();
            for part in parts {
                let _ = theirs.write_all(part).await;
                tokio::task::yield_now().await;
            }
            drop(theirs);
            String::from_utf8(asked[..n].to_owned()).unwrap()
        };
        let (asked, opened) = tokio::join!(proxy, open(&mut ours, &destination, Some(&value)));
        (asked, opened.map_err(|error| (error.failure.kind, error.hopeless)))
    }

    #[tokio::test]
    async fn answers_mean_what_they_say() {
        use FailureKind::{ConnectFailed, Malformed, Reset};
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x: y\r\n".repeat(10_000)].concat();
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        for (parts, expected) in [
            (&[b"HTTP/1.1 200 OK\r\n\r\n".as_slice()][..], Ok(())),
            (&[b"HTTP/1.0 200\r\nx: y\r\n\r\n"], Ok(())),
            (&[b"HTTP/1.1 200 OK\nx: y\n\n"], Ok(())),
            (&[b"HT", b"TP/1.1 2", b"04 Fine\r\nx:", b" y\r\n\r", b"\n"], Ok(())),
            (&[b"HTTP/1.1 103 Hm\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"], Ok(())),
            (&[b"HTTP/1.1 103 Hm\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], Ok(())),
            (&[b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0"], Err((Malformed, true))),
            (&[b"HTTP/1.1 403 No\r\n\r\nbecause"], Err((ConnectFailed, true))),
            (&[b"HTTP/1.1 407 Who\r\n\r\n"], Err((ConnectFailed, true))),
            (&[b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"], Err((ConnectFailed, true))),
            (&[b"HTTP/1.1 502 Bad\r\n\r\n"], Err((ConnectFailed, false))),
            (&[b"HTTP/1.1 429 Slow\r\n\r\n"], Err((ConnectFailed, false))),
            (&[b"SSH-2.0-OpenSSH\r\n"], Err((Malformed, true))),
            (&[b"HTTP/2 200\r\n\r\n"], Err((Malformed, true))),
            (&[b"HTTP/1.1 2000 OK\r\n\r\n"], Err((Malformed, true))),
            (&[b"\x05\x00"], Err((Malformed, true))),
            (&[&endless], Err((Malformed, true))),
            (&[&interim], Err((Malformed, true))),
            (&[b"HTTP/1.1 200 OK\r\nx: y"], Err((Reset, false))),
            (&[], Err((Reset, false))),
        ] {
            let (asked, opened) = opened(parts).await;
            let shown = parts.concat().escape_ascii().to_string();
            let shown = &shown[..shown.len().min(80)];
            assert_eq!(opened, expected, "{shown}");
            assert_eq!(
                asked,
                "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\
                 Proxy-Authorization: Basic eDp5\r\n\r\n"
            );
        }
    }
}

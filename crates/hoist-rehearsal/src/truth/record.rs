//! The records and their JSON. Fields are never renamed or retyped; new ones may appear.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// How an HTTP exchange left its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Open, ready for another request.
    Keep,
    /// Closed in order, by the server or because the client left.
    Close,
    /// Reset by the server.
    Reset,
}

impl End {
    /// `"keep"`, `"close"` or `"reset"`, as in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Close => "close",
            Self::Reset => "reset",
        }
    }
}

/// One HTTP request and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRecord {
    /// When the request had been read, since the server's start (`t_ms`).
    pub at: Duration,
    /// The number of the connection, from 1, in order of acceptance.
    pub conn: u64,
    /// As sent.
    pub method: String,
    /// As sent, lower case; empty when there was none.
    pub host: String,
    /// Path and query, as sent.
    pub path: String,
    /// Whether it carried Authorization or Proxy-Authorization.
    pub authorization: bool,
    /// Whether it carried a Cookie.
    pub cookie: bool,
    /// Which attempt at this method, host, path and query, from 1.
    pub attempt: u32,
    /// What the server meant to do: `content`, `error` (the error rate struck), `refused` (a bad
    /// request), or the name of the fault.
    pub decision: &'static str,
    /// Which rule of the scenario decided so, from 1; none when none did.
    pub rule: Option<usize>,
    /// How long it meant to wait first (`delay_ms`).
    pub delay: Duration,
    /// The status of the final answer; none when no answer was begun.
    pub status: Option<u16>,
    /// Retry-After as it was sent; none when it was not.
    pub retry_after: Option<String>,
    /// How long the content is that a 2xx answer's body was cut from; none for other answers.
    pub whole: Option<u64>,
    /// The body length the head promised; none when it promised none.
    pub body_promised: Option<u64>,
    /// Body bytes handed to the system, without chunk framing.
    pub body_sent: u64,
    /// How the connection was left.
    pub end: End,
    /// The version of HTTP, 1 or 2; none where a connection met its fault before any was spoken.
    pub http: Option<u8>,
    /// The number of the stream on its connection; HTTP/2 alone has them.
    pub stream: Option<u32>,
    /// The code (RFC 9113, section 7) of the `RST_STREAM` that ended the stream; none when none did.
    pub rst_stream: Option<u32>,
    /// What the server's load model said; none without one.
    pub load: Option<Loaded>,
}

/// How a request met a server's load model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The requests in flight when it came, this one included (`in_flight`): those that are served and
    /// whose answer has not been handed to the system in full.
    pub in_flight: u64,
    /// `served`; `queued`: later, for what else is in flight; `caught`: it begins its client's penalty;
    /// `penalised`: within one; `refused` (`load`).
    pub verdict: &'static str,
    /// How long the model made it wait (`load_ms`).
    pub wait: Duration,
}

impl HttpRecord {
    /// Appends the record as one JSON object, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        millis(out, "{\"t_ms\":", self.at);
        put(out, format_args!(",\"conn\":{},\"method\":", self.conn));
        text(out, &self.method);
        out.extend_from_slice(b",\"host\":");
        text(out, &self.host);
        out.extend_from_slice(b",\"path\":");
        text(out, &self.path);
        let (authorization, cookie) = (self.authorization, self.cookie);
        put(out, format_args!(",\"authorization\":{authorization},\"cookie\":{cookie}"));
        put(out, format_args!(",\"attempt\":{},\"decision\":\"{}\"", self.attempt, self.decision));
        out.extend_from_slice(b",\"rule\":");
        number(out, self.rule.map(|rule| rule as u64));
        millis(out, ",\"delay_ms\":", self.delay);
        out.extend_from_slice(b",\"status\":");
        number(out, self.status.map(u64::from));
        out.extend_from_slice(b",\"retry_after\":");
        match &self.retry_after {
            Some(value) => text(out, value),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"whole\":");
        number(out, self.whole);
        out.extend_from_slice(b",\"body_promised\":");
        number(out, self.body_promised);
        let end = self.end.as_str();
        put(out, format_args!(",\"body_sent\":{},\"end\":\"{end}\",\"http\":", self.body_sent));
        number(out, self.http.map(u64::from));
        // HTTP/1.1 has nothing like them.
        if self.http == Some(2) {
            out.extend_from_slice(b",\"stream\":");
            number(out, self.stream.map(u64::from));
            out.extend_from_slice(b",\"rst_stream\":");
            number(out, self.rst_stream.map(u64::from));
        }
        if let Some(Loaded { in_flight, verdict, wait }) = self.load {
            put(out, format_args!(",\"in_flight\":{in_flight},\"load\":\"{verdict}\""));
            millis(out, ",\"load_ms\":", wait);
        }
        out.push(b'}');
    }
}

/// The way a DNS query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// One datagram.
    Udp,
    /// A length-prefixed message on a connection.
    Tcp,
}

impl Proto {
    /// `"udp"` or `"tcp"`, as in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// One DNS query and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsRecord {
    /// When the query was read, since the server's start (`t_ms`).
    pub at: Duration,
    /// The way it came.
    pub proto: Proto,
    /// Who asked.
    pub client: SocketAddr,
    /// The name asked for, as sent, without the last dot.
    pub name: String,
    /// The type asked for, such as `A`, or `TYPE999` (RFC 3597, section 5).
    pub kind: String,
    /// Which attempt at this name and type, from 1.
    pub attempt: u32,
    /// `answer`, `servfail`, `refused`, `truncate`, `drop` (never answered), `overflow` (never answered
    /// because too many answers were waiting), `malformed`, or the name of another fault.
    pub decision: &'static str,
    /// Which rule of the scenario decided so, from 1; none when none did.
    pub rule: Option<usize>,
    /// How long it meant to wait first (`delay_ms`).
    pub delay: Duration,
    /// The code of the answer, such as `NXDOMAIN`; none when there is none.
    pub rcode: Option<&'static str>,
}

impl DnsRecord {
    /// Appends the record as one JSON object, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        millis(out, "{\"t_ms\":", self.at);
        let (proto, client) = (self.proto.as_str(), self.client);
        put(out, format_args!(",\"proto\":\"{proto}\",\"client\":\"{client}\",\"name\":"));
        text(out, &self.name);
        put(
            out,
            format_args!(
                ",\"type\":\"{}\",\"attempt\":{},\"decision\":\"{}\"",
                self.kind, self.attempt, self.decision
            ),
        );
        out.extend_from_slice(b",\"rule\":");
        number(out, self.rule.map(|rule| rule as u64));
        millis(out, ",\"delay_ms\":", self.delay);
        match self.rcode {
            Some(rcode) => put(out, format_args!(",\"rcode\":\"{rcode}\"}}")),
            None => out.extend_from_slice(b",\"rcode\":null}"),
        }
    }
}

fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(what);
}

fn millis(out: &mut Vec<u8>, label: &str, time: Duration) {
    let micros = time.as_micros();
    put(out, format_args!("{label}{}.{:03}", micros / 1000, micros % 1000));
}

fn number(out: &mut Vec<u8>, n: Option<u64>) {
    match n {
        Some(n) => put(out, format_args!("{n}")),
        None => out.extend_from_slice(b"null"),
    }
}

fn text(out: &mut Vec<u8>, s: &str) {
    out.push(b'"');
    for &byte in s.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f | 0x7f => put(out, format_args!("\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn http_json_has_the_promised_fields() {
        let record = HttpRecord {
            at: Duration::from_micros(1_002_003),
            conn: 4,
            method: "GET".into(),
            host: "localhost:8000".into(),
            path: "/a\"b\\c\u{1}é".into(),
            authorization: true,
            cookie: false,
            attempt: 2,
            decision: "reset",
            rule: Some(3),
            delay: Duration::from_millis(500),
            status: None,
            retry_after: Some("2".into()),
            whole: Some(1000),
            body_promised: Some(10),
            body_sent: 3,
            end: End::Reset,
            http: Some(2),
            stream: Some(5),
            rst_stream: None,
            load: Some(Loaded {
                in_flight: 33,
                verdict: "queued",
                wait: Duration::from_millis(40),
            }),
        };
        let mut out = Vec::new();
        record.write_json(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["path"], record.path);
        assert_eq!(
            json,
            serde_json::json!({
                "t_ms": 1002.003, "conn": 4, "method": "GET", "host": "localhost:8000",
                "path": record.path, "authorization": true, "cookie": false, "attempt": 2,
                "decision": "reset", "rule": 3, "delay_ms": 500.0, "status": null,
                "retry_after": "2", "whole": 1000, "body_promised": 10, "body_sent": 3, "end": "reset",
                "http": 2, "stream": 5, "rst_stream": null,
                "in_flight": 33, "load": "queued", "load_ms": 40.0,
            })
        );
    }

    #[test]
    fn dns_json_has_the_promised_fields() {
        let record = DnsRecord {
            at: Duration::from_millis(7),
            proto: Proto::Udp,
            client: (Ipv4Addr::LOCALHOST, 53).into(),
            name: "With.dev".into(),
            kind: "AAAA".into(),
            attempt: 1,
            decision: "answer",
            rule: None,
            delay: Duration::ZERO,
            rcode: Some("NOERROR"),
        };
        let mut out = Vec::new();
        record.write_json(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "t_ms": 7.0, "proto": "udp", "client": "127.0.0.1:53", "name": "With.dev",
                "type": "AAAA", "attempt": 1, "decision": "answer", "rule": null, "delay_ms": 0.0,
                "rcode": "NOERROR",
            })
        );
    }
}

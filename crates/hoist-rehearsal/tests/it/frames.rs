//! A client of HTTP/2 that sends frames and shows those that come, as they are.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hoist_rehearsal::{HttpRehearsal, Running};

use crate::client::{LONG, Left};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The number at a place of the payload.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let pairs =
        values.iter().map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    frame(SETTINGS, 0, 0, &pairs.collect::<Vec<_>>().concat())
}

/// A request's header block, in literals.
pub(crate) fn block(method: &str, target: &str) -> Vec<u8> {
    let fields =
        [(":method", method), (":scheme", "http"), (":path", target), (":authority", "localhost")];
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| vec![u8::try_from(text.len()).unwrap()];
    [&[0][..], &length(name), name.as_bytes(), &length(value), value.as_bytes()].concat()
}

/// The fields of a block that is all literals, as the server's are.
pub(crate) fn fields(block: &[u8]) -> Vec<(String, String)> {
    let (mut rest, mut fields) = (block, Vec::new());
    let text = |rest: &mut &[u8]| {
        let mut length = usize::from(rest[0]);
        let mut head = 1;
        if length == 127 {
            for shift in [0, 7, 14, 21] {
                let byte = usize::from(rest[head]);
                length += (byte & 127) << shift;
                head += 1;
                if byte < 128 {
                    break;
                }
            }
        }
        let text = String::from_utf8_lossy(&rest[head..head + length]).into_owned();
        *rest = &rest[head + length..];
        text
    };
    while rest.first() == Some(&0) {
        rest = &rest[1..];
        let name = text(&mut rest);
        fields.push((name, text(&mut rest)));
    }
    assert!(rest.is_empty(), "{rest:?}");
    fields
}

/// The client's side of a connection.
pub(crate) struct Two<S = TcpStream> {
    pub(crate) stream: S,
    inbox: Vec<u8>,
    next: u32,
}

pub(crate) fn server() -> Running {
    crate::client::spawn(HttpRehearsal { http2: true, ..HttpRehearsal::local() })
}

impl Two {
    /// Greets with prior knowledge, and these settings.
    pub(crate) fn greet(server: &Running, values: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Self::over(stream, values)
    }

    pub(crate) fn to(server: &Running) -> Self {
        Self::greet(server, &[])
    }

    /// All frames that come until the server closes, or is quiet for a moment.
    pub(crate) fn soon(&mut self) -> (Vec<Frame>, Left) {
        self.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let all = self.rest();
        self.stream.set_read_timeout(Some(LONG)).unwrap();
        all
    }
}

impl<S: Read + Write> Two<S> {
    pub(crate) fn over(stream: S, values: &[(u16, u32)]) -> Self {
        let mut two = Self { stream, inbox: Vec::new(), next: 1 };
        two.send(PREFACE).send(&settings(values));
        two
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).unwrap();
        self
    }

    /// Asks on a new stream; says which.
    pub(crate) fn ask(&mut self, target: &str) -> u32 {
        self.ask_with(&block("GET", target))
    }

    pub(crate) fn ask_with(&mut self, block: &[u8]) -> u32 {
        let id = self.next;
        self.next += 2;
        self.send(&frame(HEADERS, 5, id, block));
        id
    }

    /// The next frame; none at the end.
    pub(crate) fn next(&mut self) -> Result<Frame, Left> {
        let mut piece = vec![0; 1 << 16];
        loop {
            if let Some(head) = self.inbox.first_chunk::<9>() {
                let [a, b, c, kind, flags, stream @ ..] = *head;
                let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if let Some(payload) = self.inbox.get(9..9 + length) {
                    let stream = u32::from_be_bytes(stream);
                    let frame = Frame { kind, flags, stream, payload: payload.to_vec() };
                    self.inbox.drain(..9 + length);
                    return Ok(frame);
                }
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(Left::Closed),
                Ok(n) => self.inbox.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Err(Left::Reset),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Left::Open);
                }
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err(Left::Reset),
                Err(e) => panic!("{e}"),
            }
        }
    }

    /// All frames but the server's SETTINGS and its ACK of ours, until the server ends or is quiet.
    pub(crate) fn rest(&mut self) -> (Vec<Frame>, Left) {
        let mut all = Vec::new();
        loop {
            match self.next() {
                Ok(frame) if frame.kind == SETTINGS && is_greeting(&frame) => {}
                Ok(frame) => all.push(frame),
                Err(left) => return (all, left),
            }
        }
    }

    /// The frames of a stream up to its end.
    pub(crate) fn answer(&mut self, id: u32) -> Reply {
        let mut reply = Reply { fields: Vec::new(), body: Vec::new(), reset: None };
        loop {
            let frame = self.next().unwrap();
            if frame.stream != id {
                continue;
            }
            match frame.kind {
                HEADERS => reply.fields = fields(&frame.payload),
                DATA => reply.body.extend_from_slice(&frame.payload),
                RST => {
                    reply.reset = Some(frame.number(0));
                    return reply;
                }
                kind => panic!("{kind} on a stream"),
            }
            if frame.kind <= HEADERS && frame.flags & 1 != 0 {
                return reply;
            }
        }
    }
}

/// The server's own SETTINGS as they usually are, or its ACK.
fn is_greeting(frame: &Frame) -> bool {
    frame.flags == 1 || frame.payload == [0, 3, 0, 0, 0, 100]
}

/// What came on a stream.
#[derive(Debug)]
pub(crate) struct Reply {
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) reset: Option<u32>,
}

impl Reply {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn status(&self) -> Option<&str> {
        self.field(":status")
    }
}

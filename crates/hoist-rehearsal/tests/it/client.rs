//! A client that sends bytes and shows what came back, byte for byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hoist_rehearsal::{HttpRecord, HttpRehearsal, Running, Truth};

/// Far beyond what any answer takes, so that a hung test ends.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// How the server left the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Closed,
    Reset,
    /// Nothing came for a while.
    Open,
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn to(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.write_all(bytes).unwrap();
        self
    }

    pub(crate) fn ask(&mut self, target: &str) -> &mut Self {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
    }

    /// One answer framed by Content-Length; more is left unread.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let mut answer = Answer::split(&head);
        let length = answer.header("Content-Length").map_or(0, |v| v.parse().unwrap());
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).unwrap();
        answer
    }

    /// What comes until the server closes, or is quiet for a moment.
    pub(crate) fn rest_soon(&mut self) -> Vec<u8> {
        self.0.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        self.rest().0
    }

    /// All bytes until the server closes.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, Left) {
        let (mut bytes, mut piece) = (Vec::new(), vec![0; 1 << 16]);
        let left = loop {
            match self.0.read(&mut piece) {
                Ok(0) => break Left::Closed,
                Ok(n) => bytes.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => break Left::Reset,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    break Left::Open;
                }
                Err(e) => panic!("{e}"),
            }
        };
        (bytes, left)
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn split(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers = lines
            .map(|l| l.split_once(": ").unwrap())
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        Self { line, headers, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Flags at once, with the truth in memory.
pub(crate) fn local() -> Running {
    spawn(HttpRehearsal::local())
}

pub(crate) fn spawn(rehearsal: HttpRehearsal) -> Running {
    let rehearsal = HttpRehearsal { truth: Truth::memory(), ..rehearsal };
    rehearsal.spawn(&["127.0.0.1:0".parse().unwrap()]).unwrap()
}

/// One answer on a connection of its own.
pub(crate) fn get(server: &Running, target: &str) -> Answer {
    Client::to(server.addr()).ask(target).answer()
}

/// Everything that comes of one request, until the server closes.
pub(crate) fn all(server: &Running, target: &str) -> (Vec<u8>, Left) {
    Client::to(server.addr()).ask(target).rest()
}

/// The first bytes of the body every sized answer is cut from.
pub(crate) fn body(n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    hoist_rehearsal::body_bytes(0, &mut bytes);
    bytes
}

/// What the server says of the exchange that ended last.
pub(crate) fn last(server: &Running) -> HttpRecord {
    assert!(server.settle(LONG));
    server.truth().http().pop().unwrap()
}

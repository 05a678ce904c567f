//! What is true of the names of a simulation, and what its servers say.

use std::net::Ipv4Addr;

/// What is true of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Found(Ipv4Addr),
    NotFound,
    /// No server answers.
    Silent,
    /// All answer SERVFAIL.
    Broken,
}

pub(super) fn truth(name: u64) -> Truth {
    if name % 10_007 == 7 {
        Truth::Silent
    } else if name % 5_009 == 11 {
        Truth::Broken
    } else if name.is_multiple_of(2) {
        let [a, b, c, d, ..] = name.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        Truth::Found(Ipv4Addr::new(a, b, c, d))
    } else {
        Truth::NotFound
    }
}

/// Whether the answer does not fit into a datagram.
pub(super) fn is_cut(name: u64) -> bool {
    name % 1_009 == 13
}

/// Whether the name is an alias, and the answer ends with that.
pub(super) fn is_alias(name: u64) -> bool {
    name % 503 == 17
}

/// What a query asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) place: usize,
    pub(super) name: u64,
    /// For the target of the alias.
    pub(super) target: bool,
}

impl Question {
    /// The name on the wire: `n` or, for the target of an alias, `t`, the place and the number, under
    /// `test`.
    pub(super) fn wire(self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(32);
        self.label(&mut wire);
        wire.extend_from_slice(b"\x04test\0");
        wire
    }

    fn label(self, wire: &mut Vec<u8>) {
        wire.push(1 + 4 + 16);
        wire.push(if self.target { b't' } else { b'n' });
        let digits = |n: u64, places: u32| {
            (0..places).rev().map(move |at| b"0123456789abcdef"[(n >> (4 * at) & 15) as usize])
        };
        wire.extend(digits(self.place as u64, 4));
        wire.extend(digits(self.name, 16));
    }

    /// Reads the question of a query; letters may be of any case.
    pub(super) fn of(query: &[u8]) -> Option<Self> {
        let label = std::str::from_utf8(query.get(13..13 + 21)?).ok()?;
        Some(Self {
            place: usize::from_str_radix(label.get(1..5)?, 16).ok()?,
            name: u64::from_str_radix(label.get(5..)?, 16).ok()?,
            target: label.starts_with(['t', 'T']),
        })
    }
}

/// The server's answer to a query, and whether that decides the question.
pub(super) fn answer(question: Question, query: &[u8], over_udp: bool) -> (Vec<u8>, bool) {
    // The header, the question with its type and class.
    const QUESTION: usize = 12 + 22 + 5 + 1 + 4;
    let mut answer = Vec::from(&query[..QUESTION]);
    let (mut flags, mut answers, mut decides) = ([0x81, 0x80], 0, true);
    let truth = truth(question.name);
    if truth == Truth::Broken {
        flags[1] |= 2;
        decides = false;
    } else if over_udp && is_cut(question.name) {
        flags[0] |= 2;
        decides = false;
    } else if is_alias(question.name) && !question.target {
        // CNAME, for 60 s, of 24 bytes: a label and a pointer to `test`.
        answer.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 24]);
        Question { target: true, ..question }.label(&mut answer);
        answer.extend_from_slice(&[0xc0, 12 + 22]);
        answers = 1;
        decides = false;
    } else if let Truth::Found(address) = truth {
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend_from_slice(&address.octets());
        answers = 1;
    } else {
        flags[1] |= 3;
    }
    answer[2..4].copy_from_slice(&flags);
    answer[6..12].copy_from_slice(&[0, answers, 0, 0, 0, 0]);
    (answer, decides)
}

//! What a fuzzer feeds to the follower of frames, and the tests do. Whatever comes, nothing panics, how it
//! is cut into pieces does not matter, and frames are read as they came, but for the field that
//! marks a bad one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};

use super::Checked;
use super::checked::BAD_FIELD;
use super::follower::{HEAD, flag, kind};

/// Any bytes as frames. The first two say in what pieces they come and are read. Then a frame is its kind, its
/// flags, its stream, its length, and its payload, so that a fuzzer need not guess lengths; or, as the first one
/// says too, they are as they are.
pub(crate) fn frames(bytes: &[u8]) {
    let [piece, room, rest @ ..] = bytes else { return };
    let mut sent = frame(kind::SETTINGS, 0, 0, &[]);
    if piece & 1 == 0 {
        let mut rest = rest;
        while let [kind, flags, stream, length, payload @ ..] = rest {
            let (payload, behind) = payload.split_at(payload.len().min(usize::from(*length)));
            sent.extend(frame(*kind, *flags, u32::from(*stream), payload));
            rest = behind;
        }
    } else {
        sent.extend_from_slice(rest);
    }
    let (piece, room) = (1 + usize::from(*piece), 1 + usize::from(*room));
    let whole = read(&sent, sent.len(), 1 << 16);
    let parts = read(&sent, piece, room);
    assert_eq!(whole.as_ref().map_err(|(_, why)| why), parts.as_ref().map_err(|(_, why)| why));
    let (Ok(read) | Err((read, _))) = whole;
    marks(&sent, &read);
}

/// How many frames of those that were sent were marked. All others must be read as they were.
pub(super) fn marks(sent: &[u8], read: &[u8]) -> usize {
    let (mut sent, mut read, mut marked) = (sent, read, 0);
    while !read.is_empty() && !sent.starts_with(read) {
        let (of_sent, of_read) = (first(sent), first(read));
        if of_sent != of_read {
            marked += 1;
            let headers = of_sent[3] == kind::HEADERS;
            assert!(headers || of_sent[3] == kind::CONTINUATION, "{of_sent:?}");
            let padded = headers && of_sent[4] & flag::PADDED != 0;
            let padding = if padded { usize::from(of_sent[HEAD]) } else { 0 };
            let (fields, behind) = of_sent.split_at(of_sent.len() - padding);
            assert_eq!(of_read[3..], [&fields[3..], BAD_FIELD, behind].concat());
        }
        (sent, read) = (&sent[of_sent.len()..], &read[of_read.len()..]);
    }
    marked
}

fn first(frames: &[u8]) -> &[u8] {
    let length = u32::from_be_bytes([0, frames[0], frames[1], frames[2]]) as usize;
    &frames[..HEAD + length]
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// What is read of these bytes, that come in pieces of some size, where there is some room at once.
pub(super) fn read(bytes: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, (Vec<u8>, String)> {
    let mut checked = Checked::new(Pieces { bytes, size: piece, waits: true });
    let mut context = Context::from_waker(Waker::noop());
    let (mut all, mut space) = (Vec::new(), vec![0; room]);
    loop {
        let mut buffer = ReadBuf::new(&mut space);
        match Pin::new(&mut checked).poll_read(&mut context, &mut buffer) {
            Poll::Pending => assert!(buffer.filled().is_empty()),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Ok(all),
            Poll::Ready(Ok(())) => all.extend_from_slice(buffer.filled()),
            Poll::Ready(Err(error)) => return Err((all, error.to_string())),
        }
    }
}

/// Before each piece there is nothing yet.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
    waits: bool,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.waits = !self.waits;
        if !self.waits {
            return Poll::Pending;
        }
        let some = self.size.min(buffer.remaining()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(some);
        buffer.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::follower::{Follower, HEAD, LARGEST, Passed, Stop};

/// A connection of HTTP/2 whose server begins with its settings (RFC 9113 §3.4), and does not allow
/// pushes, as only a client may (§6.5.2): else reading ends with an error of kind `InvalidData`.
///
/// A header block with pseudo-fields that it may not have (§8.3) gets one field more, over which h2 takes it
/// for malformed and resets the stream. Since h2 still reads all of the block, its table of fields stays that
/// of the server, and other streams go on. All else is read as it comes.
#[derive(Debug)]
pub(in crate::fetch) struct Checked<T> {
    inner: T,
    follower: Follower,
    /// What was read, from a frame on that was not whole or was bad. Empty mostly.
    held: BytesMut,
    /// Bytes of it that may be read.
    ready: usize,
    /// Bytes that are missing of the frame behind those.
    missing: usize,
}

/// `connection: x` as a literal that no table keeps (RFC 7541 §6.2.2). There is no such field in HTTP/2
/// (RFC 9113 §8.2.2).
pub(super) const BAD_FIELD: &[u8] = b"\x00\x0aconnection\x01x";

/// Bytes that are asked for at once to complete a frame.
const AT_ONCE: usize = 16 << 10;

impl<T> Checked<T> {
    pub(in crate::fetch) fn new(inner: T) -> Self {
        let (follower, held) = (Follower::default(), BytesMut::new());
        Self { inner, follower, held, ready: 0, missing: 0 }
    }

    /// Follows what is held. `passed` is how far it was followed behind the bytes that are ready.
    fn settle(&mut self, mut passed: Passed) -> io::Result<()> {
        loop {
            self.ready += passed.bytes;
            match passed.stop {
                None => return Ok(()),
                Some(Stop::Cut { missing }) => {
                    self.missing = missing;
                    return Ok(());
                }
                Some(Stop::Bad { fields, bytes }) => self.spoil(fields, bytes)?,
            }
            passed = self.follower.follow(&self.held[self.ready..]).map_err(wrong)?;
        }
    }

    /// Appends the bad field to the frame behind the bytes that are ready, which becomes ready.
    fn spoil(&mut self, fields: usize, bytes: usize) -> io::Result<()> {
        let length = bytes - HEAD + BAD_FIELD.len();
        if length > LARGEST {
            // For such a one there is no room for it.
            return Err(wrong("an answer has pseudo-fields of a request (RFC 9113, section 8.3)"));
        }
        let mut rest = self.held.split_off(self.ready);
        let behind = rest.split_off(fields);
        let [_, length @ ..] = u32::try_from(length).unwrap_or_default().to_be_bytes();
        rest[..length.len()].copy_from_slice(&length);
        for part in [&rest[..], BAD_FIELD, &behind] {
            self.held.extend_from_slice(part);
        }
        self.ready += bytes + BAD_FIELD.len();
        Ok(())
    }
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl<T: AsyncRead + Unpin> Checked<T> {
    /// Reads more of the frame that is not whole.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let before = self.held.len();
        self.held.resize(before + self.missing.min(AT_ONCE), 0);
        let mut more = ReadBuf::new(&mut self.held[before..]);
        let result = Pin::new(&mut self.inner).poll_read(cx, &mut more);
        let read = more.filled().len();
        self.held.truncate(before + read);
        ready!(result)?;
        if read == 0 {
            // It is for h2 to say that the end is too early.
            self.ready = self.held.len();
        } else {
            let passed = self.follower.follow(&self.held).map_err(wrong)?;
            self.settle(passed)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Checked<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while me.ready == 0 {
            if !me.held.is_empty() {
                ready!(me.poll_more(cx))?;
                continue;
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut me.inner).poll_read(cx, buffer))?;
            let came = &buffer.filled()[before..];
            let Passed { bytes, stop } = me.follower.follow(came).map_err(wrong)?;
            if stop.is_none() {
                return Poll::Ready(Ok(()));
            }
            me.held.extend_from_slice(&came[bytes..]);
            buffer.set_filled(before + bytes);
            me.settle(Passed { bytes: 0, stop })?;
            if bytes > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let some = me.ready.min(buffer.remaining());
        buffer.put_slice(&me.held[..some]);
        me.held.advance(some);
        me.ready -= some;
        if me.held.is_empty() {
            me.held = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Checked<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

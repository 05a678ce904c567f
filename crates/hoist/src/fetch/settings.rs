//! What a server's settings must be, and h2 does not look at.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection of HTTP/2 whose server begins with its settings (RFC 9113 §3.4), and does not allow
/// pushes, as only a client may (§6.5.2). Else reading ends with an error of kind `InvalidData`.
#[derive(Debug)]
pub(super) struct Checked<T> {
    inner: T,
    frames: Frames,
}

/// Follows the frames that come, as far as their heads and settings.
#[derive(Debug, Default)]
struct Frames {
    /// Of the head of a frame, or of one setting.
    bytes: [u8; HEAD],
    have: usize,
    /// Of the payload of the frame.
    left: usize,
    settings: bool,
    /// The server has begun with its settings.
    begun: bool,
}

/// Bytes of a frame's head (RFC 9113 §4.1).
const HEAD: usize = 9;
/// Bytes of a setting (§6.5.1).
const SETTING: usize = 6;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
const ENABLE_PUSH: u16 = 2;

impl<T> Checked<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, frames: Frames::default() }
    }
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.left > 0 && !self.settings {
                let some = self.left.min(bytes.len());
                self.left -= some;
                bytes = &bytes[some..];
                continue;
            }
            let wanted = if self.left > 0 { SETTING.min(self.have + self.left) } else { HEAD };
            let some = (wanted - self.have).min(bytes.len());
            self.bytes[self.have..self.have + some].copy_from_slice(&bytes[..some]);
            self.have += some;
            bytes = &bytes[some..];
            if self.left > 0 {
                self.left -= some;
            }
            if self.have < wanted {
                return Ok(());
            }
            self.have = 0;
            if wanted == HEAD {
                self.head()?;
            } else {
                self.setting()?;
            }
        }
        Ok(())
    }

    fn head(&mut self) -> Result<(), &'static str> {
        let [a, b, c, kind, flags, ..] = self.bytes;
        let ack = flags & ACK != 0;
        if !self.begun && (kind != SETTINGS || ack) {
            return Err("the server did not begin with its settings (RFC 9113, section 3.4)");
        }
        self.begun = true;
        self.settings = kind == SETTINGS;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        Ok(())
    }

    fn setting(&self) -> Result<(), &'static str> {
        let [id_high, id_low, value @ ..] = self.bytes;
        let push = u16::from_be_bytes([id_high, id_low]) == ENABLE_PUSH;
        if push && value[..4] != [0; 4] {
            return Err("the server allows pushes, as only a client may (RFC 9113, section 6.5.2)");
        }
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Checked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let taken = self.frames.take(&buffer.filled()[before..]);
        Poll::Ready(taken.map_err(|wrong| io::Error::new(io::ErrorKind::InvalidData, wrong)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of each size.
    fn take(bytes: &[u8]) -> Result<(), &'static str> {
        let in_pieces = |size: usize| {
            let mut frames = Frames::default();
            bytes.chunks(size).try_for_each(|piece| frames.take(piece))
        };
        let all = in_pieces(bytes.len());
        for size in 1..bytes.len() {
            assert_eq!(in_pieces(size), all, "{size}");
        }
        all
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 0][..], payload].concat()
    }

    #[test]
    fn a_server_begins_with_its_settings() {
        let data = frame(0, 0, &[4; 40]);
        let settings = frame(SETTINGS, 0, &[0, 3, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0]);
        let empty = frame(SETTINGS, 0, &[]);
        let ack = frame(SETTINGS, ACK, &[]);
        for right in [[&settings[..], &data, &ack].concat(), [&empty[..], &ack, &data].concat()] {
            assert_eq!(take(&right), Ok(()));
        }
        for wrong in [[&data[..], &settings].concat(), [&ack[..], &settings].concat()] {
            assert!(take(&wrong).unwrap_err().contains("3.4"));
        }
    }

    #[test]
    fn no_server_allows_pushes() {
        let settings = frame(SETTINGS, 0, &[0, 3, 0, 0, 0, 1]);
        for value in [[0, 0, 0, 1], [1, 0, 0, 0]] {
            let push = frame(SETTINGS, 0, &[&[0, 4, 0, 0, 0, 9, 0, 2][..], &value].concat());
            assert!(take(&[&settings[..], &frame(0, 0, &[2; 7]), &push].concat()).is_err());
        }
        // What is not whole is for h2 to refuse.
        assert_eq!(take(&frame(SETTINGS, 0, &[0, 2, 0, 0, 0])), Ok(()));
    }
}

//! What a client's frames mean, one after the other. It keeps what the protocol makes it keep, all of it
//! bounded, and does nothing by itself.

use super::frame::{Code, Frame, TOP, flag, kind, setting};
use super::hpack::{Bad, Decoder, Field};
use crate::http::request::HEAD_LIMIT;

/// Frames that one header block may come in.
const PIECES: u32 = 64;

/// What a frame asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    /// A request, whose body ends with its head or does not.
    Request(u32, Vec<Field>),
    /// Settings, to be acknowledged.
    Settings(Vec<(u16, u32)>),
    /// The same 8 bytes back.
    Pong([u8; 8]),
    /// So much of a window was used, of the stream too while its body goes on.
    Data(u32, u32, bool),
    /// A window is larger; of stream 0, the connection's.
    Window(u32, u32),
    /// The client wants no more of a stream.
    Reset(u32),
    /// We did a stream wrong, or it did.
    Refuse(u32, Code),
}

/// The client, as its frames show it.
pub(super) struct Peer {
    decoder: Decoder,
    /// A header block that is not whole: its stream, whether it begins one, its bytes, its frames.
    block: Option<(u32, bool, Vec<u8>, u32)>,
    /// The highest stream that it has begun.
    pub(super) last: u32,
    greeted: bool,
}

impl Peer {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::new(), block: None, last: 0, greeted: false }
    }

    /// Hears one frame. An error ends the connection.
    pub(super) fn hear(&mut self, frame: Frame<'_>) -> Result<Asks, Code> {
        // Its SETTINGS come first (RFC 9113, section 3.4).
        if !self.greeted && (frame.kind != kind::SETTINGS || frame.has(flag::ACK)) {
            return Err(Code::PROTOCOL_ERROR);
        }
        self.greeted = true;
        // Nothing may come between the parts of a block (section 4.3).
        if self.block.is_some() != (frame.kind == kind::CONTINUATION) {
            return Err(Code::PROTOCOL_ERROR);
        }
        let of_connection = frame.stream == 0;
        match frame.kind {
            kind::SETTINGS | kind::PING | kind::GOAWAY if !of_connection => {
                Err(Code::PROTOCOL_ERROR)
            }
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM if of_connection => {
                Err(Code::PROTOCOL_ERROR)
            }
            kind::DATA => self.data(frame),
            kind::HEADERS => self.headers(frame),
            kind::CONTINUATION => self.block(frame, frame.payload),
            kind::PRIORITY if frame.payload.len() != 5 => {
                Ok(Asks::Refuse(frame.stream, Code::FRAME_SIZE_ERROR))
            }
            kind::RST_STREAM => {
                let _: &[u8; 4] = sized(frame.payload)?;
                self.begun(frame.stream)?;
                Ok(Asks::Reset(frame.stream))
            }
            kind::SETTINGS => settings(frame),
            kind::PUSH_PROMISE => Err(Code::PROTOCOL_ERROR),
            kind::PING => {
                let data: &[u8; 8] = sized(frame.payload)?;
                Ok(if frame.has(flag::ACK) { Asks::Nothing } else { Asks::Pong(*data) })
            }
            kind::GOAWAY if frame.payload.len() < 8 => Err(Code::FRAME_SIZE_ERROR),
            kind::WINDOW_UPDATE => self.window(frame),
            // What is not known is ignored (section 5.5), and so are PRIORITY and GOAWAY: no more streams
            // come then.
            _ => Ok(Asks::Nothing),
        }
    }

    fn begun(&self, stream: u32) -> Result<(), Code> {
        let idle = stream > self.last || stream.is_multiple_of(2);
        if idle { Err(Code::PROTOCOL_ERROR) } else { Ok(()) }
    }

    fn data(&self, frame: Frame<'_>) -> Result<Asks, Code> {
        self.begun(frame.stream)?;
        unpadded(frame)?;
        let used = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        Ok(Asks::Data(frame.stream, used, !frame.has(flag::END_STREAM)))
    }

    fn headers(&mut self, frame: Frame<'_>) -> Result<Asks, Code> {
        if frame.stream.is_multiple_of(2) {
            return Err(Code::PROTOCOL_ERROR);
        }
        let mut fragment = unpadded(frame)?;
        if frame.has(flag::PRIORITY) {
            fragment = fragment.get(5..).ok_or(Code::FRAME_SIZE_ERROR)?;
        }
        let begins = frame.stream > self.last;
        // Trailers end their stream (section 8.1).
        if !begins && !frame.has(flag::END_STREAM) {
            return Err(Code::PROTOCOL_ERROR);
        }
        self.last = self.last.max(frame.stream);
        self.block = Some((frame.stream, begins, Vec::new(), 0));
        self.block(frame, fragment)
    }

    fn block(&mut self, frame: Frame<'_>, fragment: &[u8]) -> Result<Asks, Code> {
        let (stream, begins, mut block, pieces) = self.block.take().ok_or(Code::PROTOCOL_ERROR)?;
        if stream != frame.stream {
            return Err(Code::PROTOCOL_ERROR);
        }
        block.extend_from_slice(fragment);
        if block.len() > HEAD_LIMIT || pieces >= PIECES {
            return Err(Code::ENHANCE_YOUR_CALM);
        }
        if !frame.has(flag::END_HEADERS) {
            self.block = Some((stream, begins, block, pieces + 1));
            return Ok(Asks::Nothing);
        }
        let fields = self.decoder.decode(&block, 2 * HEAD_LIMIT).map_err(|bad| match bad {
            Bad::Coding => Code::COMPRESSION_ERROR,
            Bad::TooLong => Code::ENHANCE_YOUR_CALM,
        })?;
        Ok(if begins { Asks::Request(stream, fields) } else { Asks::Nothing })
    }

    fn window(&self, frame: Frame<'_>) -> Result<Asks, Code> {
        let more = u32::from_be_bytes(*sized(frame.payload)?) & TOP;
        if frame.stream != 0 {
            self.begun(frame.stream)?;
        }
        match (frame.stream, more) {
            (0, 0) => Err(Code::PROTOCOL_ERROR),
            (stream, 0) => Ok(Asks::Refuse(stream, Code::PROTOCOL_ERROR)),
            (stream, more) => Ok(Asks::Window(stream, more)),
        }
    }
}

fn settings(frame: Frame<'_>) -> Result<Asks, Code> {
    if frame.has(flag::ACK) {
        return if frame.payload.is_empty() {
            Ok(Asks::Nothing)
        } else {
            Err(Code::FRAME_SIZE_ERROR)
        };
    }
    let (pairs, []) = frame.payload.as_chunks::<6>() else { return Err(Code::FRAME_SIZE_ERROR) };
    let mut settings = Vec::with_capacity(pairs.len());
    for [a, b, value @ ..] in pairs {
        let (id, value) = (u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*value));
        match id {
            setting::ENABLE_PUSH if value > 1 => return Err(Code::PROTOCOL_ERROR),
            setting::INITIAL_WINDOW_SIZE if value > TOP => return Err(Code::FLOW_CONTROL_ERROR),
            setting::MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
                return Err(Code::PROTOCOL_ERROR);
            }
            _ => settings.push((id, value)),
        }
    }
    Ok(Asks::Settings(settings))
}

/// The payload without its padding (section 6.1).
fn unpadded(frame: Frame<'_>) -> Result<&[u8], Code> {
    if !frame.has(flag::PADDED) {
        return Ok(frame.payload);
    }
    let (padding, rest) = frame.payload.split_first().ok_or(Code::FRAME_SIZE_ERROR)?;
    let length = rest.len().checked_sub(usize::from(*padding)).ok_or(Code::PROTOCOL_ERROR)?;
    Ok(&rest[..length])
}

fn sized<const N: usize>(payload: &[u8]) -> Result<&[u8; N], Code> {
    payload.try_into().map_err(|_| Code::FRAME_SIZE_ERROR)
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;

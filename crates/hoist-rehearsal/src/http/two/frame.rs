//! Frames: nine bytes of head, then a payload (RFC 9113, section 4.1).

/// The bytes of a frame's head.
pub(crate) const HEAD: usize = 9;
/// The longest payload that everybody takes, and that we do (section 4.2).
pub(crate) const USUAL: usize = 1 << 14;
/// A stream's window, and the connection's, until told otherwise (section 6.9.2).
pub(crate) const WINDOW: u32 = 65_535;
/// The largest number of a stream, and the largest window.
pub(crate) const TOP: u32 = (1 << 31) - 1;

/// The kinds of frames (section 6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
    /// One that nobody has defined; to be ignored (section 5.5).
    pub(crate) const UNKNOWN: u8 = 0xfa;
}

/// Their flags.
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const PADDED: u8 = 8;
    pub(crate) const PRIORITY: u8 = 0x20;
    /// Those that DATA does not have; to be ignored (section 4.1).
    pub(crate) const UNDEFINED: u8 = 0xd6;
}

/// The settings (section 6.5.2).
pub(crate) mod setting {
    pub(crate) const ENABLE_PUSH: u16 = 2;
    pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(crate) const MAX_FRAME_SIZE: u16 = 5;
}

/// An error code (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u32);

impl Code {
    pub(crate) const NO_ERROR: Self = Self(0);
    pub(crate) const PROTOCOL_ERROR: Self = Self(1);
    pub(crate) const INTERNAL_ERROR: Self = Self(2);
    pub(crate) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(crate) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(crate) const REFUSED_STREAM: Self = Self(7);
    pub(crate) const COMPRESSION_ERROR: Self = Self(9);
    pub(crate) const ENHANCE_YOUR_CALM: Self = Self(11);
    pub(crate) const HTTP_1_1_REQUIRED: Self = Self(13);

    /// All of them by name, in the words of a fault's parameter.
    pub(crate) const NAMES: &[(&str, Self)] = &[
        ("no-error", Self(0)),
        ("protocol-error", Self(1)),
        ("internal-error", Self(2)),
        ("flow-control-error", Self(3)),
        ("settings-timeout", Self(4)),
        ("stream-closed", Self(5)),
        ("frame-size-error", Self(6)),
        ("refused-stream", Self(7)),
        ("cancel", Self(8)),
        ("compression-error", Self(9)),
        ("connect-error", Self(10)),
        ("enhance-your-calm", Self(11)),
        ("inadequate-security", Self(12)),
        ("http-1-1-required", Self(13)),
        ("unknown", Self(0xdead)),
    ];
}

/// A frame, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`, and how many of them it is; none while it is not whole. A
    /// payload longer than `longest` is an error before it is there.
    pub(crate) fn parse(bytes: &'a [u8], longest: usize) -> Result<Option<(Self, usize)>, Code> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if length > longest {
            return Err(Code::FRAME_SIZE_ERROR);
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let stream = u32::from_be_bytes(stream) & TOP;
        Ok(Some((Self { kind, flags, stream, payload }, HEAD + length)))
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a frame. The reserved bit is that of `stream`.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A frame of its own.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + payload.len());
    put(&mut out, kind, flags, stream, payload);
    out
}

/// `RST_STREAM` (section 6.4).
pub(crate) fn rst_stream(stream: u32, code: Code) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &code.0.to_be_bytes())
}

/// GOAWAY: what was or may be processed is at most `last` (section 6.8).
pub(crate) fn goaway(last: u32, code: Code) -> Vec<u8> {
    frame(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), code.0.to_be_bytes()].concat())
}

/// SETTINGS with these values (section 6.5).
pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(6 * values.len());
    for (id, value) in values {
        payload.extend_from_slice(&id.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    frame(kind::SETTINGS, 0, 0, &payload)
}

/// A header block as HEADERS and as many CONTINUATION as it needs (section 6.10). `flags` are those of
/// HEADERS beside `END_HEADERS`.
pub(crate) fn headers(stream: u32, flags: u8, block: &[u8], piece: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() + HEAD);
    let mut pieces = block.chunks(piece.max(1)).peekable();
    let first = pieces.next().unwrap_or_default();
    let end = |last: bool| if last { flag::END_HEADERS } else { 0 };
    put(&mut out, kind::HEADERS, flags | end(pieces.peek().is_none()), stream, first);
    while let Some(piece) = pieces.next() {
        put(&mut out, kind::CONTINUATION, end(pieces.peek().is_none()), stream, piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_what_it_was_made_of() {
        let mut bytes = frame(kind::DATA, flag::END_STREAM, 5, b"abc");
        assert_eq!(bytes, b"\0\0\x03\0\x01\0\0\0\x05abc");
        bytes.extend_from_slice(b"more");
        let is = Frame { kind: kind::DATA, flags: 1, stream: 5, payload: b"abc" };
        assert_eq!(Frame::parse(&bytes, USUAL), Ok(Some((is, 12))));
        for part in 0..12 {
            assert_eq!(Frame::parse(&bytes[..part], USUAL), Ok(None), "{part}");
        }
        assert_eq!(Frame::parse(&bytes[..9], 2), Err(Code::FRAME_SIZE_ERROR), "told by its head");
    }

    #[test]
    fn a_block_goes_on_in_continuations() {
        let bytes = headers(1, flag::END_STREAM, b"abcde", 2);
        let mut at = 0;
        let mut seen = Vec::new();
        while let Ok(Some((frame, length))) = Frame::parse(&bytes[at..], USUAL) {
            seen.push((frame.kind, frame.flags, frame.payload.len()));
            at += length;
        }
        assert_eq!(seen, [(1, 1, 2), (9, 0, 2), (9, 4, 1)]);
        assert_eq!(headers(1, 0, b"", 2), b"\0\0\0\x01\x04\0\0\0\x01");
    }
}

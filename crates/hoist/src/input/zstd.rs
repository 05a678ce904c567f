use std::io::{self, BufRead, ErrorKind, Read};

use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

/// Frames of zstd (RFC 8878), decoded one after the other.
pub(super) struct Zstd<R> {
    reader: R,
    context: DCtx<'static>,
    /// Between two frames.
    ended: bool,
}

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Of frames to be skipped, but for the last four bits of the first byte (RFC 8878 §3.1.2).
const SKIPPED: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];

/// The largest window is 8 MiB: what every decoder should take, and no encoder should need more of
/// (RFC 8878 §3.1.1.1.2). It is what all levels of zstd use but `--ultra` and `--long`.
const WINDOW_LOG: u32 = 23;

/// Whether bytes begin a frame.
pub(super) fn is_magic(bytes: &[u8]) -> bool {
    bytes.len() >= MAGIC.len() && may_be_magic(bytes)
}

/// Whether they do, as far as they go.
pub(super) fn may_be_magic(bytes: &[u8]) -> bool {
    let begins = |magic: [u8; 4]| bytes.iter().zip(magic).all(|(a, b)| *a == b);
    let unskipped: Vec<u8> =
        bytes.iter().take(4).enumerate().map(|(n, b)| if n == 0 { b & 0xf0 } else { *b }).collect();
    begins(MAGIC) || unskipped.iter().zip(SKIPPED).all(|(a, b)| *a == b)
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(reader: R) -> io::Result<Self> {
        let mut context = DCtx::create();
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(failed)?;
        Ok(Self { reader, context, ended: true })
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = fill(&mut self.reader)?;
            let at_end = input.is_empty();
            if at_end && self.ended {
                return Ok(0);
            }
            let (mut from, mut into) = (InBuffer::around(input), OutBuffer::around(&mut *buffer));
            let left = self.context.decompress_stream(&mut into, &mut from).map_err(failed)?;
            let (taken, made) = (from.pos(), into.pos());
            self.reader.consume(taken);
            self.ended = left == 0;
            if made > 0 {
                return Ok(made);
            }
            if at_end && !self.ended {
                let reason = "the zstd file is cut off: it ends before its end";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
            }
        }
    }
}

fn failed(code: zstd_safe::ErrorCode) -> io::Error {
    // Errors are the negatives of their numbers.
    let too_large = ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge as usize;
    let reason = if code.wrapping_neg() == too_large {
        "the zstd file needs a window of more than 8 MiB; pipe it in with 'zstd -dc --long=31 FILE |', \
         or compress it without --ultra and --long"
            .to_owned()
    } else {
        format!("the zstd file is damaged: {}", get_error_name(code).to_lowercase())
    };
    io::Error::new(ErrorKind::InvalidData, reason)
}

fn fill(reader: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            // Asked twice, as the borrow of the first answer ends here.
            Ok(_) => return reader.fill_buf(),
        }
    }
}

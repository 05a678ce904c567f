use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::{Decoder, Fault};

/// The coding `zstd`: frames, one after the other (RFC 8878 §3.1).
///
/// The reference decoder, though it is C: the one in Rust (ruzstd 0.8) does not bound what a block
/// may decode to, so that 100 KB could take gigabytes of memory.
pub(super) struct Zstd {
    context: DCtx<'static>,
    /// It has taken what was sent as its parameter.
    bounded: bool,
    /// A frame has ended, and none has begun since.
    ended: bool,
}

/// The window that a server may ask for under this coding is 8 MiB (RFC 9659 §3).
const WINDOW_LOG: u32 = 23;

/// A window, blocks at both ends, tables.
pub(super) const MEMORY: usize = 9 << 20;

impl Zstd {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        let bounded = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).is_ok();
        Self { context, bounded, ended: false }
    }
}

impl Decoder for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Fault> {
        if !self.bounded {
            return Err(Fault::Corrupt("its window can't be bounded"));
        }
        let (mut from, mut into) = (InBuffer::around(input), OutBuffer::around(output));
        // Asked for more after the end, it would wait for another frame.
        while from.pos() < input.len() || !self.ended {
            let before = (from.pos(), into.pos());
            match self.context.decompress_stream(&mut into, &mut from) {
                Ok(left) => self.ended = left == 0,
                Err(code) => return Err(Fault::Corrupt(get_error_name(code))),
            }
            let full = into.pos() == into.capacity();
            if full || from.pos() == input.len() || (from.pos(), into.pos()) == before {
                break;
            }
        }
        Ok((from.pos(), into.pos()))
    }

    fn ended(&self) -> bool {
        self.ended
    }
}

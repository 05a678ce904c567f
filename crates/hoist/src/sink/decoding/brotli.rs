use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Decoder, Fault};

/// The coding `br` (RFC 7932), without the larger windows that browsers refuse too.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    ended: bool,
}

/// A window of 16 MiB at most (RFC 7932 §9.1), and tables of codes.
pub(super) const MEMORY: usize = 18 << 20;

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        Self { state: Box::new(state), ended: false }
    }
}

impl Decoder for Brotli {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Fault> {
        if self.ended {
            return if input.is_empty() { Ok((0, 0)) } else { Err(Fault::Trailing) };
        }
        let (mut left, mut taken) = (input.len(), 0);
        let (mut room, mut made, mut all) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            input,
            &mut room,
            &mut made,
            output,
            &mut all,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultSuccess => {
                self.ended = true;
                if left > 0 { Err(Fault::Trailing) } else { Ok((taken, made)) }
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok((taken, made)),
            BrotliResult::ResultFailure => Err(Fault::Corrupt("its data is wrong")),
        }
    }

    fn ended(&self) -> bool {
        self.ended
    }
}

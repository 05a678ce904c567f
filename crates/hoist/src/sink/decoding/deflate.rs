use flate2::{Decompress, FlushDecompress, Status};

use super::{Decoder, Fault};

/// The coding `deflate`: the zlib format (RFC 9110 §8.4.1.2). Some servers send the bare DEFLATE
/// data (RFC 1951) under that name, and every browser takes both: the first two bytes tell, as no
/// encoder begins bare data with what is a valid zlib header.
#[derive(Debug)]
pub(super) struct Deflate {
    /// The first bytes, until it is known what they are.
    head: [u8; 2],
    known: usize,
    /// Of these, decoded.
    fed: usize,
    inflate: Option<Inflate>,
}

impl Deflate {
    pub(super) fn new() -> Self {
        Self { head: [0; 2], known: 0, fed: 0, inflate: None }
    }
}

impl Decoder for Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Fault> {
        let mut taken = 0;
        while self.known < self.head.len() {
            let Some(&byte) = input.get(taken) else { return Ok((taken, 0)) };
            self.head[self.known] = byte;
            self.known += 1;
            taken += 1;
        }
        let zlib = is_zlib(self.head);
        let inflate = self.inflate.get_or_insert_with(|| Inflate::new(zlib));
        let mut made = 0;
        while self.fed < self.head.len() {
            let (fed, some) = inflate.step(&self.head[self.fed..], &mut output[made..])?;
            self.fed += fed;
            made += some;
            if made == output.len() {
                return Ok((taken, made));
            }
            if inflate.ended && self.fed < self.head.len() {
                return Err(Fault::Trailing);
            }
        }
        let (more, some) = inflate.step(&input[taken..], &mut output[made..])?;
        taken += more;
        made += some;
        if inflate.ended && taken < input.len() {
            return Err(Fault::Trailing);
        }
        Ok((taken, made))
    }

    fn ended(&self) -> bool {
        self.inflate.as_ref().is_some_and(|inflate| inflate.ended)
    }
}

/// RFC 1950 §2.2: method 8, a window of at most 32 KiB, and a check of both bytes.
fn is_zlib([cmf, flg]: [u8; 2]) -> bool {
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([cmf, flg]).is_multiple_of(31)
}

/// DEFLATE data, bare or in the zlib format.
#[derive(Debug)]
pub(super) struct Inflate {
    state: Decompress,
    pub(super) ended: bool,
}

impl Inflate {
    pub(super) fn new(zlib: bool) -> Self {
        Self { state: Decompress::new(zlib), ended: false }
    }

    /// For the next member of a gzip.
    pub(super) fn reset(&mut self) {
        self.state.reset(false);
        self.ended = false;
    }

    /// As [`Decoder::step`], but that it stops where the data ends.
    pub(super) fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(usize, usize), Fault> {
        if self.ended {
            return Ok((0, 0));
        }
        let (before, had) = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(input, output, FlushDecompress::None);
        match status {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(Fault::Corrupt("its data or its checksum is wrong")),
        }
        let taken = usize::try_from(self.state.total_in() - before).unwrap_or(usize::MAX);
        let made = usize::try_from(self.state.total_out() - had).unwrap_or(usize::MAX);
        Ok((taken, made))
    }
}

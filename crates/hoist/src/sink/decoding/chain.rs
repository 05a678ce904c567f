use super::{ContentCoding, Decoder, Fault, decoder};
use crate::error::Error;
use crate::outcome::{Failure, FailureKind};
use crate::plan::defaults;

/// What decoded bytes may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecodeLimits {
    /// Decoded bytes for each one received, once there are more than are free.
    pub(crate) max_expansion: u64,
    /// Of the decoded body, in bytes.
    pub(crate) min: u64,
    /// Of the decoded body, in bytes.
    pub(crate) max: u64,
}

/// Why decoding stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The body is wrong.
    Wrong(Failure),
    /// The run can't go on.
    Fatal(Error),
}

/// The codings of one body, being undone, one behind the other.
pub(super) struct Decoding {
    layers: Vec<Layer>,
    limits: DecodeLimits,
    /// Bytes of the coded body so far.
    received: u64,
}

struct Layer {
    coding: ContentCoding,
    decoder: Box<dyn Decoder>,
    /// Bytes it has been given.
    given: u64,
    /// Bytes it has made.
    made: u64,
    /// It is the last: what it makes is the body.
    last: bool,
}

/// Bytes that are decoded at once.
pub(super) const PIECE: usize = 64 << 10;

/// Takes decoded bytes.
pub(super) type Take<'a> = dyn FnMut(&[u8]) -> Result<(), Stop> + 'a;

impl Decoding {
    /// `codings` in the order in which they are undone.
    pub(super) fn new(codings: &[ContentCoding], limits: DecodeLimits) -> Self {
        let last = codings.len().saturating_sub(1);
        let layer = |(n, coding): (usize, &ContentCoding)| Layer {
            coding: *coding,
            decoder: decoder(*coding),
            given: 0,
            made: 0,
            last: n == last,
        };
        let layers = codings.iter().enumerate().map(layer).collect();
        Self { layers, limits, received: 0 }
    }

    /// How many buffers it needs.
    pub(super) fn buffers(&self) -> usize {
        self.layers.len()
    }

    /// Bytes of the decoded body so far.
    pub(super) fn made(&self) -> u64 {
        self.layers.last().map_or(0, |layer| layer.made)
    }

    /// So many more bytes have come, which are fed next: what may be made of the body follows from
    /// all that is there, not from how it was cut.
    pub(super) fn receive(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// Decodes a piece of what has come. `buffers` are for what lies between, one for each coding.
    pub(super) fn feed(
        &mut self,
        input: &[u8],
        buffers: &mut [Vec<u8>],
        take: &mut Take<'_>,
    ) -> Result<(), Stop> {
        let bound = Bound { limits: self.limits, received: self.received };
        bound.run(&mut self.layers, input, buffers, take)
    }

    /// Whether the body may end here.
    pub(super) fn end(&self) -> Result<(), Failure> {
        for Layer { coding, decoder, given, .. } in &self.layers {
            // Where there is no byte there is nothing to decode: servers send empty bodies so.
            if *given > 0 && !decoder.ended() {
                let name = coding.name();
                let reason = format!("the body is whole as sent, but its {name} coding is cut");
                return Err(Failure::new(FailureKind::Truncated, reason));
            }
        }
        let made = self.made();
        if made < self.limits.min {
            let least = self.limits.min;
            let reason =
                format!("the decoded body has {made} bytes; at least {least} were asked for");
            return Err(Failure::new(FailureKind::NotAcceptable, reason));
        }
        Ok(())
    }
}

/// What may be made of the bytes that have come.
#[derive(Clone, Copy)]
struct Bound {
    limits: DecodeLimits,
    received: u64,
}

impl Bound {
    fn run(
        self,
        layers: &mut [Layer],
        mut input: &[u8],
        buffers: &mut [Vec<u8>],
        take: &mut Take<'_>,
    ) -> Result<(), Stop> {
        let (Some((layer, layers)), Some((buffer, buffers))) =
            (layers.split_first_mut(), buffers.split_first_mut())
        else {
            return take(input);
        };
        layer.given += input.len() as u64;
        loop {
            let (taken, made) = match layer.decoder.step(input, buffer) {
                Ok((0, 0)) if !input.is_empty() => {
                    return Err(wrong(layer.coding, &Fault::Corrupt("it leads nowhere")));
                }
                Ok(progress) => progress,
                Err(fault) => return Err(wrong(layer.coding, &fault)),
            };
            input = input.get(taken..).unwrap_or_default();
            layer.made += made as u64;
            self.judge(layer)?;
            if made > 0 {
                self.run(layers, buffer.get(..made).unwrap_or_default(), buffers, take)?;
            }
            if input.is_empty() && made < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Every layer is bounded: one that makes much of which the next makes little costs time too.
    fn judge(self, layer: &Layer) -> Result<(), Stop> {
        let (made, received) = (layer.made, self.received);
        let DecodeLimits { max_expansion, max, .. } = self.limits;
        let reason = if layer.last && made > max {
            format!("the decoded body has {made} bytes or more; {max} are allowed")
        } else if made > defaults::FREE_EXPANSION.max(received.saturating_mul(max_expansion)) {
            format!(
                "{received} bytes decode to {made} or more, over {max_expansion} times as many; \
                 --max-expansion allows more"
            )
        } else {
            return Ok(());
        };
        Err(Stop::Wrong(Failure::new(FailureKind::TooLarge, reason)))
    }
}

fn wrong(coding: ContentCoding, fault: &Fault) -> Stop {
    let name = coding.name();
    let reason = match fault {
        Fault::Corrupt(what) => {
            format!("the body is not {name}, as its Content-Encoding says: {what}")
        }
        Fault::Trailing => format!("more comes after the end of the body's {name} coding"),
    };
    Stop::Wrong(Failure::new(FailureKind::Malformed, reason))
}

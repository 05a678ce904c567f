//! Lines that wait outside the admission, on disk: those of origins that have their share of it already,
//! while others could go on.
//!
//! ```text
//! drive: take_lines ──► Aside (piles: of whom lines wait, how many)  ──► thread hoist-aside: Store
//!          ▲            on the I/O thread; no file, no blocking           chains of lines in segments
//!          └─────────── lines of an origin that has few at hand ◄────────  OUT/.hoist/aside/00000000 ...
//! ```
//!
//! A pile is the lines of one origin, in the order of the list. Each line is written once and read once. In
//! memory there is a small entry for each origin with a pile, of which there are at most as many as items may
//! be admitted, and 2 MiB of lines on their way to the disk. Nothing here is durable, and need not be:
//! the list and the ledger are the truth, and the next run reads the list again.

mod piles;
mod store;
#[cfg(test)]
mod store_tests;
mod thread;

pub(super) use piles::{Aside, Back, sweep};

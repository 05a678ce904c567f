//! Servers whose speed depends on their load. A model is a server's: every request that could be read
//! meets it, whatever then answers. Each is pure: who arrives, who leaves, and the time are arguments;
//! `gate` alone knows sockets and clocks.
//!
//! *In flight* are the requests that are served and whose answer has not been handed to the system in
//! full. Those that a model refuses are not.
//!
//! To add one: a file with its settings and state, a variant, an entry in the table of `entry`.

mod bandwidth;
mod cliff;
mod collapse;
mod entry;
mod gate;
mod greedy;
mod knee;
mod model;

pub(crate) use entry::{Load, catalogue};
pub(crate) use gate::{Gate, Place, meet};

//! A get in virtual time: the real schedule against origins that are modelled, so that a run of a
//! hundred million items can be looked at in minutes before it is made.
//!
//! The schedule is pure, so nothing of it is stood in for. Everything else is: items are a function of
//! their position, origins are drawn from a seed by their number, and the network is a heap of events,
//! one for each attempt in flight. Nothing here reads a clock but to tell how long it took, and nothing
//! is kept for each item of the list.

mod attempt;
mod chance;
mod distribution;
mod drive;
mod learn;
mod line;
mod list;
mod load;
mod model;
mod origins;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use distribution::{Distribution, Quantity};
pub use list::{Order, Population, Spread};
pub use load::{BadLoad, Load};
pub use model::{Client, Dead, Mishap, Mishaps, Model, Server};
pub use report::SimulationReport;

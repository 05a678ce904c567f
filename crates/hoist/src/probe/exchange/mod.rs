//! Questions to servers, as a state machine: which query goes out next, to whom, from which
//! socket and under which id; which datagram answers what; when to try again and when to give up.
//!
//! No I/O, no clock and no source of randomness: time and chance are arguments, sockets are numbers,
//! so that every order of answers, losses and duplicates can be played through in a test.
//!
//! Around it goes a shell of a few steps: open the sockets that `poll_socket` wants, send what
//! `poll_transmit` and `poll_tcp` give, hand in what arrives, call `handle_timeout` at
//! `next_timeout`, take what `poll_settled` has.

mod again;
mod case;
#[cfg(feature = "exchange")]
pub mod door;
mod keys;
mod machine;
mod pace;
mod pending;
mod places;
mod reasons;
mod server;
#[cfg(any(test, feature = "bench"))]
#[cfg_attr(not(feature = "bench"), expect(unreachable_pub, reason = "it is for the bench"))]
pub mod simulation;
#[cfg(test)]
mod tests;
mod underway;
mod usual;
mod waits;
mod window;
#[cfg(test)]
mod window_tests;

pub(crate) use machine::{Exchange, Policy, Tcp, TcpEnd, Transmit};
pub(crate) use pending::{Handle, Resolved, Settled};
pub(crate) use server::{CONNECTIONS, PIPELINED, SocketId};
pub(crate) use window::WindowPolicy;

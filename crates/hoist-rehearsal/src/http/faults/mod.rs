//! What can go wrong with an answer: one file a family, each with its table of entries. An entry says
//! what the fault does, what a right client may make of it, how it is read from `name?key=value`, and
//! which cases of it clients are judged by. A fault works on whatever stands at the URL; by its own
//! URL, or with `of`, on so many made bytes.
//!
//! To add one: an entry in its family's table, a variant, and what it does; a test on the wire.

mod act;
mod body;
mod case;
mod chain;
mod coding;
mod connection;
mod entry;
mod field;
mod head;
mod interim;
mod pace;
mod path;
mod policy;
mod pool;
mod redirect;
mod resume;
mod size;
mod tls;
mod two;

pub(crate) use case::{Case, Door, Right};
pub(crate) use chain::Chain;
pub(crate) use connection::{ConnectionFault, connections};
pub(crate) use entry::{Entry, all, catalogue};
pub(crate) use pace::Pacer;
pub(crate) use path::named_by;
pub(crate) use tls::CERTIFICATES;
pub(crate) use two::Begins;

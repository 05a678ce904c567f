//! The faults a URL can name, one file a family. To add one: a function in its family's file, a
//! variant with its name and path in `fault.rs`, a line in the table of [`crate::http`], a test.

mod fault;
mod framing;
mod pace;
mod params;
mod redirect;
mod sever;
mod status;

pub(super) use fault::find;

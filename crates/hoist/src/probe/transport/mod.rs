//! Sockets: thin shells around the state machine of `exchange`, which decides all.
//!
//! Nothing here knows what a query means, or tries anything again.

pub(super) mod tcp;
pub(super) mod udp;

use std::io;

use rustix::io::Errno;

/// Whether the process or the system is out of descriptors or of memory for sockets: a matter of
/// waiting, never of the server.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

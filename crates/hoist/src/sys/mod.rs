//! What differs between systems, and all that touches files on behalf of sinks.

mod descriptors;
mod fs;
mod getaddrinfo;

pub(crate) use descriptors::raise_limit;
pub(crate) use fs::{Disk, Fs, lock_dir, out_of_descriptors};
pub(crate) use getaddrinfo::{Absent, getaddrinfo};

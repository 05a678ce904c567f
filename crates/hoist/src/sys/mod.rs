//! What differs between systems, and all that touches files on behalf of sinks.

mod alarm;
mod boot;
pub(crate) mod datagrams;
mod descriptors;
mod fs;
mod getaddrinfo;
#[cfg(test)]
mod memory;
// No fault and no power cut befalls what is fuzzed.
#[cfg(all(fuzzing, not(test)))]
#[expect(dead_code)]
mod memory;
mod space;

pub(crate) use alarm::Alarm;
pub(crate) use boot::boot_id;
pub(crate) use descriptors::raise_limit;
pub(crate) use fs::{Disk, Fs, Lock, WriteAt, lock_dir, make_dirs, out_of_descriptors, peek};
pub(crate) use getaddrinfo::{Absent, getaddrinfo};
#[cfg(all(fuzzing, not(test)))]
pub(crate) use memory::Memory;
#[cfg(test)]
pub(crate) use memory::{Fault, Memory};
pub(crate) use space::free_space;

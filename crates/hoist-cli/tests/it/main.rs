//! The command as people and scripts meet it: the real binary, against servers of its own on free
//! ports of this machine. Files are named after what is shown.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is a finding")]

mod allowance;
mod ceilings;
mod check;
mod coming_from;
mod completions;
mod continuing;
mod decode;
mod descriptors;
mod dns_faults;
mod ends;
mod flags;
mod fresh;
mod get;
mod harness;
mod interrupt;
mod killed;
mod killed_shards;
mod list_forms;
mod manners;
mod mishaps;
mod names;
mod naming;
mod network;
mod outcomes;
mod probe;
mod rehearse;
mod resume;
mod servers;
mod shards;
mod silent_tcp;
mod simulate;
mod split;
mod terminal;
mod tuning;
mod types;
mod unwritable;
mod usage;
mod whole;
mod wildcards;

//! Any bytes, read as a reply to a DNS query.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hoist::fuzzing::dns(bytes));

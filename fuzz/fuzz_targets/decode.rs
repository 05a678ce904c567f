//! Any bytes, decoded as a body that is coded.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hoist::fuzzing::decode(bytes));

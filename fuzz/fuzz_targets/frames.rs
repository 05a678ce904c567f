//! Any bytes, as the frames of a server of HTTP/2.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hoist::fuzzing::frames(bytes));

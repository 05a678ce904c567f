//! Any bytes, read as everything that a ledger is made of.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hoist::fuzzing::ledger(bytes));

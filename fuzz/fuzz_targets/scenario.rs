//! Any text as a scenario: read or refused with a line, never a panic; and what was read can be
//! explained.
#![no_main]

use std::path::Path;

use hoist_rehearsal::{HttpRehearsal, Scenario};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Scenario::parse(text, Path::new("")) {
        Ok(scenario) => {
            let rehearsal = HttpRehearsal { scenario, ..HttpRehearsal::local() };
            for target in ["/flags/fr/fr.gif", "/a?b=c"] {
                assert!(!rehearsal.explain("GET", "localhost:8000", target, 2).is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

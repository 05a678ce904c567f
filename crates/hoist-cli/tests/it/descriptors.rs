//! Descriptors that run out are waited for; they are no item's failure.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use hoist_rehearsal::HttpRehearsal;

use crate::harness::{files, folder, serve};

#[test]
fn few_descriptors_slow_a_run_and_fail_nothing() {
    let dir = folder();
    let servers: Vec<_> = (0..20).map(|_| serve(HttpRehearsal::local())).collect();
    let mut list = String::new();
    for n in 0..1_000 {
        // Half of them large enough for a file that is open while the body comes.
        let bytes = n % 2 * 200_000;
        let server = servers[n % servers.len()].addr();
        writeln!(list, "http://{server}/bytes/{bytes}?id={n}").unwrap();
    }
    fs::write(dir.path().join("list"), list).unwrap();
    for limit in [40, 96] {
        let shell = format!("ulimit -n {limit}; exec \"$0\" get -i list -o out{limit} -m 500 2>&1");
        let hoist = env!("CARGO_BIN_EXE_hoist");
        let output =
            Command::new("sh").args(["-c", &shell, hoist]).current_dir(dir.path()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{limit}: {said}");
        assert_eq!(files(&dir.path().join(format!("out{limit}"))).len(), 1_000);
    }
}

//! `--fail-above`: how much may go wrong before the exit code says so.

use hoist_rehearsal::{DnsRehearsal, DnsZone};

use crate::harness::{ANYWHERE, Here, folder, run};

#[test]
fn a_run_may_fail_a_little() {
    let here = Here::new();
    here.write(&["/bytes/1", "/bytes/2", "/bytes/3", "/status/404"]);
    for (rate, code) in [("25%", 0), ("0.25", 0), ("24.9%", 1), ("0", 1), ("100%", 0)] {
        let said = here.get(&["--fail-above", rate]);
        assert_eq!(said.code, Some(code), "{rate}: {said:?}");
        let verdict = if code == 0 { "no more than" } else { "more than" };
        let told = format!("1 of 4 not ok (25.000 %): {verdict} --fail-above ");
        assert!(said.err.lines().any(|line| line.starts_with(&told)), "{}", said.err);
    }
    // Where all went well there is nothing to add; a run that could not go on is not allowed.
    here.write(&["/bytes/1", "/bytes/2"]);
    let said = here.get(&["--fresh", "--fail-above", "1%"]);
    assert!(said.code == Some(0) && !said.err.contains("--fail-above"), "{said:?}");
    let said = run(here.dir.path(), &["get", "--fail-above", "100%", "-i", "missing"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let said = here.get(&["--fail-above", "101%"]);
    assert!(said.code == Some(2) && said.err.contains("from 0% to 100%"), "{said:?}");
}

#[test]
fn a_probe_may_leave_a_little_unknown() {
    let dir = folder();
    let zone = DnsZone::listed("dev", [("with", vec!["192.0.2.1".parse().unwrap()])]).unwrap();
    let server = DnsRehearsal::new([zone]).spawn(&ANYWHERE).unwrap();
    let via = format!("dns://{}", server.addr());
    let line = ["probe", "--via", &via, "with.dev", "else.dev", "a..b"];
    for (rate, code) in [("34%", 0), ("33%", 1)] {
        let said = run(dir.path(), &[&line[..], &["--fail-above", rate]].concat());
        assert_eq!(said.code, Some(code), "{rate}: {said:?}");
        assert!(said.err.contains("1 of 3 unknown (33.333 %): "), "{}", said.err);
    }
}

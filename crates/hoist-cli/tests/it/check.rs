//! Judging clients: hoist itself, and how verdicts are told.

use std::fs;

use crate::harness::{Said, end, folder, hoist, interrupt, objects, run, wait_until};

/// Judges a client with these options.
fn check(options: &[&str], client: &[&str]) -> Said {
    let line = [&["rehearse", "--check"], options, &["--"], client].concat();
    run(folder().path(), &line)
}

#[test]
fn hoist_is_right_in_every_case() {
    let options = ["--json", "--limit", "40s", "--jobs", "16"];
    let patience = ["--timeout", "2s", "--deadline", "8s", "--retries", "1"];
    let place = ["-o", "{dir}", "--name", "{name}", "{url}"];
    let client = [&[env!("CARGO_BIN_EXE_hoist"), "get"], &patience[..], &place].concat();
    let said = check(&options, &client);
    let judged = objects(&said.out);
    assert!(judged.len() > 50, "{said:?}");
    let wrong: Vec<_> = judged.iter().filter(|case| case["verdict"] != "right").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[test]
fn what_is_wrong_is_a_table_and_exit_code_1() {
    let client = ["sh", "-c", "curl -so {out} --max-time 5 \"{url}\""];
    let said = check(&["--only", "policy"], &client);
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "{said:?}");
    let page = "
  error page   /status/404
               exit code 0, 14 bytes saved
               right: failure
";
    assert!(said.out.starts_with("policy\n"), "{}", said.out);
    assert!(said.out.contains(page), "{}", said.out);
    assert!(!said.out.contains('\x1b'), "{}", said.out);
    let totals = said.out.lines().find(|line| line.contains(" cases: "));
    assert!(totals.is_some_and(|line| line.ends_with(" wrong")), "{}", said.out);
}

#[test]
fn all_right_is_exit_code_0_and_every_case_is_shown_on_request() {
    let client = ["curl", "-sfL", "--max-time", "5", "{url}"];
    let said = check(&["--only", "CONNECT", "--all"], &client);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.out.starts_with("connect\n  failure      refuse\n"), "{}", said.out);
    assert!(said.out.contains("\n  whole        accept-slow?for=0.5s\n"), "{}", said.out);
    assert!(said.out.trim_end().ends_with("right, none wrong"), "{}", said.out);
}

#[test]
fn a_client_that_cannot_run_is_one_error() {
    let said = check(&[], &["/nowhere/client", "{url}"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
    assert_eq!(said.err.lines().count(), 1);
    assert!(said.err.starts_with("hoist: /nowhere/client could not be started: "), "{}", said.err);
    let said = check(&[], &["sh", "-c", "echo what is $0 >&2; exit 2", "{url}"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{said:?}");
    assert!(
        said.err.contains("exit code 2, 0 bytes saved, and 1000 bytes was right"),
        "{}",
        said.err
    );
    assert!(said.err.contains("\n  what is http://127.0.0.1:"), "{}", said.err);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (line, why) in [
        (&["--check"][..], "--check"),
        (&["--check", "--", "curl"], "{url}"),
        (&["LOCAL", "--check", "--", "{url}"], "--check"),
        (&["--check", "--port", "1", "--", "{url}"], "--port"),
        (&["--check", "--log", "x", "--", "{url}"], "--log"),
        (&["--check", "--seed", "1", "--", "{url}"], "--seed"),
        (&["--check", "--only", "teapot", "--", "{url}"], "connect, tls, load, head"),
        (&["--check", "--http2", "--", "{url}"], "--http2"),
        (&["--check", "--jobs", "0", "--", "{url}"], "--jobs"),
        (&["--check", "--limit", "0", "--", "{url}"], "--limit"),
        (&["--check", "--all", "--json", "--", "{url}"], "--json"),
        (&["LOCAL", "--only", "body"], "--check"),
        (&["LOCAL", "--", "curl", "{url}"], "--check"),
    ] {
        let said = run(folder().path(), &[&["rehearse"], line].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{line:?}: {said:?}");
        assert!(
            said.err.starts_with("error: ") && said.err.contains(why),
            "{line:?}: {}",
            said.err
        );
    }
}

#[test]
fn an_interrupt_ends_it_with_all_clients() {
    let dir = folder();
    let began = dir.path().join("began");
    let script = format!(
        "case '{{url}}' in *x=first*) exec curl -sfo {{out}} '{{url}}';; esac; \
         echo $$ >> {}; exec sleep 1000",
        began.display()
    );
    let line = ["rehearse", "--check", "--limit", "10m", "--", "sh", "-c", &script];
    let child = hoist(dir.path(), &line).spawn().unwrap();
    let pids = || fs::read_to_string(&began).unwrap_or_default();
    wait_until("clients run", || pids().lines().count() >= 2);
    interrupt(&child);
    let said = end(child);
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.err.starts_with("hoist: interrupted after 0 of "), "{}", said.err);
    for pid in pids().lines() {
        let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // One that has ended may wait to be reaped.
        wait_until("they have ended", || stat().is_empty() || stat().contains(") Z "));
    }
}

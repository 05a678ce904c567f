use crate::harness::{folder, run};

#[test]
fn what_makes_no_sense_is_told_with_exit_code_2() {
    let dir = folder();
    for line in [
        &["flags", "--frob"][..],
        &["flags", "-l", "many"],
        &["probe", "-t", "ANY"],
        &["probe", "-t", "MX,A"],
        &["probe", "-t", "MX", "--wildcards", "drop"],
        &["probe", "--via", "dns://name"],
        &["probe", "--via", "system", "--via", "resolv-conf"],
        &["probe", "--timeout", "0"],
        &["get"],
        &["get", "-o", "-", "http://a/", "http://b/"],
        &["get", "-o", "-", "--format", "jsonl", "http://a/"],
        &["get", "--name", "{size}", "http://a/"],
        &["get", "-H", "no colon", "http://a/"],
        &["get", "-4", "-6", "http://a/"],
        &["get", "-m", "0", "http://a/"],
        &["get", "--max-size", "10X", "http://a/"],
        &["get", "--min-size", "2K", "--max-size", "1K", "http://a/"],
        &["get", "--accept", "html", "http://a/"],
        &["get", "--accept", "text/html;q=0.5", "http://a/"],
        &["get", "--accept", "image/*,", "http://a/"],
        &["get", "--hash", "sha1", "-i", "list"],
        &["get", "--first-byte", "0", "http://a/"],
        &["get", "--min-rate", "10X", "http://a/"],
        &["get", "--min-rate-window", "soon", "http://a/"],
        &["get", "--breaker", "-1", "http://a/"],
        &["get", "--hash", "sha256", "http://a/"],
        &["get", "--hash", "sha256", "-o", "-", "http://a/"],
        &["get", "--resolve", "a:1", "http://a/"],
        &["get", "--via", "system", "--via", "resolv-conf", "http://a/"],
        &["get", "--via", "9.9.9.9", "http://a/"],
        &["rehearse", "LOCAL", "DELAY", "--port", "1"],
        &["rehearse", "LOCAL", "--loss", "0.5"],
        &["rehearse", "NOWHERE"],
        &["nonsense"],
    ] {
        let said = run(dir.path(), line);
        assert_eq!(said.code, Some(2), "{line:?}: {said:?}");
        assert_eq!(said.out, "", "{line:?}");
        assert!(said.err.starts_with("error: "), "{line:?}: {}", said.err);
        assert!(said.err.contains("--help"), "{line:?}: {}", said.err);
        assert!(said.err.lines().count() <= 8, "{line:?}: {}", said.err);
    }
}

#[test]
fn flags_tells_it_as_the_chapter_does() {
    let dir = folder();
    for (line, message) in [
        (&["-m", "0"][..], "--max_req N must be >= 1"),
        (&["--max_req", "-5"], "--max_req N must be >= 1"),
        (&["-l", "0"], "--limit N must be >= 1"),
        (&["ABC"], "each CC argument must be A to Z or AA to ZZ."),
        (&["A1"], "each CC argument must be A to Z or AA to ZZ."),
        (&["-s", "MARS"], "--server LABEL must be one of LOCAL, DELAY, ERROR, REMOTE"),
    ] {
        let said = run(dir.path(), &[&["flags"], line].concat());
        assert_eq!(said.code, Some(2), "{line:?}");
        let expected =
            format!("*** Usage error: {message}\nUsage: hoist flags [OPTIONS] [CC]...\n");
        assert_eq!((said.out.as_str(), said.err), ("", expected), "{line:?}");
    }
    assert!(crate::harness::files(dir.path()).is_empty());
}

#[test]
fn help_goes_to_standard_output_and_names_every_command() {
    let dir = folder();
    let said = run(dir.path(), &["--help"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for word in ["flags", "probe", "get", "rehearse", "Examples:", "Exit codes:"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    let bare = run(dir.path(), &[]);
    assert_eq!((bare.code, bare.out.as_str()), (Some(2), ""));
    assert!(bare.err.contains("Usage: hoist <COMMAND>"), "{}", bare.err);
    let version = run(dir.path(), &["--version"]);
    assert_eq!(version.out, concat!("hoist ", env!("CARGO_PKG_VERSION"), "\n"));
    for command in ["flags", "probe", "get", "rehearse"] {
        let said = run(dir.path(), &[command, "--help"]);
        assert!(said.out.contains("Examples:"), "{}", said.out);
        assert!(!said.out.contains("--port <PORT>") || command == "rehearse", "for tests alone");
    }
}

#[test]
fn a_list_that_is_not_there_is_told_with_exit_code_3() {
    let dir = folder();
    for line in [
        &["get", "-i", "missing.txt"][..],
        &["probe", "-i", "missing.txt"],
        &["probe", "--words", "missing.txt"],
        &["get", "--cacert", "missing.txt", "https://a/"],
    ] {
        let said = run(dir.path(), line);
        assert_eq!(said.code, Some(3), "{said:?}");
        assert!(said.err.starts_with("hoist: missing.txt"), "{}", said.err);
        assert!(said.err.contains("No such file"), "{}", said.err);
    }
}

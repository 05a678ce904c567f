use std::fs;

use crate::harness::{folder, hoist, run};

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

#[test]
fn no_help_is_wider_than_80_columns() {
    let dir = folder();
    let all = run(dir.path(), &["--help"]).out;
    let (_, listed) = all.split_once("Commands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = named.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"get") && commands.contains(&"help"), "{commands:?}");
    for command in commands.into_iter().chain(["man"]) {
        // Wide terminals change nothing.
        for columns in ["200", "80"] {
            let output = hoist(dir.path(), &[command, "--help"]).env("COLUMNS", columns).output();
            let said = String::from_utf8(output.unwrap().stdout).unwrap();
            assert!(command == "help" || said.contains("Usage: hoist"), "{command}: {said}");
            for line in said.lines() {
                assert!(line.chars().count() <= 80, "{command}: {line}");
            }
        }
    }
    assert!(all.lines().all(|line| line.chars().count() <= 80), "{all}");
}

#[test]
fn help_of_a_command_is_its_help() {
    let dir = folder();
    for command in ["get", "probe", "outcomes"] {
        let said = run(dir.path(), &["help", command]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert_eq!(said.out, run(dir.path(), &[command, "--help"]).out);
    }
    assert_eq!(run(dir.path(), &["help"]).out, run(dir.path(), &["--help"]).out);
}

#[test]
fn what_a_value_may_be_is_told_in_words() {
    let dir = folder();
    for (line, why) in [
        (&["get", "-m", "0", "http://a/"][..], "it must be at least 1"),
        (&["get", "-m", "many", "http://a/"], "write a whole number from 1 on"),
        (&["get", "--retries", "x", "http://a/"], "write a whole number, 0 or more"),
        (&["get", "--retries", "4294967296", "http://a/"], "it is too large: at most 4294967295"),
        (&["get", "--decode", "--max-expansion", "1e300", "http://a/"], "a whole number from 1 on"),
        (&["get", "--rate", "1/1000000d", "http://a/"], "too long a time: at most 3650 days"),
        (&["get", "--rate", "99999999999/s", "http://a/"], "too large: at most 4294967295"),
        (&["get", "--rate", "0/s", "http://a/"], "write it as 50/s"),
        (&["probe", "--rate", "0", "a"], "it must be at least 1"),
        (&["probe", "--max-len", "-1"], "error: "),
        (&["simulate", "--from-ledger", "a", "--origins", "0"], "it must be at least 1"),
        (&["simulate", "m", "--items", "many"], "write a whole number, 0 or more"),
        (&["simulate", "m", "--items", "1000000000001"], "at most 1000000000000"),
        (&["get", "--fan-out", "5", "http://a/"], "write a number from 1 to 4"),
        (&["rehearse", "LOCAL", "--port", "65536"], "it is too large: at most 65535"),
    ] {
        let said = run(dir.path(), line);
        assert_eq!(said.code, Some(2), "{line:?}: {said:?}");
        assert!(said.err.contains(why), "{line:?}: {}", said.err);
        for word in ["digit", "non-zero", "u32", "u64"] {
            assert!(!said.err.contains(word), "{line:?}: {}", said.err);
        }
    }
}

#[test]
fn a_file_that_can_not_be_read_is_told_with_what_named_it() {
    let dir = folder();
    fs::write(dir.path().join("m.toml"), "items = -5\n").unwrap();
    fs::write(dir.path().join("n.toml"), "[population]\nexponent = \"x\"\n").unwrap();
    let url = "http://127.0.0.1:9/";
    for (line, why) in [
        (&["get", "-i", "."][..], "hoist: . can't be read: it is a folder; name a file\n"),
        (&["probe", "-i", "."], "hoist: . can't be read: it is a folder; name a file\n"),
        (&["get", "--load-cookies", "c", url], "hoist: --load-cookies c: No such file"),
        (&["get", "--header-file", "c", url], "hoist: --header-file c: No such file"),
        (&["get", "--netrc-file", "c", url], "hoist: --netrc-file c: No such file"),
        (&["simulate", "c.toml"], "hoist: c.toml: No such file or directory (os error 2); 'hoist "),
        (&["simulate", "m.toml"], "expected a whole number, 0 or more\n"),
        (&["simulate", "n.toml"], "expected a number\n"),
        (&["rehearse", "--scenario", "c"], "hoist: c: No such file or directory (os error 2); 'ho"),
    ] {
        let said = run(dir.path(), line);
        assert_eq!(said.code, Some(3), "{line:?}: {said:?}");
        assert!(said.err.contains(why), "{line:?}: {}", said.err);
    }
}

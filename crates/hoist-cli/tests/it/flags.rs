use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use hoist_rehearsal::http::decide;
use hoist_rehearsal::{Content, HttpRehearsal, Running};

use crate::harness::{files, folder, run, serve, without_time};

fn port(server: &Running) -> String {
    server.port().to_string()
}

fn flags(dir: &std::path::Path, server: &Running, line: &[&str]) -> crate::harness::Said {
    let port = port(server);
    run(dir, &[&["flags", "--port", &port], line].concat())
}

#[test]
fn the_report_is_the_chapters() {
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let said = flags(dir.path(), &server, &["us", "BR", "cn"]);
    let expected = format!(
        "LOCAL site: http://localhost:{}/flags\n\
         Searching for 3 flags: BR, CN, US\n\
         3 concurrent connections will be used.\n\
         --------------------\n\
         \x20 3 flags downloaded.\n\
         Elapsed time: Ns\n",
        server.port()
    );
    assert_eq!(without_time(&said.out), expected);
    assert_eq!((said.err.as_str(), said.code), ("", Some(0)));
    assert_eq!(files(&dir.path().join("downloaded")), ["BR.gif", "CN.gif", "US.gif"]);
    let gif = fs::read(dir.path().join("downloaded/BR.gif")).unwrap();
    assert!(gif.starts_with(b"GIF8"));
}

#[test]
fn one_flag_is_told_in_the_singular() {
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let said = flags(dir.path(), &server, &["-s", "delay", "BR"]);
    let expected = format!(
        "DELAY site: http://localhost:{}/flags\n\
         Searching for 1 flag: BR\n\
         1 connection will be used.\n\
         --------------------\n\
         \x20 1 flag downloaded.\n\
         Elapsed time: Ns\n",
        server.port()
    );
    assert_eq!(without_time(&said.out), expected);
}

#[test]
fn ten_codes_are_listed_more_are_told_by_their_ends() {
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let ten = flags(dir.path(), &server, &["-a", "-l", "10"]).out;
    assert!(ten.contains("10 flags: AD, AE, AF, AG, AL, AM, AO, AR, AT, AU\n"), "{ten}");
    let eleven = flags(dir.path(), &server, &["-a", "-l", "11"]).out;
    assert!(eleven.contains("11 flags: from AD to AZ\n"), "{eleven}");
}

#[test]
fn as_many_at_once_as_there_are_flags_at_most() {
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let said = flags(dir.path(), &server, &["-l", "7", "-m", "5000"]).out;
    assert!(said.contains("\n7 concurrent connections will be used.\n"), "{said}");
    let said = flags(dir.path(), &server, &["-l", "7"]).out;
    assert!(said.contains("\n5 concurrent connections will be used.\n"), "{said}");
    assert!(server.stats().max_connections <= 7);
}

#[test]
fn not_found_is_no_error_and_existing_files_are_overwritten() {
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    fs::create_dir(dir.path().join("downloaded")).unwrap();
    fs::write(dir.path().join("downloaded/BR.gif"), "old").unwrap();
    let said = flags(dir.path(), &server, &["-v", "BR", "XX"]);
    assert_eq!(said.code, Some(0));
    let url = format!("http://localhost:{}/flags/xx/xx.gif", server.port());
    assert!(said.out.contains("\nBR OK\n"), "{}", said.out);
    assert!(said.out.contains(&format!("\nXX not found: {url}\n")), "{}", said.out);
    assert!(said.out.contains("\n  1 flag downloaded.\n  1 not found.\n"), "{}", said.out);
    assert!(!said.out.contains("error"), "{}", said.out);
    assert_eq!(files(&dir.path().join("downloaded")), ["BR.gif"]);
    assert!(fs::read(dir.path().join("downloaded/BR.gif")).unwrap().starts_with(b"GIF8"));
}

#[test]
fn errors_are_told_with_their_status_and_make_exit_code_1() {
    let rehearsal = HttpRehearsal { error_rate: 1.0, ..HttpRehearsal::local() };
    let (dir, server) = (folder(), serve(rehearsal));
    let said = flags(dir.path(), &server, &["-v", "-s", "ERROR", "BR", "CN"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("\nBR error: HTTP error 418 - I'm a teapot\n"), "{}", said.out);
    assert!(said.out.contains("\n  0 flags downloaded.\n  2 errors.\n"), "{}", said.out);
    let one = flags(dir.path(), &server, &["-s", "ERROR", "BR"]);
    assert!(one.out.contains("\n  1 error.\n"), "{}", one.out);
    assert!(files(dir.path()).is_empty());
}

/// The chapter's listing keeps the message of an old error, and so counts all that follows as
/// failed.
#[test]
fn an_early_error_does_not_stick_to_what_follows() {
    let rehearsal = HttpRehearsal { error_rate: 0.25, ..HttpRehearsal::local() };
    let plan = rehearsal.plan();
    let fails = |code: &str| {
        let lower = code.to_ascii_lowercase();
        let path = format!("/flags/{lower}/{lower}.gif");
        decide(rehearsal.seed, "GET", &path, 1, &plan).status.is_some()
    };
    let all = ["AD", "AR", "AU", "BE", "BR", "CH", "CN", "DE", "DK", "ES", "FI", "FR", "US"];
    let first = all.iter().position(|code| fails(code)).expect("a quarter of them fail");
    let mut codes = vec![all[first]];
    codes.extend(all[first..].iter().filter(|code| !fails(code)));
    assert!(codes.len() > 2, "{codes:?}");
    let (dir, server) = (folder(), serve(rehearsal));
    // One at a time and in order: the error comes first.
    let said = flags(dir.path(), &server, &[&["-m", "1", "-v"], codes.as_slice()].concat());
    let ok = codes.len() - 1;
    assert!(said.out.contains(&format!("\n{ok:3} flags downloaded.\n  1 error.\n")), "{said:?}");
    assert_eq!(said.out.matches(" OK\n").count(), ok);
}

/// The run of the chapter, with its times scaled 1:5 and a second seed: what is reported is what
/// the server decided, apart from answers that come within 100 ms of the limit.
#[test]
fn alone_the_counts_are_those_that_the_server_decided() {
    for seed in [1, 2] {
        let ms = Duration::from_millis;
        let rehearsal = HttpRehearsal { delay: ms(100)..=ms(1000), seed, ..HttpRehearsal::error() };
        let (dir, server) = (folder(), serve(rehearsal));
        let line = ["-s", "ERROR", "--patience", "620ms", "-al", "100", "-m", "100"];
        let said = flags(dir.path(), &server, &line);
        assert!(server.settle(Duration::from_secs(10)));
        let (mut ok, mut close) = (0, 0);
        for record in server.truth().http() {
            if record.delay.abs_diff(ms(620)) < ms(100) {
                close += 1;
            } else if record.decision == "content" && record.delay < ms(620) {
                ok += 1;
            }
        }
        let told: u32 = said
            .out
            .lines()
            .find_map(|line| line.trim_start().strip_suffix(" flags downloaded."))
            .and_then(|count| count.parse().ok())
            .expect("a count");
        assert!((ok..=ok + close).contains(&told), "{told} of {ok} to {}: {said:?}", ok + close);
        assert_eq!(said.code, Some(1));
        let errors = format!("\n{:3} errors.\n", 100 - told);
        assert!(said.out.contains(&errors), "{}", said.out);
    }
}

#[test]
fn where_nothing_listens_the_server_runs_inside() {
    // Somebody may take the port between here and there; then it is tried again.
    for attempt in 0.. {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (dir, port) = (folder(), free.to_string());
        let said = run(dir.path(), &["flags", "--port", &port, "-l", "3"]);
        if said.code != Some(0) && attempt < 5 {
            continue;
        }
        assert_eq!(said.code, Some(0), "{said:?}");
        let note = format!("hoist: nothing listens on port {port}; serving LOCAL from here\n");
        assert_eq!(said.err, note);
        assert!(said.out.contains("\n  3 flags downloaded.\n"), "{}", said.out);
        break;
    }
}

#[test]
fn a_server_without_flags_is_told_apart() {
    let empty = folder();
    let content = Content::Dir(empty.path().to_owned());
    let (dir, server) = (folder(), serve(HttpRehearsal { content, ..HttpRehearsal::local() }));
    let said = flags(dir.path(), &server, &["-l", "3"]);
    let note = format!("something answers on localhost:{} but serves no flags", server.port());
    assert!(said.err.contains(&note), "{said:?}");
    assert!(said.out.contains("\n  0 flags downloaded.\n  3 not found.\n"), "{}", said.out);
    // A code that no country has is rightly not found.
    let said = flags(dir.path(), &server, &["XX"]);
    assert_eq!(said.err, "");
}

#[test]
fn something_that_speaks_no_http_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The command also knocks, and leaves again.
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let dir = folder();
    let said = run(dir.path(), &["flags", "--port", &port, "-l", "2"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("serves no flags"), "{said:?}");
}

/// A network of its own, with a loopback interface and without IPv6, for those who may make one.
#[test]
fn a_machine_without_ipv6_is_enough() {
    let dir = folder();
    let alone = "ip link set lo up && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
                 net.ipv6.conf.lo.disable_ipv6=1";
    let run = |what: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-n", "sh", "-c", what]).current_dir(dir.path());
        command.output()
    };
    if !run(alone).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may not make a network, or ip, sysctl or unshare is missing");
        return;
    }
    let hoist = env!("CARGO_BIN_EXE_hoist");
    let output = run(&format!("{alone} && '{hoist}' flags -l 3 </dev/null")).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("\n  3 flags downloaded.\n"), "{said} {:?}", output.stderr);
    assert_eq!(output.status.code(), Some(0));
}

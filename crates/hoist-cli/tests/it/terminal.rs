//! What people see: the command on a terminal of a given width.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hoist_rehearsal::{HttpRehearsal, Running};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::harness::{folder, hoist, serve};

/// Runs the command with its standard error on a terminal; gives what it drew there, what it wrote
/// to standard output, and its exit code.
fn on_terminal(
    dir: &Path,
    columns: u16,
    line: &[&str],
    no_color: bool,
) -> (String, String, Option<i32>) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let mut command = hoist(dir, line);
    command.stderr(Stdio::from(terminal));
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let child = command.spawn().unwrap();
    // The command holds the terminal's other side, and with its end it closes.
    drop(command);
    let seen = std::thread::spawn(move || {
        let mut drawn = Vec::new();
        let mut controller = File::from(controller);
        let mut buffer = [0; 4096];
        // Linux tells the end of a terminal as an error.
        while let Ok(n @ 1..) = controller.read(&mut buffer) {
            drawn.extend_from_slice(&buffer[..n]);
        }
        String::from_utf8_lossy(&drawn).into_owned()
    });
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    (seen.join().unwrap(), out, output.status.code())
}

/// What was drawn, without moves and colours, line after line as each was drawn.
fn lines(drawn: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = drawn;
    while let Some(at) = rest.find('\x1b') {
        text.push_str(&rest[..at]);
        let end = rest[at + 2..].find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        rest = &rest[at + 2 + end + 1..];
    }
    text.push_str(rest);
    let lines = text.split(['\r', '\n']).map(|line| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

fn server(delay: Duration) -> Running {
    serve(HttpRehearsal { delay: delay..=delay, ..HttpRehearsal::local() })
}

#[test]
fn the_bar_is_tqdms_and_as_wide_as_the_terminal() {
    let server = server(Duration::from_millis(30));
    let port = server.port().to_string();
    for width in [60, 120] {
        let dir = folder();
        let line = ["flags", "--port", &port, "-l", "20", "-m", "3"];
        let (drawn, out, code) = on_terminal(dir.path(), width, &line, false);
        assert_eq!(code, Some(0));
        assert!(out.contains(" 20 flags downloaded.\n"), "{out}");
        let bars = lines(&drawn);
        for bar in &bars {
            assert_eq!(bar.chars().count(), usize::from(width), "{bar}");
        }
        let last = bars.last().unwrap();
        let full = "█".repeat(usize::from(width) - "100%|| 20/20 [00:00<00:00, 12.34it/s]".len());
        let start = format!("100%|{full}| 20/20 [00:00<00:00, ");
        assert!(last.starts_with(&start) && last.ends_with("it/s]"), "{last}");
        assert!(bars[0].starts_with("  0%|") && bars[0].ends_with("| 0/20 [00:00<?, ?it/s]"));
    }
}

#[test]
fn no_bar_where_lines_are_asked_for() {
    let server = server(Duration::ZERO);
    let (dir, port) = (folder(), server.port().to_string());
    let line = ["flags", "--port", &port, "-v", "BR"];
    let (drawn, out, _) = on_terminal(dir.path(), 80, &line, false);
    assert_eq!(drawn, "");
    assert!(out.contains("\nBR OK\n"), "{out}");
}

#[test]
fn progress_fits_and_failures_stand_above_it() {
    let server = server(Duration::ZERO);
    let base = format!("http://{}", server.addr());
    let path = |n| if n % 10 == 3 { "/status/404" } else { "/slow?delay=0.1" };
    let list: Vec<_> = (0..40).map(|n| format!("{base}{}", path(n))).collect();
    let list = list.join("\n");
    for width in [60, 24] {
        let dir = folder();
        fs::write(dir.path().join("list"), &list).unwrap();
        let line = ["get", "-i", "list", "-o", "out", "--per-origin", "2"];
        let (drawn, out, code) = on_terminal(dir.path(), width, &line, false);
        assert_eq!((out.as_str(), code), ("", Some(1)));
        let all = lines(&drawn);
        let progress: Vec<_> = all.iter().filter(|line| line.contains(" done")).collect();
        assert!(progress.len() > 3, "{all:#?}");
        for line in &progress {
            assert!(line.chars().count() < usize::from(width), "{line}");
        }
        let whole = format!("not found: {base}/status/404: status 404");
        assert_eq!(all.iter().filter(|line| **line == whole).count(), 4, "{all:#?}");
        let left = progress.iter().any(|line| line.contains(" left"));
        assert_eq!(left, width == 60, "{progress:#?}");
        let summary = "36 ok, 4 not found of 40 URLs in ";
        assert!(all.iter().any(|line| line.starts_with(summary)), "{all:#?}");
    }
}

#[test]
fn a_short_run_shows_no_progress() {
    let server = server(Duration::ZERO);
    let dir = folder();
    let url = format!("http://{}/bytes/3", server.addr());
    let (drawn, _, _) = on_terminal(dir.path(), 80, &["get", &url], false);
    assert!(lines(&drawn)[0].starts_with("1 ok of 1 URL"), "{drawn:?}");
}

#[test]
fn colours_are_left_away_when_nobody_wants_them() {
    let server = server(Duration::ZERO);
    let dir = folder();
    let url = format!("http://{}/bytes/3", server.addr());
    let (drawn, _, _) = on_terminal(dir.path(), 80, &["get", &url], false);
    assert!(drawn.contains("\x1b[32m1 ok\x1b[0m"), "{drawn:?}");
    let (drawn, _, _) = on_terminal(dir.path(), 80, &["get", &url], true);
    assert!(!drawn.contains('\x1b'), "{drawn:?}");
}

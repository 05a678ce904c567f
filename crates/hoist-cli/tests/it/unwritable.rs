use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};

use hoist_rehearsal::{HttpRehearsal, Running};

use crate::harness::{SmallDisk, files, folder, hoist, run, serve};

fn server() -> (Running, String) {
    let server = serve(HttpRehearsal::local());
    let base = format!("http://{}", server.addr());
    (server, base)
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let (dir, (_server, base)) = (folder(), server());
    fs::write(dir.path().join("list"), "nonsense\n".repeat(100_000)).unwrap();
    let body = format!("{base}/bytes/50000000");
    for line in [
        &["get", "-i", "list", "--format", "jsonl"][..],
        &["probe", "--format", "jsonl", "-i", "list", "--via", "dns://127.0.0.1:1", "-t", "A"],
        &["get", "-o", "-", &body],
    ] {
        if line[0] == "probe" {
            // Names that can't be names need no server.
            fs::write(dir.path().join("list"), "a..b\n".repeat(100_000)).unwrap();
        }
        let mut child = hoist(dir.path(), line).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.fill_buf().unwrap();
        drop(out);
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, "", "{line:?}");
        assert_eq!(child.wait().unwrap().code(), Some(3), "{line:?}");
    }
}

#[test]
fn a_full_device_is_told_with_exit_code_3() {
    let (dir, (_server, base)) = (folder(), server());
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let url = format!("{base}/bytes/3");
    let port = base.rsplit(':').next().unwrap();
    for line in [
        &["get", "--format", "jsonl", &url][..],
        &["get", "-o", "-", &url],
        &["flags", "--port", port, "BR"],
        &["probe", "a..b"],
    ] {
        let output = hoist(dir.path(), line).stdout(full()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{line:?}: {errors}");
        assert!(errors.contains("could not be written: No space left"), "{line:?}: {errors}");
    }
    let said = run(dir.path(), &["probe", "a..b", "-o", "/dev/full"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("No space left"), "{}", said.err);
}

/// The tests may run as a user to whom nothing is forbidden: a file in the place of a folder stops
/// anyone.
#[test]
fn a_folder_that_can_not_be_written_is_told_with_exit_code_3() {
    let (dir, (server, base)) = (folder(), server());
    fs::write(dir.path().join("downloaded"), "a file").unwrap();
    let port = server.port().to_string();
    let said = run(dir.path(), &["flags", "--port", &port, "BR"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("downloaded could not be written"), "{}", said.err);
    let url = format!("{base}/bytes/3");
    let said = run(dir.path(), &["get", "-o", "downloaded/below", &url]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("could not be written"), "{}", said.err);
    assert!(said.err.contains("choose another place with -o"), "{}", said.err);
    let said = run(dir.path(), &["probe", "a..b", "-o", "downloaded/file"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("downloaded/file could not be written"), "{}", said.err);
}

#[test]
fn a_full_disk_ends_the_run_and_leaves_only_whole_files() {
    let (dir, disk, (_server, base)) = (folder(), folder(), server());
    let Some(_mounted) = SmallDisk::mount(disk.path(), "256k") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let list: Vec<_> = (0..100).map(|n| format!("{base}/bytes/20000\tfile{n}")).collect();
    fs::write(dir.path().join("list"), list.join("\n")).unwrap();
    let out = disk.path().to_str().unwrap();
    let said = run(dir.path(), &["get", "-i", "list", "-o", out]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("No space left on device"), "{}", said.err);
    assert!(said.err.contains("make room there"), "{}", said.err);
    let saved = files(disk.path());
    for name in &saved {
        let length = fs::metadata(disk.path().join(name)).unwrap().len();
        assert_eq!(length, 20_000, "{name}");
    }
    let told: usize =
        said.err.lines().find_map(|line| line.split_once(" ok")?.0.parse().ok()).unwrap();
    assert!(saved.len() >= told, "{told} told, {saved:?}");
}

//! A disk that is full, or a folder that can't be written, ends the run: nobody's outcome.

use std::path::Path;

use hoist::{Error, GetVerdict, Source};
use tempfile::TempDir;

use crate::support::{files, http, plan, run_to_end};

/// A small file system that is unmounted when dropped.
struct Small(TempDir);

impl Small {
    fn mount(bytes: &str) -> Self {
        let at = TempDir::new().unwrap();
        let options = std::ffi::CString::new(format!("size={bytes}")).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tmpfs", at.path(), "tmpfs", flags, options.as_c_str())
            .expect("a small tmpfs: this test runs as root");
        Self(at)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let flags = rustix::mount::UnmountFlags::DETACH;
        rustix::mount::unmount(self.path(), flags).unwrap();
    }
}

#[test]
fn a_full_disk_ends_the_run_and_what_was_told_is_there() {
    let disk = Small::mount("1m");
    let server = http();
    let urls: Vec<String> =
        (0..100).map(|n| format!("http://{}/bytes/{}", server.addr(), 50_000 + n)).collect();
    let (outcomes, error, _) = run_to_end(plan(disk.path()).run(Source::items(urls)));
    let error = error.expect("it is full");
    assert!(
        matches!(&error, Error::Output { source, .. }
        if source.kind() == std::io::ErrorKind::StorageFull),
        "{error}"
    );
    let kept = files(disk.path());
    assert!(outcomes.len() > 5 && outcomes.len() < 25, "{}", outcomes.len());
    for outcome in &outcomes {
        assert_eq!(outcome.verdict, GetVerdict::Ok);
        let path = outcome.path.as_ref().unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), outcome.bytes);
    }
    for (name, body) in kept {
        assert!(body.len() >= 50_000, "{name} has {} bytes", body.len());
    }
}

#[test]
fn a_folder_that_cannot_be_is_told_before_anything_is_asked() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let server = http();
    let urls = [format!("http://{}/bytes/1", server.addr())];
    let (outcomes, error, _) = run_to_end(plan(&file).run(Source::items(urls)));
    let error = error.unwrap();
    assert!(outcomes.is_empty());
    assert!(error.to_string().contains("file"), "{error}");
    assert_eq!(server.stats().connections, 0);
}

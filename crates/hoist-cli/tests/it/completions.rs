//! What shells and man(1) are given.

use std::fs;
use std::process::Command;

use crate::harness::{files, folder, run};

/// Whether a program is content with a file; none where it is not installed.
fn accepts(program: &[&str], file: &std::path::Path) -> Option<bool> {
    let output = Command::new(program[0]).args(&program[1..]).arg(file).output().ok()?;
    Some(output.status.success() && output.stderr.is_empty())
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let dir = folder();
    for (shell, check) in [
        ("bash", Some(&["bash", "-n"])),
        ("zsh", Some(&["zsh", "-n"])),
        ("fish", Some(&["fish", "-n"])),
        ("elvish", None),
        ("powershell", None),
    ] {
        let said = run(dir.path(), &["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        for word in ["rehearse", "remote-header-name", "fail-above"] {
            assert!(said.out.contains(word), "{word} for {shell}");
        }
        let file = dir.path().join(shell);
        fs::write(&file, said.out).unwrap();
        if let Some(check) = check {
            assert!(accepts(&check[..], &file).unwrap_or(true), "{shell}");
        }
    }
    assert_eq!(run(dir.path(), &["completions", "tcsh"]).code, Some(2));
    assert_eq!(run(dir.path(), &["completions"]).code, Some(2));
}

#[test]
fn each_command_has_a_page() {
    let dir = folder();
    let said = run(dir.path(), &["man", "pages/man1"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let pages = files(&dir.path().join("pages/man1"));
    for page in ["hoist.1", "hoist-get.1", "hoist-probe.1", "hoist-rehearse.1"] {
        assert!(pages.contains(&page.to_owned()), "{pages:?}");
        let file = dir.path().join("pages/man1").join(page);
        assert!(accepts(&["man", "--warnings", "-l"], &file).unwrap_or(true), "{page}");
        let output = Command::new("man").arg("-l").arg(&file).env("MANWIDTH", "120").output();
        if let Ok(output) = output {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("\nNOTES\n"), "{text}");
            // The lines of the examples are as they were.
            assert!(page != "hoist-get.1" || text.contains("| less        the body"), "{text}");
        }
    }
    fs::write(dir.path().join("file"), "").unwrap();
    let said = run(dir.path(), &["man", "file"]);
    assert_eq!(said.code, Some(3), "{said:?}");
}

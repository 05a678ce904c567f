//! Starting over (`--fresh`): which files are replaced, and which are not ours.

use std::fs;

use crate::harness::{GET, Here, hoist, wait_until};

#[test]
fn starting_over_replaces_what_was_ours_and_nothing_else() {
    let here = Here::new();
    fs::create_dir(here.path("out")).unwrap();
    fs::write(here.path("out/c"), "of others").unwrap();
    here.write(&["/bytes/1\ta", "/bytes/2\tb", "/bytes/3\tc"]);
    assert_eq!(here.get(&[]).code, Some(0));
    assert_eq!(here.files(), ["a", "b", "c", "c~2"]);
    fs::write(here.path("out/d"), "of others, too").unwrap();

    // Another list, even.
    here.write(&["/bytes/10\ta", "/bytes/20\tb", "/bytes/30\tc", "/bytes/40\td", "/bytes/50\ta"]);
    let said = here.get(&["--fresh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.starts_with("5 ok of 5 URLs in "), "{}", said.err);
    assert_eq!(here.files(), ["a", "a~4", "b", "c", "c~2", "d", "d~3"]);
    let lengths: Vec<_> = here.files().iter().map(|name| here.length(name)).collect();
    assert!([[10, 50], [50, 10]].contains(&[lengths[0], lengths[1]]), "{lengths:?}");
    assert_eq!(lengths[2..], [20, 9, 30, 14, 40]);
    // No old outcome is left, and the record is that of the new list.
    assert_eq!(here.record().len(), 5);
    let said = here.get(&[]);
    assert!(said.err.starts_with("all done before: 5 ok of 5 URLs in "), "{}", said.err);

    // A name that was ours goes on to be, however often it is started over.
    here.write(&["/bytes/70\tb"]);
    assert_eq!(here.get(&["--fresh"]).code, Some(0));
    here.write(&["/bytes/80\ta", "/bytes/90\tb", "/bytes/95\td~3"]);
    assert_eq!(here.get(&["--fresh"]).code, Some(0));
    assert_eq!(here.files(), ["a", "a~4", "b", "c", "c~2", "d", "d~3"]);
    assert_eq!(["a", "b", "d", "d~3"].map(|name| here.length(name)), [80, 90, 14, 95]);
}

#[test]
fn starting_over_can_be_killed_and_gone_on_with() {
    let here = Here::new();
    let lines = |length: usize| -> Vec<String> {
        (0..300).map(|n| format!("/bytes/{}?id={n}\tn{n}", length + n)).collect()
    };
    let write = |length| {
        let lines = lines(length);
        here.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    write(1000);
    fs::create_dir(here.path("out")).unwrap();
    fs::write(here.path("out/n299"), "of others").unwrap();
    assert_eq!(here.get(&[]).code, Some(0));
    // After that, 5000 is gone on with; 9000 is started over in the middle of starting over.
    for (length, options) in [(5000, &[][..]), (9000, &["--fresh"])] {
        write(length);
        for _ in 0..3 {
            let line = [&GET[..], &["-i", "list", "--fresh", "--format", "jsonl"]].concat();
            let mut child = hoist(here.dir.path(), &line).spawn().unwrap();
            let before = here.server.stats().requests;
            wait_until("it is under way", || here.server.stats().requests > before + 50);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let said = here.get(options);
        assert_eq!(said.code, Some(0), "{said:?}");
        let mut expected: Vec<_> = (0..300).map(|n| (format!("n{n}"), length + n)).collect();
        expected[299].1 = 9;
        expected.push(("n299~299".to_owned(), length + 299));
        expected.sort();
        let there: Vec<_> =
            here.files().into_iter().map(|name| (name.clone(), here.length(&name))).collect();
        assert!(there == expected, "{there:?}");
        let fresh_files = fs::read_dir(here.path("out/.hoist/ledger")).unwrap().count();
        assert!(fresh_files <= 3, "what went before is still there: {fresh_files} files");
    }
}

//! Names of files: two items never share one, none leaves its folder, what was there stays.

use hoist::plan::{Existing, ShardLimits, SinkPlan};
use hoist::{GetPlan, GetVerdict, Source};
use tempfile::TempDir;

use crate::support::{files, get_all, http, plan, run_to_end};

#[test]
fn every_item_has_a_file_of_its_own() {
    let root = TempDir::new().unwrap();
    let server = http();
    let at = server.addr();
    let lines = [
        format!("http://{at}/bytes/1"),
        format!("http://{at}/bytes/1"),
        format!("http://{at}/bytes/2\tbytes"),
        format!("http://{at}/bytes/3\tbytes/3"),
        format!("{{\"url\": \"http://{at}/bytes/4\", \"name\": \"../../up\"}}"),
        format!("http://{at}/bytes/5\t/etc/passwd"),
        format!("http://{at}/bytes/6\tcon"),
        format!("http://{at}/bytes/7\t.hoist/tmp/x"),
    ];
    let outcomes = get_all(plan(root.path()), lines);
    let kept = files(root.path());
    assert_eq!(kept.len(), outcomes.len(), "{:?}", kept.keys());
    for outcome in outcomes {
        assert_eq!(outcome.verdict, GetVerdict::Ok, "{outcome:?}");
        let path = outcome.path.unwrap();
        let name = path.strip_prefix(root.path()).unwrap().to_str().unwrap();
        assert_eq!(kept[name].len() as u64, outcome.bytes, "{name}");
        assert!(!name.contains(".."), "{name}");
    }
    assert!(!root.path().join(".hoist").exists());
}

#[test]
fn a_list_keeps_what_was_there_and_arguments_replace_it() {
    let server = http();
    for (existing, kept) in [(Existing::Keep, 2), (Existing::Replace, 1)] {
        let root = TempDir::new().unwrap();
        std::fs::write(root.path().join("x"), "old").unwrap();
        let mut plan = plan(root.path());
        plan.sink = SinkPlan::Directory { root: root.path().to_owned(), template: None, existing };
        let outcomes = get_all(plan, [format!("http://{}/bytes/9\tx", server.addr())]);
        assert_eq!(files(root.path()).len(), kept);
        assert_eq!(std::fs::read(outcomes[0].path.as_ref().unwrap()).unwrap().len(), 9);
    }
}

#[test]
fn templates_name_the_files() {
    let root = TempDir::new().unwrap();
    let server = http();
    let mut plan = plan(root.path());
    plan.sink = SinkPlan::Directory {
        root: root.path().to_owned(),
        template: Some("{host}/{index}-{basename}{ext}".parse().unwrap()),
        existing: Existing::Keep,
    };
    get_all(
        plan,
        [
            format!("http://{}/flags/br/br.gif", server.addr()),
            format!("http://{}/bytes/9\tnamed", server.addr()),
        ],
    );
    let names: Vec<String> = files(root.path()).into_keys().collect();
    assert_eq!(names, ["127.0.0.1/0-br.gif", "named"]);
}

#[test]
fn shards_have_their_names_when_the_run_has_ended() {
    let root = TempDir::new().unwrap();
    let server = http();
    let plan = GetPlan {
        sink: SinkPlan::Tar {
            root: root.path().to_owned(),
            shards: "{shard}.tar".parse().unwrap(),
            limits: ShardLimits { samples: 2.try_into().unwrap(), ..ShardLimits::default() },
            template: None,
        },
        ..plan(root.path())
    };
    let at = server.addr();
    let lines = || (1..6).map(move |n| format!("http://{at}/bytes/{n}"));
    let outcomes = get_all(plan.clone(), lines());
    let shards = ["0.tar", "1.tar", "2.tar"];
    for shard in shards {
        let path = root.path().join(shard);
        let samples = outcomes.iter().filter(|o| o.path.as_ref() == Some(&path)).count();
        // Of each, four blocks; two at the end.
        let length = std::fs::metadata(&path).unwrap().len();
        assert_eq!(length, samples as u64 * 2_048 + 1_024, "{shard}");
    }
    // A ledger is kept, though none was asked for.
    let (outcomes, error, summary) = run_to_end(plan.run(Source::items(lines())));
    assert!(error.is_none() && outcomes.is_empty(), "{error:?} {outcomes:?}");
    assert_eq!(summary.counts.earlier, 5);
}

#[test]
fn one_body_can_go_to_a_writer() {
    let root = TempDir::new().unwrap();
    let server = http();
    let out = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut plan = plan(root.path());
    plan.sink = SinkPlan::Writer(out.clone());
    let url = format!("http://{}/bytes/300000", server.addr());
    let (outcomes, error, _) = run_to_end(plan.clone().run(Source::items([url])));
    assert!(error.is_none());
    assert_eq!((outcomes[0].verdict, outcomes[0].path.clone()), (GetVerdict::Ok, None));
    let mut expected = vec![0; 300_000];
    hoist_rehearsal::body_bytes(0, &mut expected);
    assert!(*out.lock().unwrap() == expected);

    // What is out can't be taken back: it is not sent a second time.
    out.lock().unwrap().clear();
    let url = format!("http://{}/fault/short?of=300000&send=200000", server.addr());
    let (outcomes, ..) = run_to_end(plan.run(Source::items([url])));
    assert_eq!((outcomes[0].verdict, outcomes[0].attempts), (GetVerdict::Failed, 1));
    assert!(out.lock().unwrap().len() <= 200_000);
}

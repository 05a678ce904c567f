//! The same as `killed`, of a get into shards: whatever the moment was, shards under their names are
//! whole, and what was told is in one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use hoist_rehearsal::HttpRehearsal;
use serde_json::Value;

use crate::harness::{
    asked, begun, body, end, files, folder, hoist, listen, objects, on_record, serve, unpacked,
};
use crate::killed::{Due, chance, kill_after, list, moments, too_many};

/// A get that is killed again and again.
struct Killed<'a> {
    dues: &'a BTreeMap<u64, (String, Due)>,
    out: PathBuf,
    told: BTreeMap<u64, Value>,
    /// What was in shards that had their names: they never change.
    shards: BTreeMap<String, u64>,
}

impl Killed<'_> {
    fn hear(&mut self, told: crate::harness::Told) {
        for (_, line) in told {
            let outcome = objects(&line).remove(0);
            let twice = self.told.insert(outcome["index"].as_u64().unwrap(), outcome);
            assert_eq!(twice, None, "told twice");
        }
    }

    /// Every member is in one shard alone; what was told is in its shard, or in the one that is
    /// written.
    fn check(&mut self) {
        if !self.out.join(".hoist/parts").is_dir() {
            return;
        }
        let mut members = BTreeSet::new();
        for shard in files(&self.out) {
            let path = self.out.join(&shard);
            let length = fs::metadata(&path).unwrap().len();
            for (name, _) in unpacked(&path) {
                assert!(members.insert((shard.clone(), name.clone())), "{name} is there twice");
            }
            let before = *self.shards.entry(shard).or_insert(length);
            assert_eq!(before, length, "a shard has changed");
        }
        let begun: BTreeSet<_> = begun(&self.out).into_iter().collect();
        for outcome in self.told.values() {
            let Some(member) = outcome["member"].as_str() else { continue };
            let shard = outcome["path"].as_str().unwrap();
            let shard = shard.strip_prefix(self.out.to_str().unwrap()).unwrap()[1..].to_owned();
            let named = self.shards.contains_key(&shard);
            let there = if named {
                members.contains(&(shard, member.to_owned()))
            } else {
                begun.contains(member)
            };
            assert!(there, "it was told, and is gone: {outcome}");
        }
    }

    /// At the end: every item once, every body whole, its outcome beside it.
    fn check_end(&self) {
        let record = on_record(&self.out);
        assert!(record.keys().eq(self.dues.keys()), "an outcome is missing");
        for (position, outcome) in &self.told {
            assert_eq!(&record[position], outcome, "not as it was told");
        }
        let mut samples = BTreeMap::new();
        for shard in files(&self.out) {
            let members = unpacked(&self.out.join(&shard));
            for sample in members.chunks(2) {
                let outcome: Value = serde_json::from_slice(&sample[1].1).unwrap();
                assert_eq!(outcome["member"], sample[0].0);
                assert!(outcome["path"].as_str().unwrap().ends_with(&shard));
                let position = outcome["index"].as_u64().unwrap();
                assert_eq!(outcome, record[&position]);
                let twice = samples.insert(position, sample[0].1.clone());
                assert_eq!(twice, None, "{position} is there twice");
            }
        }
        let whole = body(1_000_000);
        for (position, (url, due)) in self.dues {
            match (due, samples.remove(position)) {
                (Due::Ok(length, _), Some(bytes)) => assert!(bytes == whole[..*length], "{url}"),
                (Due::NotFound | Due::Failed(_), None) => {}
                (_, found) => unreachable!("{url}: {due:?}, {}", found.is_some()),
            }
        }
        assert_eq!(fs::read_dir(self.out.join(".hoist/parts")).unwrap().count(), 0);
    }
}

#[test]
fn killed_at_random_moments_a_get_into_shards_loses_and_doubles_nothing() {
    a_get_into_shards_loses_and_doubles_nothing(&[]);
}

#[test]
fn killed_at_random_moments_a_get_into_shards_without_syncs_loses_and_doubles_nothing() {
    a_get_into_shards_loses_and_doubles_nothing(&["--durable", "none", "--ordered"]);
}

fn a_get_into_shards_loses_and_doubles_nothing(options: &[&str]) {
    let mut random = chance();
    let (dir, server) = (folder(), serve(HttpRehearsal::local()));
    let base = format!("http://{}", server.addr());
    let moments = moments(&mut random);
    let (text, dues) = list(&base, too_many(&moments, 800), &mut random);
    fs::write(dir.path().join("list"), text).unwrap();
    let out = dir.path().join("out");
    let to = ["--to", "tar:set/{shard:06}.tar", "--shard-count", "100", "--shard-size", "5M"];
    let line = ["get", "-i", "list", "-o", out.to_str().unwrap(), "--format", "jsonl"];
    let line = [&line[..], &to, &["--retries", "0", "--per-origin", "8"], options].concat();

    let mut killed =
        Killed { dues: &dues, out: out.clone(), told: BTreeMap::new(), shards: BTreeMap::new() };
    for moment in moments {
        let (told, was_at_work) = kill_after(dir.path(), &line, moment);
        assert!(was_at_work, "the list is too short");
        killed.hear(told);
        killed.check();
    }
    let (before, told_before): (_, BTreeSet<u64>) =
        (asked(&server), killed.told.keys().copied().collect());
    let mut child = hoist(dir.path(), &line).spawn().unwrap();
    let told = listen(&mut child);
    assert_eq!(end(child).code, Some(1));
    killed.hear(told.join().unwrap());
    killed.check();
    killed.check_end();
    let after = asked(&server);
    for (url, _) in told_before.iter().map(|position| &dues[position]) {
        let path = url.strip_prefix(&base).unwrap_or_default();
        assert_eq!(before.get(path), after.get(path), "{url} was asked after it was told");
    }
}

//! Runs in virtual time: what is printed, what is refused, and what is learned from a record.

use serde_json::Value;

use crate::harness::{Here, Said, folder, run};

const MODEL: &str = r#"
items = 20_000
origins = 100
seed = 3
population = { spread = "zipf", exponent = 0.8 }

[client]
cpu = "20us"

[origin]
latency = { median = "80ms", sigma = 0.5 }
size = { least = "1K", most = "3K" }
connection = "1M"
errors = { 404 = 0.02, 500 = 0.01, retry_after = "2s" }
hiccups = { reset = 0.001 }

[[group]]
share = 0.05
dead = "silent"

[[group]]
share = 0.05
load = "cliff?at=4&takes=20ms"
"#;

fn simulate(model: &str, more: &[&str]) -> Said {
    let dir = folder();
    std::fs::write(dir.path().join("model.toml"), model).unwrap();
    run(dir.path(), &[&["simulate", "model.toml"], more].concat())
}

fn json(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn each_item_is_in_one_count_and_the_same_seed_gives_the_same() {
    let told = |more: &[&str]| {
        let mut told = json(&simulate(MODEL, more));
        let sum = |names: &[&str]| names.iter().map(|name| told[*name].as_u64().unwrap()).sum();
        let (done, items): (u64, u64) =
            (sum(&["ok", "not_found", "failed", "deferred"]), sum(&["items"]));
        assert_eq!(done, items);
        assert!(told["kinds"]["status"].as_u64() > Some(100), "{told}");
        assert!(told["ms"].as_f64() > told["tail_ms"].as_f64(), "{told}");
        assert!(told["schedule_bytes"].as_u64() > Some(100_000), "{told}");
        assert!(told["process_bytes"].as_u64() > Some(1 << 20), "{told}");
        for name in ["took_ms", "process_bytes"] {
            told.as_object_mut().unwrap().remove(name);
        }
        told
    };
    let of_model = told(&["--json"]);
    assert_eq!(of_model["seed"], 3);
    assert!(of_model["refusals"].as_u64() > Some(0), "{of_model}");
    assert_eq!(of_model, told(&["--json", "--seed", "3"]));
    assert_ne!(of_model, told(&["--json", "--seed", "4"]));
    let scaled = told(&["--json", "--items", "30000", "--origins", "50", "-m", "64"]);
    assert_eq!((&scaled["items"], &scaled["origins"]), (&30_000.into(), &50.into()));
    assert!(scaled["in_flight"].as_u64() <= Some(64));
}

#[test]
fn people_are_told_in_lines() {
    let said = simulate(MODEL, &["--per-origin", "4"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for word in
        [" ok, ", " of 20000 items at 100 origins", "failures: ", "duration ", "tail ", "seed 3"]
    {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    assert!(!said.out.contains("at once;\n"), "{}", said.out);
}

#[test]
fn what_is_wrong_in_a_model_is_told_with_its_line() {
    for (text, why) in [
        ("items = 5\nthings = 6", "model.toml, line 2: unknown field `things`, expected"),
        ("items = -1", "line 1: "),
        ("items = ", "line 1: "),
        ("origins = 0", "line 1: there is at least one origin"),
        ("[origin]\nlatency = \"8x\"", "line 2: 8x: write it as 30s, 500ms, 2m or 1h"),
        ("[origin]\nlatency = { median = \"8ms\" }", "line 2: write { least, most } (uniform)"),
        ("[origin]\nlatency = { media = \"8ms\" }", "line 2: unknown field `media`"),
        ("[origin]\nsize = { least = 9, most = 3 }", "line 2: least is more than most"),
        ("[origin]\nsize = true", "line 2: invalid type"),
        ("[origin]\n\nload = \"kne\"", "line 3: no load model is called kne; there are latency"),
        ("[origin]\nload = \"knee?at=0\"", "line 2: knee: at is a number from 1 to 100000, not 0"),
        ("[origin]\nshare = 0.5", "line 2: a share is for a [[group]]"),
        ("[origin]\ndead = \"yes\"", "line 2: dead is \"silent\" or \"refused\", not \"yes\""),
        ("[origin]\nerrors = { 404 = 1.5 }", "line 2: a share is 0.0 to 1.0, not 1.5"),
        ("[origin]\nerrors = { 404 = 0.7, 500 = 0.7 }", "line 2: these shares come to more than 1"),
        ("[origin.hiccups]\nrest = 0.1", "line 2: rest is no mishap: write a status from 300"),
        ("[[group]]\ndead = \"silent\"", "line 1: a group needs its share"),
        ("[[group]]\nshare = 0.6\n[[group]]\nshare = 0.6", "line 3: the shares of the groups come"),
        ("population = { spread = \"zip\" }", "line 1: write spread = \"uniform\""),
        ("[population]\nspread = \"zipf\"\nexponent = -1.0", "line 3: an exponent is 0.0 to 10.0"),
        ("[population]\norder = \"slow-first\"", "line 2: write order = "),
        ("[client]\nbandwidth = 0", "line 2: a line has more than 0 bytes"),
    ] {
        let said = simulate(text, &[]);
        assert_eq!(said.code, Some(3), "{text}: {said:?}");
        assert!(said.err.contains(why) && said.err.contains("line "), "{text}: {}", said.err);
        assert!(said.out.is_empty());
    }
}

#[test]
fn options_that_make_no_sense_are_usage_errors() {
    let dir = folder();
    for line in [
        &["simulate"][..],
        &["simulate", "m.toml", "--from-ledger", "pages"],
        &["simulate", "m.toml", "--write-model", "n.toml"],
        &["simulate", "m.toml", "--items", "many"],
        &["simulate", "m.toml", "--per-origin", "0"],
    ] {
        assert_eq!(run(dir.path(), line).code, Some(2), "{line:?}");
    }
    let said = run(dir.path(), &["simulate", "m.toml"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("hoist: m.toml: No such file"), "{said:?}");
    let said = run(dir.path(), &["simulate", "--from-ledger", "."]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("there is no ledger"), "{said:?}");
}

#[test]
fn the_example_in_the_docs_can_be_run() {
    let docs = include_str!("../../../../docs/simulate.md");
    let model = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let told = json(&simulate(model, &["--json", "--items", "5000", "--origins", "200"]));
    assert_eq!(told["items"], 5_000);
    let all = docs.split("```toml\n").skip(2).map(|rest| rest.split("```").next().unwrap());
    for model in all {
        json(&simulate(model, &["--json", "--items", "500"]));
    }
}

#[test]
fn a_model_is_learned_from_a_record() {
    let here = Here::new();
    let mut lines: Vec<String> = (0..180).map(|n| format!("/slow?delay=0.02&id={n}")).collect();
    lines.extend((0..20).map(|n| format!("/status/404?id={n}")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    here.write(&lines);
    let dir = here.dir.path();
    let said = run(dir, &["get", "-o", "out", "-i", "list"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let said = run(dir, &["simulate", "--from-ledger", "out", "--write-model", "model.toml"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    let text = std::fs::read_to_string(dir.join("model.toml")).unwrap();
    assert!(text.contains("items = 200\norigins = 1\n") && text.contains("404 = 0.1"), "{text}");
    let told = |line: &[&str]| {
        let mut told = json(&run(dir, line));
        for name in ["took_ms", "process_bytes"] {
            told.as_object_mut().unwrap().remove(name);
        }
        told
    };
    let learned = told(&["simulate", "--from-ledger", "out", "--json"]);
    assert_eq!(learned, told(&["simulate", "model.toml", "--json"]));
    assert_eq!((&learned["items"], &learned["origins"]), (&200.into(), &1.into()));
    assert!((8..40).contains(&learned["not_found"].as_u64().unwrap()), "{learned}");
    assert!(learned["longest_ms"].as_f64() >= Some(20.0), "{learned}");
    let more = told(&["simulate", "--from-ledger", "out", "--json", "--items", "1000"]);
    assert_eq!(more["items"], 1_000);
}

use super::*;
use crate::probe::answers::name;

fn read(text: &str) -> Search {
    Search::read(text, &NamesPlan::default())
}

fn domains(search: &Search) -> Vec<String> {
    search.domains.iter().map(ToString::to_string).collect()
}

/// The names that are asked for a host, if each is answered so; the last answer repeats.
fn asked(search: &Search, host: &str, answers: &[Absence]) -> (Vec<String>, Failure) {
    let mut walk = search.walk(name(host), host.ends_with('.'));
    let mut asked = Vec::new();
    while let Some(next) = walk.next_name() {
        let absence = answers[asked.len().min(answers.len() - 1)];
        let kind = match absence {
            Absence::NoName | Absence::NoData => FailureKind::NoSuchHost,
            Absence::ServFail | Absence::Doubt => FailureKind::DnsFailed,
        };
        walk.learn(absence, Failure::new(kind, format!("{absence:?} {next}")));
        asked.push(next.to_string());
    }
    (asked, walk.into_failure())
}

#[test]
fn the_last_list_counts() {
    assert_eq!(domains(&read("search a.example b.example\n")), ["a.example", "b.example"]);
    assert_eq!(domains(&read("search a\ndomain b.example c\n")), ["b.example"]);
    assert_eq!(domains(&read("domain b\n# search x\n;search y\nsearch\tc\td.\r\n")), ["c", "d"]);
    assert_eq!(domains(&read(" search a\nsearching b\n")), [""; 0]);
    assert_eq!(domains(&read("search a..b 192.0.2.1 good\n")), ["good"]);
    let many = "d.example ".repeat(40);
    assert_eq!(domains(&read(&format!("search {many}\n"))).len(), DOMAINS_MAX);
    let long = format!("{}.example ", "x".repeat(60)).repeat(20);
    assert_eq!(domains(&read(&format!("search {long}\n"))).len(), 20);
    let longer = format!("search{}\n", format!(" {0}.{0}.{0}.example", "x".repeat(60)).repeat(20));
    assert_eq!(domains(&read(&longer)).len(), BYTES_MAX / 192);
}

#[test]
fn variables_and_the_name_of_the_machine_have_their_place() {
    let plan = |search: Option<&str>, machine: Option<&str>| NamesPlan {
        search: search.map(str::to_owned),
        options: Some("ndots:3".to_owned()),
        machine: machine.map(str::to_owned),
    };
    let file = "search file.example\noptions ndots:2 rotate\n";
    let all = Search::read(file, &plan(Some("x.example y.example"), Some("pc.corp.example")));
    assert_eq!(domains(&all), ["x.example", "y.example"]);
    assert_eq!((all.ndots, all.options.rotate), (3, true));
    assert_eq!(
        domains(&Search::read(file, &plan(None, Some("pc.corp.example")))),
        ["file.example"]
    );
    assert_eq!(domains(&Search::read("", &plan(None, Some("pc.corp.example")))), ["corp.example"]);
    assert_eq!(domains(&Search::read("", &plan(None, Some("pc")))), [""; 0]);
    assert_eq!(domains(&Search::read(file, &plan(Some(""), None))), [""; 0]);
}

#[test]
fn options_are_held_within_the_bounds_of_the_c_library() {
    let search = read("options ndots:99 timeout:99 attempts:99\n");
    let expected =
        Options { timeout: Some(Duration::from_secs(30)), attempts: Some(5), rotate: false };
    assert_eq!((search.ndots, search.options), (15, expected));
    let search = read("options timeout:0 attempts:0 ndots:x rotate:1 edns0\noptions rotate\n");
    let expected =
        Options { timeout: Some(Duration::from_secs(1)), attempts: Some(1), rotate: true };
    assert_eq!((search.ndots, search.options), (1, expected));
    assert_eq!(read("").options, Options::default());
}

/// The order of `res_nsearch(3)`, as resolv.conf(5) tells it of `ndots` and `search`.
#[test]
fn names_are_asked_in_the_order_of_the_c_library() {
    let two = "search corp.example example\n";
    for (conf, host, expected) in [
        ("", "www", vec!["www"]),
        ("", "www.a.test", vec!["www.a.test"]),
        (two, "www", vec!["www.corp.example", "www.example", "www"]),
        (two, "www.a", vec!["www.a", "www.a.corp.example", "www.a.example"]),
        (two, "www.a.test", vec!["www.a.test", "www.a.test.corp.example", "www.a.test.example"]),
        (two, "www.", vec!["www"]),
        (two, "www.a.", vec!["www.a"]),
        ("search e\noptions ndots:0\n", "www", vec!["www", "www.e"]),
        ("search e\noptions ndots:2\n", "www", vec!["www.e", "www"]),
        ("search e\noptions ndots:2\n", "www.a", vec!["www.a.e", "www.a"]),
        ("search e\noptions ndots:2\n", "www.a.test", vec!["www.a.test", "www.a.test.e"]),
        ("search e\noptions ndots:2\n", "www.a.", vec!["www.a"]),
        // The root in the list is the name as it stands, and once is enough.
        ("search . e\n", "www", vec!["www", "www.e"]),
        ("search e .\n", "www", vec!["www.e", "www"]),
        ("search e .\n", "www.a", vec!["www.a", "www.a.e"]),
    ] {
        assert_eq!(asked(&read(conf), host, &[Absence::NoName]).0, expected, "{conf:?} {host}");
        assert_eq!(asked(&read(conf), host, &[Absence::NoData]).0, expected, "{conf:?} {host}");
        assert_eq!(asked(&read(conf), host, &[Absence::ServFail]).0, expected, "{conf:?} {host}");
    }
    // What nobody answers ends the list, and the name as it stands is still asked.
    assert_eq!(asked(&read(two), "www", &[Absence::Doubt]).0, ["www.corp.example", "www"]);
    assert_eq!(asked(&read(two), "www.a", &[Absence::Doubt]).0, ["www.a", "www.a.corp.example"]);
}

#[test]
fn what_is_told_in_the_end() {
    use Absence::{Doubt, NoData, NoName, ServFail};
    let search = read("search d e\n");
    for (host, answers, expected) in [
        ("www", [NoName, NoName, NoName], "NoName www (searched: d e)"),
        ("www", [NoName, NoData, NoName], "NoData www.e (searched: d e)"),
        ("www", [ServFail, NoData, NoName], "ServFail www.d"),
        ("www", [NoName, NoName, Doubt], "Doubt www"),
        ("www.a", [NoName, NoName, ServFail], "NoName www.a (searched: d e)"),
        ("www.a", [ServFail, NoName, NoName], "ServFail www.a"),
        ("www.a", [NoData, Doubt, NoName], "NoData www.a (searched: d e)"),
        ("www.a.", [NoName, NoName, NoName], "NoName www.a"),
    ] {
        assert_eq!(asked(&search, host, &answers).1.reason, expected, "{host} {answers:?}");
    }
}

#[test]
fn a_name_that_would_be_too_long_is_passed_over() {
    let long = format!("search {0}.{0}.{0}.{0} e\n", "x".repeat(60));
    let host = format!("{0}.a", "y".repeat(20));
    let expected = [host.clone(), format!("{host}.e")];
    assert_eq!(asked(&read(&long), &host, &[Absence::NoName]).0, expected);
}

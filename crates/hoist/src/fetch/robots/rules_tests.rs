use proptest::prelude::*;

use super::*;

fn allowed(text: &str, target: &str) -> bool {
    Rules::parse(text.as_bytes()).forbids(target).is_none()
}

/// Whether one pattern, as the only rule, covers a path.
fn covers(pattern: &str, target: &str) -> bool {
    !allowed(&format!("User-agent: *\nDisallow: {pattern}\n"), target)
}

#[test]
fn the_groups_of_rfc_9309_section_5_1() {
    let text = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
                User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
                User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\n\
                User-Agent: quxbot\n\nEOF\n";
    let as_bot = |bot: &str, target: &str| allowed(&text.replace(bot, "hoist"), target);
    for (target, right) in [
        ("/publications/a", true),
        ("/example/x", false),
        ("/a.gif", false),
        ("/a.gifs", true),
        ("/other", true),
    ] {
        assert_eq!(allowed(text, target), right, "the rest: {target}");
    }
    assert!(as_bot("foobot", "/example/page.html") && as_bot("foobot", "/example/allowed.gif"));
    assert!(!as_bot("foobot", "/") && !as_bot("foobot", "/example/"));
    for bot in ["barbot", "bazbot"] {
        assert!(!as_bot(bot, "/example/page.html") && as_bot(bot, "/a.gif"), "{bot}");
    }
    assert!(as_bot("quxbot", "/example/x") && as_bot("quxbot", "/a.gif"), "a group without rules");
}

#[test]
fn the_longest_match_of_rfc_9309_section_5_2() {
    let text =
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n"
            .replace("foobot", "hoist");
    assert!(!allowed(&text, "/example/page/disallowed.gif"));
    assert!(allowed(&text, "/example/page/allowed.gif"));
    let tie = "User-agent: *\nDisallow: /page\nAllow: /page\n";
    assert!(allowed(tie, "/page"), "where both are as long, it is allowed");
    assert!(!allowed("User-agent: *\nAllow: /p\nDisallow: /*.ph\n", "/page.php5"));
}

#[test]
fn groups_are_found_by_the_product_token() {
    for (name, ours) in [
        ("hoist", true),
        ("HOIST", true),
        ("hoist/2.0", true),
        ("Hoist (some comment)", true),
        ("hoister", false),
        ("hois", false),
        ("my-hoist", false),
        ("", false),
    ] {
        let text = format!("User-agent: {name}\nDisallow: /a\n\nUser-agent: *\nDisallow: /b\n");
        assert_eq!((allowed(&text, "/a"), allowed(&text, "/b")), (!ours, ours), "{name}");
    }
    let twice = "User-agent: hoist\nDisallow: /a\nUser-agent: x\nDisallow: /x\n\
                 User-agent: hoist\nDisallow: /b\n";
    assert!(!allowed(twice, "/a") && !allowed(twice, "/b") && allowed(twice, "/x"));
    let apart = "User-agent: hoist\nSitemap: http://a.example/s.xml\nUser-agent: x\nDisallow: /\n";
    assert!(!allowed(apart, "/"), "other lines do not part names that share a group");
    assert!(allowed("Disallow: /\nUser-agent: x\nDisallow: /\n", "/"), "rules of nobody");
}

#[test]
fn patterns_have_stars_and_an_end() {
    for (pattern, target, right) in [
        ("/", "/x", true),
        ("/fish", "/fish.html?a", true),
        ("/fish", "/Fish", false),
        ("/fish*", "/fishheads/yummy.html", true),
        ("/fish/", "/fish", false),
        ("/*.php", "/folder/filename.php?parameters", true),
        ("/*.php$", "/filename.php?parameters", false),
        ("/*.php$", "/a.php/b.php", true),
        ("/fish*.php", "/fishheads/catfish.php?x", true),
        ("/fish*.php", "/Fish.PHP", false),
        ("/a*b*c", "/a-b-c-d", true),
        ("/a*c*b", "/a-b-c-d", false),
        ("/a$", "/a", true),
        ("/a$", "/ab", false),
        ("/a$b", "/a$b", true),
        ("/*$", "/anything", true),
        ("*", "/x", true),
        ("**a***b", "/xaxb", true),
        ("/a?b=*&c", "/a?b=1&c=2", true),
        ("x", "/x", false),
    ] {
        assert_eq!(covers(pattern, target), right, "{pattern} {target}");
    }
}

#[test]
fn escapes_are_compared_as_rfc_9309_section_2_2_2_says() {
    for (pattern, target) in [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar"),
        ("/foo/bar/\u{30c4}", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html"),
        ("/path/foo-%24", "/path/foo-$"),
        ("/%", "/%"),
        ("/%zz", "/%zz"),
    ] {
        assert!(covers(pattern, target), "{pattern} {target}");
        assert!(!covers(&format!("{pattern}x"), target), "{pattern}x {target}");
    }
    assert!(!covers("/a%2Fb", "/a/b"), "an escaped slash is none");
    assert!(!covers("/file-%2A", "/file-x"));
}

#[test]
fn lines_are_read_as_people_write_them() {
    let text = "\u{feff}user-AGENT :\t*  # all\r\nDISALLOW: /a # why\r\rdisallow:/b\n\
                noise\nDisallow /c\nDisallow:\n  Disallow:   /d   ";
    for (target, right) in
        [("/a", false), ("/b", false), ("/c", true), ("/d", false), ("/robots.txt", true)]
    {
        assert_eq!(allowed(text, target), right, "{target}");
    }
    assert!(!allowed("User-agent: *\nDisallow: /\n", "/x"));
    assert!(allowed("User-agent: *\nDisallow: /\n", "/robots.txt"));
    assert!(allowed("", "/") && allowed("<html>User-agent: *</html>", "/"));
    let rules = Rules::parse(b"\r\n\r\nUser-agent: *\r\nDisallow: /a\r\n");
    assert_eq!(rules.forbids("/a/b").unwrap().told(), "line 4: Disallow: /a");
}

#[test]
fn delays_are_those_of_the_group() {
    let delay = |text: &str| Rules::parse(text.as_bytes()).delay;
    let text = "User-agent: *\nCrawl-delay: 10\nUser-agent: hoist\ncrawl-delay: 2.5\nDisallow:\n";
    assert_eq!(delay(text), Duration::from_millis(2500));
    assert_eq!(delay("User-agent: *\nCrawl-delay: 10"), Duration::from_secs(10));
    for none in ["-1", "0", "x", "NaN", ""] {
        assert_eq!(delay(&format!("User-agent: *\nCrawl-delay: {none}")), Duration::ZERO, "{none}");
    }
    for long in ["inf", "1e300"] {
        let text = format!("User-agent: *\nCrawl-delay: {long}");
        assert_eq!(delay(&text), defaults::FOREVER, "{long}");
    }
}

/// The same, one byte at a time and in exponential time.
fn fits_slowly(pattern: &[u8], target: &[u8]) -> bool {
    match pattern.split_first() {
        None => true,
        Some((b'$', [])) => target.is_empty(),
        Some((b'*', rest)) => (0..=target.len()).any(|at| fits_slowly(rest, &target[at..])),
        Some((byte, rest)) => target
            .split_first()
            .is_some_and(|(first, target)| first == byte && fits_slowly(rest, target)),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..400), target in ".*") {
        let rules = Rules::parse(&text);
        let _ = rules.forbids(&target).map(Rule::told);
        prop_assert!(rules.weight() <= 1000 + text.len() * size_of::<Rule>());
    }

    #[test]
    fn anything_like_it_is_read(
        lines in proptest::collection::vec("(User-agent|Allow|Disallow|Crawl-delay|x):? ?[*$/a%2A-]{0,6}[\r\n]{1,2}", 0..20),
        target in "/[a*$%2]{0,6}",
    ) {
        let text = lines.concat();
        let rules = Rules::parse(text.as_bytes());
        if let Some(rule) = rules.forbids(&target) {
            let fitting = rules.rules.iter().filter(|rule| rule.fits(&normal(target.as_bytes(), false)));
            prop_assert!(fitting.clone().all(|other| other.pattern.len() <= rule.pattern.len()));
            let mut allowing = fitting.filter(|other| other.allows);
            let shorter = allowing.all(|other| other.pattern.len() < rule.pattern.len());
            prop_assert!(shorter);
        }
    }

    #[test]
    fn patterns_fit_as_they_would_slowly(pattern in "[ab*]{0,7}\\$?", target in "[ab]{0,8}") {
        let rule = Rule { allows: false, pattern: normal(pattern.as_bytes(), true).into(), line: 1 };
        prop_assert_eq!(rule.fits(target.as_bytes()), fits_slowly(pattern.as_bytes(), target.as_bytes()));
    }
}

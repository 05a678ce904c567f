//! The client's command line and its surroundings.

use std::path::Path;
use std::process::Command;

/// Variables that would send a client elsewhere than to the servers.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "ftp_proxy",
    "SSL_CERT_DIR",
];
/// Variables by which clients are told whom to trust.
const TRUST: [&str; 4] =
    ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];

/// What stands in the place of `{url}` and the others.
pub(super) struct Places<'a> {
    pub(super) url: &'a str,
    pub(super) out: &'a Path,
    pub(super) dir: &'a Path,
    pub(super) ca: &'a Path,
}

/// Whether a place is used in a command.
pub(super) fn names(command: &[String], place: &str) -> bool {
    command.iter().any(|word| word.contains(place))
}

/// The command with its places filled, in its folder; none where it has no word.
pub(super) fn fill(command: &[String], places: &Places<'_>) -> Option<Command> {
    let mut words = command.iter().map(|word| fill_word(word, places));
    let program = words.next()?;
    // It is looked for from here, not from the client's folder.
    let program = if program.contains('/') {
        std::path::absolute(&program).ok()?.into_os_string()
    } else {
        program.into()
    };
    let mut filled = Command::new(program);
    filled.args(words).current_dir(places.dir);
    for name in PROXIES {
        filled.env_remove(name);
    }
    for name in TRUST {
        filled.env(name, places.ca);
    }
    filled.env("no_proxy", "*").env("NO_PROXY", "*");
    Some(filled)
}

/// Filled in one go, so that no place is looked for in what was put in.
fn fill_word(word: &str, places: &Places<'_>) -> String {
    let mut filled = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find('}').map_or(1, |end| end + 1);
        match &rest[..end] {
            "{url}" => filled.push_str(places.url),
            "{out}" => filled.push_str(&places.out.to_string_lossy()),
            "{dir}" => filled.push_str(&places.dir.to_string_lossy()),
            "{name}" => {
                filled.push_str(&places.out.file_name().unwrap_or_default().to_string_lossy());
            }
            "{ca}" => filled.push_str(&places.ca.to_string_lossy()),
            _ => {
                // Not one of ours; it may hold one.
                filled.push('{');
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[end..];
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        let places = Places {
            url: "http://h/{out}",
            out: Path::new("/d/body"),
            dir: Path::new("/d"),
            ca: Path::new("/ca.pem"),
        };
        for (word, filled) in [
            ("--url={url}", "--url=http://h/{out}"),
            ("{dir}/{name}={out}", "/d/body=/d/body"),
            ("{ca}", "/ca.pem"),
            ("a{b}{", "a{b}{"),
            ("{{url}}", "{http://h/{out}}"),
            ("{x {name}", "{x body"),
            ("{é}{dir}", "{é}/d"),
        ] {
            assert_eq!(fill_word(word, &places), filled);
        }
    }
}

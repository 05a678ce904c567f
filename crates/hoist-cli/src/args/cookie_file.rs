use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use hoist::plan::{Cookie, defaults};

use super::header_file::{bad_line, text};
use super::said::Refused;

/// Bytes of a file of cookies, at most: as many as are kept, each of the greatest length.
const MAX_FILE: u64 = 16 << 20;

/// Reads a file in Netscape's form, as browsers' add-ons, curl (-c) and wget (--save-cookies) write it:
/// domain, TRUE for hosts below it too, path, TRUE for https alone, seconds since 1970 or 0, name, value,
/// with tabs between. Those that are over are passed over.
pub(super) fn read(path: &Path) -> Result<Vec<Cookie>, Refused> {
    let now = SystemTime::now();
    parse(&text(path, MAX_FILE)?, now).map_err(|(line, why)| bad_line(path, line, &why))
}

fn parse(text: &str, now: SystemTime) -> Result<Vec<Cookie>, (usize, String)> {
    let mut cookies = Vec::new();
    let mut by_domain: HashMap<String, usize> = HashMap::new();
    for (n, line) in (1..).zip(text.lines()) {
        // A comment for those who know no such cookies.
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (domain, cookie) = one(line, now).map_err(|why| (n, why.to_owned()))?;
        let Some(cookie) = cookie else { continue };
        let of_domain = by_domain.entry(domain).or_default();
        *of_domain += 1;
        if *of_domain > defaults::COOKIES_PER_DOMAIN {
            let most = defaults::COOKIES_PER_DOMAIN;
            return Err((n, format!("more than {most} cookies for one domain; leave some out")));
        }
        cookies.push(cookie);
        if cookies.len() > defaults::COOKIES {
            let most = defaults::COOKIES;
            return Err((n, format!("more than {most} cookies; leave out those for other sites")));
        }
    }
    Ok(cookies)
}

/// The domain of a line and its cookie, where it is not over.
fn one(line: &str, now: SystemTime) -> Result<(String, Option<Cookie>), &'static str> {
    let mut fields: Vec<&str> = line.split('\t').collect();
    // An empty value, and an editor that cut the line.
    if fields.len() == 6 {
        fields.push("");
    }
    let [domain, below, path, secure, expires, name, value] = fields[..] else {
        return Err(
            "no cookie: domain, TRUE or FALSE, path, TRUE or FALSE, time, name and value, \
                    with tabs between",
        );
    };
    let truth = |text: &str| match text.to_ascii_uppercase().as_str() {
        "TRUE" => Ok(true),
        "FALSE" => Ok(false),
        _ => Err("the second and the fourth field are TRUE or FALSE"),
    };
    let (below, secure) = (truth(below)?, truth(secure)?);
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    if domain.is_empty() || !path.starts_with('/') {
        return Err("the first field is a host, the third a path that begins with /");
    }
    // Some write fractions of seconds.
    let whole = expires.split('.').next().unwrap_or_default();
    let expires: u64 =
        whole.parse().map_err(|_| "the fifth field is in seconds since 1970, or 0")?;
    let cookie = Cookie::new(&domain, name.as_bytes(), value.as_bytes()).ok_or(
        "name and value can't be sent: too long, or with control characters or a semicolon",
    )?;
    let mut cookie = cookie.with_path(path);
    if below {
        cookie = cookie.with_hosts_below();
    }
    if secure {
        cookie = cookie.secure_only();
    }
    if expires > 0
        && let Some(expires) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(expires))
    {
        if expires <= now {
            return Ok((domain, None));
        }
        cookie = cookie.until(expires);
    }
    Ok((domain, Some(cookie)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_as_curl_writes_them() {
        let text = "# Netscape HTTP Cookie File\n\n\
                    .a.example\tTRUE\t/\tFALSE\t0\tsession\tone\n\
                    #HttpOnly_A.example\tFALSE\t/x\tTRUE\t4102444800\tsafe\ttwo\n\
                    a.example\tFALSE\t/\tFALSE\t1.5\told\tx\n\
                    a.example\tFALSE\t/\tFALSE\t0\tempty\n";
        let cookie = |name: &[u8], value: &[u8]| Cookie::new("a.example", name, value).unwrap();
        let until = SystemTime::UNIX_EPOCH + Duration::from_hours(1_139_568);
        let expected = [
            cookie(b"session", b"one").with_hosts_below(),
            cookie(b"safe", b"two").with_path("/x").secure_only().until(until),
            cookie(b"empty", b""),
        ];
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(parse(text, now).unwrap(), expected);
        assert_eq!(parse("", now).unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_without_the_cookie() {
        let now = SystemTime::UNIX_EPOCH;
        for (line, word) in [
            ("a=secret", "tabs"),
            ("a.example TRUE / FALSE 0 n secret", "tabs"),
            ("a.example\tyes\t/\tFALSE\t0\tn\tsecret", "TRUE or FALSE"),
            ("a.example\tTRUE\tx\tFALSE\t0\tn\tsecret", "path"),
            ("\tTRUE\t/\tFALSE\t0\tn\tsecret", "host"),
            ("a.example\tTRUE\t/\tFALSE\tsoon\tn\tsecret", "1970"),
            ("a.example\tTRUE\t/\tFALSE\t0\tn\tsecret;x", "semicolon"),
        ] {
            let (n, why) = parse(&format!("\n# x\n{line}"), now).unwrap_err();
            assert_eq!(n, 3, "{line}");
            assert!(why.contains(word) && !why.contains("secret"), "{why}");
        }
        let line = "a\tTRUE\t/\tFALSE\t0\tn\tv\n";
        assert_eq!(parse(&line.repeat(51), now).unwrap_err().0, 51);
        let many: Vec<String> = (0..3001).map(|n| format!("a{n}{}", &line[1..])).collect();
        assert_eq!(parse(&many.concat(), now).unwrap_err().0, 3001);
    }
}

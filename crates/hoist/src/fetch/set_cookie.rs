//! Reads Set-Cookie (RFC 6265 §5.2), by the stricter rules that browsers have meanwhile (RFC 6265bis).

use std::time::{Duration, SystemTime};

use crate::item::Origin;
use crate::plan::{Cookie, defaults};

/// The cookie that a field's value sets, where the server at `origin` may set it.
///
/// It goes back to this host alone, whatever its Domain says: which domains are everybody's (`co.uk`,
/// `github.io`) only a list could tell.
pub(super) fn parse(field: &[u8], origin: &Origin, path: &str, now: SystemTime) -> Option<Cookie> {
    let mut parts = field.split(|byte| *byte == b';');
    let (name, value) = pair(parts.next()?);
    let value = value?;
    if name.is_empty() {
        return None;
    }
    let mut cookie = Cookie::new(&origin.host, name, value)?.with_path(default_path(path));
    let (mut max_age, mut domain, mut own_path) = (None, None, None);
    for part in parts {
        let (name, value) = pair(part);
        let value = value.unwrap_or_default();
        if value.len() > MAX_ATTRIBUTE {
            continue;
        }
        match name.to_ascii_lowercase().as_slice() {
            b"expires" => cookie.expires = date(value).or(cookie.expires),
            b"max-age" => max_age = seconds(value).or(max_age),
            b"domain" => domain = Some(value.strip_prefix(b".").unwrap_or(value)),
            b"path" => own_path = std::str::from_utf8(value).ok(),
            b"secure" => cookie.secure = true,
            _ => {}
        }
    }
    if let Some(age) = max_age {
        cookie.expires = Some(now.checked_add(age).unwrap_or(now + defaults::FOREVER));
    }
    let domain = domain.filter(|domain| !domain.is_empty());
    if domain.is_some_and(|domain| !is_at_or_below(&origin.host, domain)) {
        return None;
    }
    let own_path = own_path.filter(|path| path.starts_with('/'));
    if let Some(path) = own_path {
        cookie.path = path.into();
    }
    // Else who is in between could set it over http.
    if cookie.secure && !origin.secure {
        return None;
    }
    let begins = |prefix: &[u8]| {
        name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    if begins(b"__Secure-") && !cookie.secure {
        return None;
    }
    if begins(b"__Host-") && !(cookie.secure && domain.is_none() && own_path == Some("/")) {
        return None;
    }
    Some(cookie)
}

/// Bytes of an attribute that is read, at most.
const MAX_ATTRIBUTE: usize = 1024;

/// Name and value, without the blanks around them.
fn pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(at) => (part[..at].trim_ascii(), Some(part[at + 1..].trim_ascii())),
        None => (part.trim_ascii(), None),
    }
}

/// RFC 6265 §5.1.3.
fn is_at_or_below(host: &str, domain: &[u8]) -> bool {
    let host = host.as_bytes();
    let Some(at) = host.len().checked_sub(domain.len()) else { return false };
    host[at..].eq_ignore_ascii_case(domain) && (at == 0 || host[at - 1] == b'.')
}

/// RFC 6265 §5.1.4: the path up to its last slash.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// RFC 6265 §5.2.2. A negative one means that it is over.
fn seconds(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(Duration::ZERO);
    }
    let seconds = digits.parse().map_or(defaults::FOREVER, Duration::from_secs);
    Some(seconds.min(defaults::FOREVER))
}

/// RFC 6265 §5.1.1: dates in about any form.
fn date(value: &[u8]) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let between =
        |byte: &u8| matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e);
    for token in value.split(between).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = clock(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        year => year,
    };
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    if !(1..=31).contains(&day) || year < 1601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let day = u64::from(day);
    let of_day = Duration::from_secs(u64::from(hour * 3600 + minute * 60 + second));
    // What was over before the clocks began is over.
    let Some(days) = days_before(u64::from(year), month).checked_add(day - 1)?.checked_sub(EPOCH)
    else {
        return Some(SystemTime::UNIX_EPOCH);
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_hours(days * 24) + of_day)
}

/// Days before 1 January 1970.
const EPOCH: u64 = days_before(1970, 1);

/// Days of the Gregorian calendar from the year 0 to the first of a month.
const fn days_before(year: u64, month: u64) -> u64 {
    // Years begin in March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5
}

/// `h:m:s`, of one or two digits each.
fn clock(token: &[u8]) -> Option<(u32, u32, u32)> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let mut next = |last| {
        let part = parts.next()?;
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if last || digits == part.len() { number(part, 1, 2) } else { None }
    };
    Some((next(false)?, next(false)?, next(true)?))
}

/// A number of so many digits, whatever follows it.
fn number(token: &[u8], min: usize, max: usize) -> Option<u32> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let all = token.get(..digits).filter(|_| (min..=max).contains(&digits))?;
    std::str::from_utf8(all).ok()?.parse().ok()
}

fn month_of(token: &[u8]) -> Option<u64> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let begin = token.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| begin.eq_ignore_ascii_case(*month)).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn set(field: &str, url: &str) -> Option<Cookie> {
        let url = Url::parse(url).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        parse(field.as_bytes(), &Origin::of(&url).unwrap(), url.path(), now)
    }

    #[test]
    fn cookies_are_read_as_browsers_read_them() {
        let url = "http://www.a.example/x/y";
        let cookie = |name: &str, value: &str, path: &str| {
            Cookie::new("www.a.example", name.as_bytes(), value.as_bytes()).unwrap().with_path(path)
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (field, expected) in [
            ("a=b", Some(cookie("a", "b", "/x"))),
            (" a = \"b c\" ; HttpOnly; SameSite=Lax", Some(cookie("a", "\"b c\"", "/x"))),
            ("a==b=c", Some(cookie("a", "=b=c", "/x"))),
            ("a=; path=/", Some(cookie("a", "", "/"))),
            ("a=b; Path=z", Some(cookie("a", "b", "/x"))),
            (
                "a=b; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:01 GMT",
                Some(cookie("a", "b", "/x").until(at(1010))),
            ),
            ("a=b; Max-Age=-1", Some(cookie("a", "b", "/x").until(at(1000)))),
            ("a=b; Max-Age=1x", Some(cookie("a", "b", "/x"))),
            (
                "a=b; Expires=Wed, 09-Jun-21 10:18:14 GMT",
                Some(cookie("a", "b", "/x").until(at(1_623_233_894))),
            ),
            // It stays with the host.
            ("a=b; Domain=.A.example", Some(cookie("a", "b", "/x"))),
            ("a=b; Domain=example", Some(cookie("a", "b", "/x"))),
            ("a=b; Domain=", Some(cookie("a", "b", "/x"))),
            ("a=b; Domain=b.example", None),
            ("a=b; Domain=xwww.a.example", None),
            ("a=b; Domain=c.www.a.example", None),
            ("a=b; Secure", None),
            ("__Secure-a=b", None),
            ("a", None),
            ("=b", None),
            ("", None),
            ("a=b\u{7f}", None),
        ] {
            assert_eq!(set(field, url), expected, "{field}");
        }
        let secure = "https://a.example/";
        assert!(set("a=b; secure", secure).unwrap().secure);
        assert!(set("__Host-a=b; Secure; Path=/", secure).is_some());
        assert!(set("__Host-a=b; Secure; Path=/x", secure).is_none());
        assert!(set("__Host-a=b; Secure; Path=/; Domain=a.example", secure).is_none());
        assert!(set(&format!("a={}", "x".repeat(5000)), secure).is_none());
    }

    #[test]
    fn dates_are_read_in_about_any_form() {
        let at = |text: &str| {
            let time = date(text.as_bytes())?;
            Some(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        };
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("6 november 1994 8:49:37", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("Fri, 31-Dec-9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
            ("Mon, 01 Jan 1600 00:00:00 GMT", None),
            ("Mon, 01 Jan 2000 24:00:00 GMT", None),
            ("Mon, 32 Jan 2000 00:00:00 GMT", None),
            ("Mon, 01 Jan 2000", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }
}

//! What a Range header asks for (RFC 9110, section 14).

/// What is asked for of a body. `to` is behind the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    All,
    Part {
        from: u64,
        to: u64,
    },
    /// A part that lies behind the end.
    Beyond,
}

/// Reads a Range header for a body of `of` bytes. What is no range of bytes is to be ignored; several
/// ranges at once may be (RFC 9110, section 14.2), and are.
pub(crate) fn asked(range: Option<&str>, of: u64) -> Asked {
    range.and_then(|range| read(range, of)).unwrap_or(Asked::All)
}

fn read(range: &str, of: u64) -> Option<Asked> {
    let (unit, set) = range.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let (from, to) = match (first, last) {
        ("", suffix) => (of.saturating_sub(number(suffix)?.min(of)), of),
        (first, "") => (number(first)?, of),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(of))
        }
    };
    Some(if from < to { Asked::Part { from, to } } else { Asked::Beyond })
}

/// A number too large for us lies behind any end.
fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let part = |from, to| Asked::Part { from, to };
        for (range, of, expected) in [
            ("bytes=0-", 10, part(0, 10)),
            ("Bytes=3-", 10, part(3, 10)),
            ("bytes= 9-9 ", 10, part(9, 10)),
            ("bytes=3-99999999999999999999999", 10, part(3, 10)),
            ("bytes=-3", 10, part(7, 10)),
            ("bytes=-30", 10, part(0, 10)),
            ("bytes=10-", 10, Asked::Beyond),
            ("bytes=18446744073709551616-", 10, Asked::Beyond),
            ("bytes=-0", 10, Asked::Beyond),
            ("bytes=0-", 0, Asked::Beyond),
            ("bytes=-1", 0, Asked::Beyond),
            ("bytes=5-4", 10, Asked::All),
            ("bytes=-", 10, Asked::All),
            ("bytes=a-", 10, Asked::All),
            ("bytes=+1-2", 10, Asked::All),
            ("bytes=0-1,3-4", 10, Asked::All),
            ("lines=0-1", 10, Asked::All),
            ("bytes", 10, Asked::All),
            ("", 10, Asked::All),
        ] {
            assert_eq!(asked(Some(range), of), expected, "{range} of {of}");
        }
        assert_eq!(asked(None, 10), Asked::All);
    }
}

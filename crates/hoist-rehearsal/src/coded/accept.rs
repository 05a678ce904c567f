//! What a request asks for.

/// Whether an Accept-Encoding wants this coding (RFC 9110, section 12.5.3): it or `*` is there,
/// with a weight other than zero.
pub(crate) fn accepts(value: &str, coding: &str) -> bool {
    let mut any = false;
    for element in value.split(',') {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let wanted = !parts.any(|part| {
            let weight = part.split_once('=').filter(|(q, _)| q.trim().eq_ignore_ascii_case("q"));
            weight.is_some_and(|(_, n)| n.trim().parse().is_ok_and(|n: f64| n <= 0.0))
        });
        let same = name.eq_ignore_ascii_case(coding)
            || coding == "gzip" && name.eq_ignore_ascii_case("x-gzip");
        if same {
            return wanted;
        }
        any |= wanted && name == "*";
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_accepts() {
        for (value, gzip) in [
            ("gzip", true),
            ("GZIP;q=0.5", true),
            ("x-gzip", true),
            ("br, gzip", true),
            ("*", true),
            ("*;q=0, gzip", true),
            ("gzip;q=0, *", false),
            ("gzip; Q = 0.000", false),
            ("br", false),
            ("identity", false),
            ("", false),
            ("gzipped", false),
            (";;,,=", false),
        ] {
            assert_eq!(accepts(value, "gzip"), gzip, "{value}");
        }
    }
}

//! Percent-encoding in URLs (RFC 3986, section 2.1).

use std::borrow::Cow;

/// Percent-decodes; an error for what is not UTF-8 then, or a `%` without two digits.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err("a % without two hexadecimal digits");
            };
            u8::try_from(high * 16 + low).unwrap_or_default()
        } else {
            byte
        };
        out.push(byte);
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| "not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        assert_eq!(decode("a+b"), Ok("a+b".into()));
        assert_eq!(decode("%2e%2E/%C3%A9"), Ok("../é".into()));
        for bad in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}

use std::io::Read;
use std::path::Path;

use super::get::Header;
use super::said::Refused;

/// Bytes of a file of headers or of users and passwords, at most: what is longer is another file.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// Headers from a file, one `Name: value` a line; blank lines and those that begin with # are skipped.
pub(super) fn read(path: &Path) -> Result<Vec<Header>, Refused> {
    let text = text(path, MAX_FILE)?;
    let mut headers = Vec::new();
    for (n, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let header = line.parse::<Header>();
        headers.push(header.map_err(|why| bad_line(path, n, &why))?);
    }
    Ok(headers)
}

/// The text of a file that is not longer than that.
pub(super) fn text(path: &Path, max: u64) -> Result<String, Refused> {
    let unusable =
        |why: &dyn std::fmt::Display| Refused::Unusable(format!("{}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| unusable(&error))?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(|error| unusable(&error))?;
    if bytes.len() as u64 > max {
        return Err(unusable(&format!("it has more than {max} bytes, which is too long for it")));
    }
    String::from_utf8(bytes).map_err(|_| unusable(&"it is not UTF-8 text"))
}

/// A line that can't be read. The line itself may hold secrets, and is not told.
pub(super) fn bad_line(path: &Path, number: usize, why: &str) -> Refused {
    Refused::Unusable(format!("{}, line {number}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Result<Vec<(String, String)>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        match read(file.path()) {
            Ok(headers) => Ok(headers
                .into_iter()
                .map(|Header(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect()),
            Err(Refused::Unusable(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_is_a_header() {
        let text = b"# mine\n\nAccept-Language: de\r\n  X-Key:  a: b \nX-Key: c";
        let expected = [("accept-language", "de"), ("x-key", "a: b"), ("x-key", "c")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read_text(text), Ok(expected.to_vec()));
        assert_eq!(read_text(b""), Ok(vec![]));
    }

    #[test]
    fn a_bad_line_is_told_by_its_number() {
        let why = read_text(b"A: b\n\nAuthorization Bearer secret\n").unwrap_err();
        assert!(why.contains(", line 3: ") && why.contains("colon"), "{why}");
        assert!(!why.contains("secret"), "{why}");
        assert!(read_text(b"Host: a\n").unwrap_err().contains("line 1"));
        assert!(read_text(b"A: \xff\n").unwrap_err().contains("UTF-8"));
        let long = vec![b'#'; usize::try_from(MAX_FILE).unwrap() + 1];
        assert!(read_text(&long).unwrap_err().contains("too long"));
    }
}

use crate::item::Position;

/// A run of lines as they were read, not yet looked at: nothing is allocated per line.
#[derive(Debug)]
pub(crate) enum Block {
    /// Whole lines of a text, each with its line end, but for the very last.
    Text { first: Position, bytes: Vec<u8>, taken: usize },
    /// Items of an iterator; nothing in them is a comment.
    Items { first: Position, items: std::vec::IntoIter<String> },
    /// A line longer than a line may be, and its beginning.
    TooLong { position: Position, beginning: Vec<u8>, length: u64 },
}

/// One line, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) line: Line,
    /// What it took in the input, with its line end.
    pub(crate) bytes: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Something is asked.
    Asked(String),
    /// A blank line or a comment: counted, not answered.
    Skipped,
    /// A line that can't be read; its outcome says so. The text is shown to people.
    Unreadable { shown: String, reason: String },
}

/// The byte order mark that some editors put before a text.
const BOM: &[u8] = b"\xEF\xBB\xBF";

impl Iterator for Block {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match self {
            Self::Text { first, bytes, taken } => {
                let rest = bytes.get(*taken..).filter(|rest| !rest.is_empty())?;
                let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                let position = *first;
                let line = parse(position, &rest[..length]);
                *taken += length;
                *first = position.next();
                Some(Entry { position, line, bytes: length as u64 })
            }
            Self::Items { first, items } => {
                let item = items.next()?;
                let position = *first;
                *first = position.next();
                let bytes = item.len() as u64;
                Some(Entry { position, line: Line::Asked(item), bytes })
            }
            Self::TooLong { position, beginning, length } => {
                if *length == 0 {
                    return None;
                }
                let bytes = std::mem::take(length);
                let shown = format!("{}...", String::from_utf8_lossy(beginning));
                let reason = format!(
                    "the line has {bytes} bytes; a line may have {} (are its ends line feeds?)",
                    super::MAX_LINE
                );
                let line = Line::Unreadable { shown, reason };
                Some(Entry { position: *position, line, bytes })
            }
        }
    }
}

fn parse(position: Position, raw: &[u8]) -> Line {
    let mut line = raw.strip_suffix(b"\n").unwrap_or(raw);
    line = line.strip_suffix(b"\r").unwrap_or(line);
    if position == Position(0) {
        line = line.strip_prefix(BOM).unwrap_or(line);
    }
    match std::str::from_utf8(line) {
        Ok(text) => match text.trim_ascii_start() {
            "" => Line::Skipped,
            comment if comment.starts_with('#') => Line::Skipped,
            asked => Line::Asked(asked.trim_ascii_end().to_owned()),
        },
        Err(error) => {
            let reason = if line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF") {
                "the list is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8".to_owned()
            } else {
                format!(
                    "line {} is not UTF-8 at byte {}",
                    position.line_number(),
                    error.valid_up_to() + 1
                )
            };
            Line::Unreadable { shown: String::from_utf8_lossy(line).into_owned(), reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Line)> {
        Block::Text { first: Position(0), bytes: text.to_vec(), taken: 0 }
            .map(|entry| (entry.position.0, entry.line))
            .collect()
    }

    fn asked(text: &str) -> Line {
        Line::Asked(text.to_owned())
    }

    #[test]
    fn every_physical_line_has_a_position() {
        let text = b"\xEF\xBB\xBFone\r\n\n# no\n  two \tname\n \t\nlast";
        assert_eq!(
            lines(text),
            [
                (0, asked("one")),
                (1, Line::Skipped),
                (2, Line::Skipped),
                (3, asked("two \tname")),
                (4, Line::Skipped),
                (5, asked("last")),
            ]
        );
    }

    #[test]
    fn a_line_that_is_not_utf8_is_told_by_number() {
        let all = lines(b"ok\nb\xFFd\n");
        let (1, Line::Unreadable { shown, reason }) = &all[1] else { panic!("{all:?}") };
        assert_eq!(shown, "b\u{FFFD}d");
        assert_eq!(reason, "line 2 is not UTF-8 at byte 2");
        let utf16 = lines(b"\xFF\xFEh\0\n");
        assert!(matches!(&utf16[0].1, Line::Unreadable { reason, .. } if reason.contains("iconv")));
    }
}

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where an item stands in its list: the number of its physical line, from 0, blank lines and
/// comments counted. A position is the identity of an item.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The file in this folder that has it as its name. Written by hand: each item has one.
    pub(crate) fn file_in(self, folder: &Path) -> PathBuf {
        let mut digits = [0; 20];
        let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 1 + digits.len());
        path.push(folder);
        path.push(self.digits(&mut digits));
        path
    }

    fn digits(self, digits: &mut [u8; 20]) -> &str {
        let mut at = digits.len();
        let mut rest = self.0;
        loop {
            at -= 1;
            // A digit is below ten.
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return std::str::from_utf8(&digits[at..]).unwrap_or_default();
            }
        }
    }

    /// The number of the line as an editor counts it, from 1.
    pub fn line_number(self) -> u64 {
        self.0 + 1
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_is_displayed() {
        for position in [0, 7, 10, 99, 100, u64::MAX].map(Position) {
            let name = position.to_string();
            assert_eq!(position.file_in(Path::new("a/b")), Path::new("a/b").join(&name));
            assert_eq!(position.file_in(Path::new("")), Path::new(&name));
        }
    }
}

use std::fmt;

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

    /// It as text. Written by hand: each item's file has it as its name.
    pub(crate) fn to_text(self) -> String {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = self.0;
        loop {
            at -= 1;
            // A digit is below ten.
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return String::from_utf8_lossy(&digits[at..]).into_owned();
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
            assert_eq!(position.to_text(), position.to_string());
        }
    }
}

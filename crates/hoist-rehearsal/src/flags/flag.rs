//! One flag: from its line in the table to its picture, drawn once.

use std::sync::OnceLock;

use super::canvas::Canvas;
use super::{drawing, table};

/// The width of every flag in pixels.
const WIDTH: usize = 320;

/// One country's flag.
#[derive(Debug)]
pub struct Flag {
    /// The ISO 3166 code of the country, lower case.
    pub cc: &'static str,
    /// The country's English name, plain ASCII.
    pub country: &'static str,
    /// Width to height.
    pub(super) ratio: (u8, u8),
    /// See the module `drawing`.
    pub(super) drawing: &'static str,
    pub(super) gif: OnceLock<Vec<u8>>,
}

impl Flag {
    /// The picture as a GIF, drawn when first asked for.
    pub fn gif(&'static self) -> &'static [u8] {
        self.gif.get_or_init(|| self.draw())
    }

    /// The picture if it has been drawn before.
    pub(crate) fn drawn(&'static self) -> Option<&'static [u8]> {
        self.gif.get().map(Vec::as_slice)
    }

    fn draw(&self) -> Vec<u8> {
        let (width, height) = (usize::from(self.ratio.0), usize::from(self.ratio.1));
        let mut canvas = Canvas::new(WIDTH, (WIDTH * height + width / 2) / width);
        // A test draws every line of the table; one with a mistake is drawn up to it.
        let _ = drawing::draw(&mut canvas, self.drawing);
        canvas.gif()
    }
}

/// The flag of a country, by its two letters in any case; none for what is not in
/// [`COUNTRY_CODES`](super::COUNTRY_CODES).
pub fn flag(cc: &str) -> Option<&'static Flag> {
    let cc = cc.to_ascii_lowercase();
    let at = table::FLAGS.binary_search_by(|flag| flag.cc.cmp(&cc)).ok()?;
    Some(&table::FLAGS[at])
}

/// The GIF of [`flag`].
pub fn flag_gif(cc: &str) -> Option<&'static [u8]> {
    flag(cc).map(Flag::gif)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::COUNTRY_CODES;
    use std::collections::HashMap;

    #[test]
    fn the_table_is_the_list_of_codes() {
        assert_eq!(COUNTRY_CODES.len(), 194);
        let lower: Vec<_> = COUNTRY_CODES.iter().map(|cc| cc.to_ascii_lowercase()).collect();
        assert_eq!(lower, table::FLAGS.iter().map(|f| f.cc).collect::<Vec<_>>());
        assert!(COUNTRY_CODES.is_sorted());
        assert!(flag("xx").is_none() && flag("").is_none());
        assert_eq!(flag("fR").unwrap().country, "France");
        assert!(table::FLAGS.iter().all(|f| f.country.is_ascii() && !f.country.contains('"')));
    }

    #[test]
    fn every_line_can_be_drawn_to_its_end() {
        for flag in &table::FLAGS {
            let mut canvas = Canvas::new(60, 40);
            let drawn = drawing::draw(&mut canvas, flag.drawing);
            assert_eq!(drawn, Ok(()), "{}", flag.cc);
        }
    }

    #[test]
    fn pictures_are_gifs_of_the_right_size_and_no_two_are_the_same() {
        let mut seen: HashMap<&[u8], &str> = HashMap::new();
        for flag in &table::FLAGS {
            let gif = flag.gif();
            assert!(gif.starts_with(b"GIF89a") && gif.ends_with(b";"), "{}", flag.cc);
            assert_eq!(u16::from_le_bytes([gif[6], gif[7]]), 320, "{}", flag.cc);
            if let Some(other) = seen.insert(gif, flag.cc) {
                // Indonesia and Monaco differ in shape only, so nothing may be equal.
                panic!("{} looks like {other}", flag.cc);
            }
        }
        let height = |cc| {
            let gif = flag_gif(cc).unwrap();
            u16::from_le_bytes([gif[8], gif[9]])
        };
        assert_eq!([height("FR"), height("GB"), height("CH")], [213, 160, 320]);
    }
}

//! What a URL says about its fault.

use crate::http::exchange::{Exchange, Trouble};
use crate::http::request::decode;

/// The longest body anyone may ask for.
const LONGEST: u64 = 1 << 40;

/// The parameters of a query, each asked for once; then `done` refuses what nobody asked for, so
/// that a mistyped parameter is not a quiet default. Parameters that start with `x` or are called
/// `id` only make URLs differ, and are let through.
pub(super) struct Params<'a> {
    all: Vec<(&'a str, &'a str)>,
}

impl<'a> Params<'a> {
    pub(super) fn of(ex: &Exchange<'a>) -> Self {
        Self { all: ex.request.params().collect() }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let at = self.all.iter().position(|(n, _)| *n == name)?;
        Some(self.all.remove(at).1)
    }

    pub(super) fn number(&mut self, name: &str, or: u64) -> Result<u64, Trouble> {
        self.text(name).map_or(Ok(or), number)
    }

    pub(super) fn status(&mut self, or: u16) -> Result<u16, Trouble> {
        self.text("status").map_or(Ok(or), status_code)
    }

    pub(super) fn done(self) -> Result<(), Trouble> {
        if self.all.iter().all(|(name, _)| *name == "id" || name.starts_with('x')) {
            Ok(())
        } else {
            Err(Trouble::BadRequest("an unknown parameter"))
        }
    }
}

pub(super) fn number(text: &str) -> Result<u64, Trouble> {
    text.parse()
        .ok()
        .filter(|n| *n <= LONGEST)
        .ok_or(Trouble::BadRequest("a parameter that is no number up to 2^40"))
}

pub(super) fn status_code(text: &str) -> Result<u16, Trouble> {
    text.parse()
        .ok()
        .filter(|code| (200..=999).contains(code))
        .ok_or(Trouble::BadRequest("a status is 200 to 999"))
}

pub(super) fn decoded(text: &str) -> Result<String, Trouble> {
    decode(text).map(std::borrow::Cow::into_owned).map_err(Trouble::BadRequest)
}

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::defaults;
use crate::item::FileName;

/// How shards are named: a path below the root with the number of the shard in it, as
/// `shards/{shard:06}.tar`. `{shard:06}` has six digits or more, `{shard}` as many as it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardTemplate {
    before: String,
    digits: usize,
    after: String,
}

/// When a shard is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardLimits {
    /// Samples in it.
    pub samples: NonZeroU64,
    /// Bytes of it. A sample that alone takes more has a shard of its own.
    pub bytes: u64,
}

impl Default for ShardLimits {
    fn default() -> Self {
        let samples = NonZeroU64::new(defaults::SHARD_SAMPLES).unwrap_or(NonZeroU64::MIN);
        Self { samples, bytes: defaults::SHARD_BYTES }
    }
}

impl ShardTemplate {
    /// The name of a shard, with slashes.
    pub(crate) fn fill(&self, shard: u64) -> String {
        let Self { before, digits, after } = self;
        format!("{before}{shard:0digits$}{after}")
    }
}

impl fmt::Display for ShardTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, digits, after } = self;
        match digits {
            0 => write!(f, "{before}{{shard}}{after}"),
            digits => write!(f, "{before}{{shard:0{digits}}}{after}"),
        }
    }
}

/// The text names no shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadShards(&'static str);

impl fmt::Display for BadShards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadShards {}

/// Digits that a number of 64 bits has, about.
const MOST_DIGITS: usize = 20;

impl FromStr for ShardTemplate {
    type Err = BadShards;

    fn from_str(text: &str) -> Result<Self, BadShards> {
        let (before, rest) = text.split_once('{').ok_or(BadShards("it has no {shard}"))?;
        let (word, after) = rest.split_once('}').ok_or(BadShards("a { is not closed"))?;
        let digits = match word.split_once(':') {
            None if word == "shard" => 0,
            Some(("shard", digits)) => digits
                .parse()
                .ok()
                .filter(|digits| *digits <= MOST_DIGITS)
                .ok_or(BadShards("behind the colon goes a number of digits, as 06"))?,
            _ => return Err(BadShards("only {shard} can be in it")),
        };
        if [before, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(BadShards("it has one {shard}, and no other braces"));
        }
        if after.strip_suffix(".tar").is_none() {
            return Err(BadShards("shards are not compressed: the name ends with .tar"));
        }
        let (before, after) = (before.to_owned(), after.to_owned());
        let template = Self { before, digits, after };
        // What a name may not have would be written in another way.
        if FileName::from_text(&template.fill(0)).to_text() == template.fill(0) {
            Ok(template)
        } else {
            Err(BadShards(
                "it is a path below the output folder, without .. or characters that names of \
                 files can't have everywhere",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_filled_in() {
        for (text, name) in [
            ("shards/{shard:06}.tar", "shards/000007.tar"),
            ("{shard}.tar", "7.tar"),
            ("a/b-{shard:02}-of-many.tar", "a/b-07-of-many.tar"),
        ] {
            let template: ShardTemplate = text.parse().unwrap();
            assert_eq!((template.fill(7), template.to_string()), (name.to_owned(), text.into()));
        }
        let wide: ShardTemplate = "{shard:02}.tar".parse().unwrap();
        assert_eq!(wide.fill(u64::MAX), "18446744073709551615.tar");
    }

    #[test]
    fn bad_templates_say_what_is_wrong() {
        for (text, word) in [
            ("", "no {shard}"),
            ("shards.tar", "no {shard}"),
            ("{shard", "closed"),
            ("{index}.tar", "only {shard}"),
            ("{shard:x}.tar", "digits"),
            ("{shard:99}.tar", "digits"),
            ("{shard}{shard}.tar", "one {shard}"),
            ("{shard}}.tar", "one {shard}"),
            ("{shard}.tar.gz", "compressed"),
            ("{shard}", "compressed"),
            ("/data/{shard}.tar", "below"),
            ("../{shard}.tar", "below"),
            ("a//{shard}.tar", "below"),
            (".hoist/{shard}.tar", "below"),
            ("a:{shard}.tar", "below"),
        ] {
            let error = text.parse::<ShardTemplate>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

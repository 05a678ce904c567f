//! What can go wrong with an answer to a query: the table, and reading a fault as it is written.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::message::Rcode;
use crate::catalogue::About;
use crate::spec::{Params, Wrong, split};

/// The most answers that one query gets.
const ANSWERS: u64 = 1000;
/// The most aliases in a row that are made; more do not fit a message.
const ALIASES: u64 = 200;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The truth, once.
    Answer,
    Delay(RangeInclusive<Duration>),
    Drop,
    Duplicate(u64),
    Rate(u64),
    Say(Rcode),
    /// The name exists and has nothing of this type.
    NoData,
    Truncate(OverTcp),
    WrongId,
    WrongQuestion,
    WrongSource,
    Forged(u64),
    Garbage,
    LowerCase,
    NoEdns,
    Aliases(u64),
    AliasLoop,
    Rotate(usize),
}

/// What a truncated answer has to show when it is asked for again over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverTcp {
    Right,
    Silent,
    Reset,
}

/// Where in a chain a fault may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before what is said; without anything after it, the truth follows.
    Before,
    /// It says something, or other than the truth.
    Says,
    /// Nothing follows it.
    Ends,
}

/// A fault as the table has it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) about: About,
    make: fn(&mut Params<'_>) -> Result<Fault, Wrong>,
}

const fn entry(
    name: &'static str,
    does: &'static str,
    example: &'static str,
    verdict: &'static str,
    make: fn(&mut Params<'_>) -> Result<Fault, Wrong>,
) -> Entry {
    Entry { about: About { name, does, example, verdict, counts: false }, make }
}

pub(crate) const ENTRIES: &[Entry] = &[
    entry("answer", "the truth; for chains, after something else", "answer", "the truth", |_| {
        Ok(Fault::Answer)
    }),
    entry(
        "delay",
        "waits before what follows; a range (0.1s..2s) is drawn from evenly",
        "delay?for=200ms",
        "that of what follows, unless the client's own limit is shorter",
        |p| {
            let second = Duration::from_secs(1);
            Ok(Fault::Delay(p.times("for")?.unwrap_or(second..=second)))
        },
    ),
    entry(
        "late",
        "the truth, when the client has given up or asked again (6s)",
        "late?by=6s",
        "unknown, or the truth from another try; a late answer is no answer to a later query",
        |p| {
            let by = p.time_or("by", Duration::from_secs(6))?;
            Ok(Fault::Delay(by..=by))
        },
    ),
    entry(
        "drop",
        "no answer, ever",
        "drop",
        "unknown, after tries and time of the client's choice; never not found",
        |_| Ok(Fault::Drop),
    ),
    entry(
        "duplicate",
        "the truth so many times (2)",
        "duplicate?n=2",
        "the truth, once; the rest belongs to no query (RFC 5452, section 9.1)",
        |p| Ok(Fault::Duplicate(p.number_or("n", 2)?.clamp(1, ANSWERS))),
    ),
    Entry {
        about: About {
            name: "rate",
            does: "drops what is beyond so many queries a second (100) that this rule meets",
            example: "rate?limit=100",
            verdict: "the truth, after coming again more slowly; never not found",
            counts: true,
        },
        make: |p| Ok(Fault::Rate(p.number_or("limit", 100)?)),
    },
    entry(
        "truncate",
        "TC and nothing else over UDP; over TCP the truth, silence, or a reset",
        "truncate?tcp=reset",
        "the truth by TCP, else unknown (RFC 7766, section 5)",
        |p| {
            let tcp =
                [("right", OverTcp::Right), ("silent", OverTcp::Silent), ("reset", OverTcp::Reset)];
            Ok(Fault::Truncate(p.one_of("tcp", &tcp)?))
        },
    ),
    entry(
        "servfail",
        "SERVFAIL",
        "servfail",
        "unknown, or the truth from another try or server; never not found (RFC 2308, section 7.1)",
        |_| Ok(Fault::Say(Rcode::ServFail)),
    ),
    entry(
        "refused",
        "REFUSED",
        "refused",
        "unknown, or the truth from another server; never not found",
        |_| Ok(Fault::Say(Rcode::Refused)),
    ),
    entry(
        "formerr",
        "FORMERR",
        "formerr",
        "unknown, or the truth by a plainer query (RFC 6891, section 7)",
        |_| Ok(Fault::Say(Rcode::FormErr)),
    ),
    entry("notimp", "NOTIMP", "notimp", "unknown; never not found", |_| {
        Ok(Fault::Say(Rcode::NotImp))
    }),
    entry(
        "nxdomain",
        "NXDOMAIN, whether the name exists or not",
        "nxdomain",
        "not found: it is what the server says (RFC 2308, section 2.1)",
        |_| Ok(Fault::Say(Rcode::NxDomain)),
    ),
    entry(
        "nodata",
        "NOERROR without any record of the type asked for",
        "nodata",
        "the name exists, without such records (RFC 2308, section 2.2)",
        |_| Ok(Fault::NoData),
    ),
    entry(
        "wrong-id",
        "the truth under another id",
        "wrong-id",
        "unknown: it is no answer to this query (RFC 5452, section 9.1)",
        |_| Ok(Fault::WrongId),
    ),
    entry(
        "wrong-question",
        "the truth under another question",
        "wrong-question",
        "unknown: it is no answer to this query (RFC 5452, section 9.1)",
        |_| Ok(Fault::WrongQuestion),
    ),
    entry(
        "wrong-source",
        "the truth from another address and port; over TCP the truth",
        "wrong-source",
        "unknown, or the truth by TCP: it is no answer to this query (RFC 5452, section 9.1)",
        |_| Ok(Fault::WrongSource),
    ),
    entry(
        "forged",
        "so many forged answers (20) under other ids first, by one who sees no query; over UDP",
        "forged?n=20",
        "the truth, never 192.0.2.66 or 2001:db8::bad (RFC 5452, section 9.1)",
        |p| Ok(Fault::Forged(p.number_or("n", 20)?.min(ANSWERS))),
    ),
    entry(
        "garbage",
        "the right id and then bytes that are no message",
        "garbage",
        "unknown, or the truth from another try",
        |_| Ok(Fault::Garbage),
    ),
    entry(
        "lower-case",
        "the truth, with the question in lower case however it was asked",
        "lower-case",
        "the truth: names are compared without case; who mixes case asks again (RFC 4343, section 3)",
        |_| Ok(Fault::LowerCase),
    ),
    entry(
        "no-edns",
        "FORMERR without OPT to a query with OPT, the truth to one without",
        "no-edns",
        "the truth, by asking again without OPT (RFC 6891, section 7)",
        |_| Ok(Fault::NoEdns),
    ),
    entry(
        "cname",
        "so many aliases in a row (3) before the truth",
        "cname?n=3",
        "the truth, or unknown where the chain is longer than the client follows",
        |p| Ok(Fault::Aliases(p.number_or("n", 3)?.clamp(1, ALIASES))),
    ),
    entry(
        "cname-loop",
        "two aliases of each other",
        "cname-loop",
        "unknown; never not found, and no loop (RFC 1034, section 5.2.2)",
        |_| Ok(Fault::AliasLoop),
    ),
    entry(
        "rotate",
        "so many (1) of the true addresses, others for each name and at each attempt",
        "rotate?n=1",
        "the truth as far as it is told: found, with whichever of them came",
        |p| {
            let n = p.number_or("n", 1)?.clamp(1, ANSWERS);
            Ok(Fault::Rotate(usize::try_from(n).unwrap_or(1)))
        },
    ),
];

/// Every fault there is.
pub(crate) fn catalogue() -> impl Iterator<Item = &'static About> {
    ENTRIES.iter().map(|entry| &entry.about)
}

/// A fault from `name?key=value`, with its name.
pub(crate) fn parse(spec: &str) -> Result<(&'static str, Fault), Wrong> {
    let (name, mut params) = split(spec);
    let Some(entry) = ENTRIES.iter().find(|entry| entry.about.name == name) else {
        return Err(Wrong(format!(
            "no fault of queries is called {name}; hoist rehearse --list shows them"
        )));
    };
    let fault = (entry.make)(&mut params)?;
    params.done()?;
    Ok((entry.about.name, fault))
}

impl Fault {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Delay(_) | Self::Rate(_) | Self::Forged(_) => Place::Before,
            Self::Drop => Place::Ends,
            _ => Place::Says,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_entry_is_its_own_and_its_example_holds() {
        let mut names = HashSet::new();
        for about in catalogue() {
            assert!(names.insert(about.name), "{} twice", about.name);
            assert_eq!(parse(about.example).unwrap().0, about.name);
            assert!(about.does.len() < 100 && !about.does.ends_with('.'), "{}", about.does);
            assert!(!about.verdict.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let wrong = |spec: &str| parse(spec).unwrap_err().0;
        let unknown = "no fault of queries is called nx; hoist rehearse --list shows them";
        assert_eq!(wrong("nx"), unknown);
        assert_eq!(wrong("truncate?tcp=no"), "tcp is one of right, silent, reset, not no");
        assert_eq!(wrong("drop?n=1"), "there is no parameter n here");
    }
}

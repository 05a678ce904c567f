//! The table of load models, and reading one from `name?key=value`.

use std::fmt;
use std::time::Duration;

use super::bandwidth::Bandwidth;
use super::cliff::Cliff;
use super::collapse::Collapse;
use super::greedy::{Allowed, CLIENTS, Greedy, Penalty};
use super::knee::Knee;
use super::model::Model;
use crate::attempts::Lately;
use crate::catalogue::About;
use crate::spec::{Params, Wrong, split};

/// The most requests that a model serves at once, and a client may make in a second.
const MOST: u64 = 100_000;
/// What serving takes, unless it is said.
const TAKES: Duration = Duration::from_millis(20);
const AT: u64 = 32;

/// A load model as it was written, ready to begin.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) about: &'static About,
    written: String,
    pub(super) model: Model,
}

struct Entry {
    about: About,
    make: fn(&mut Params<'_>) -> Result<Model, Wrong>,
}

static ENTRIES: [Entry; 6] = [
    Entry {
        about: About {
            name: "latency",
            does: "each answer begins after the same time (20ms), whatever the load",
            example: "latency?takes=100ms",
            verdict: "the more at once, the faster: up to the client's own limits",
            counts: false,
        },
        make: |p| Ok(Model::Latency(p.time_or("takes", TAKES)?)),
    },
    Entry {
        about: About {
            name: "bandwidth",
            does: "so many bytes a second (1M) over all connections, to each answer in turn",
            example: "bandwidth?rate=500K&takes=20ms",
            verdict: "no more at once than fill the line: beyond that all only take longer",
            counts: true,
        },
        make: |p| {
            let rate = p.bytes("rate")?.unwrap_or(1 << 20);
            Ok(Model::Bandwidth(Bandwidth::new(rate, p.time_or("takes", TAKES)?)))
        },
    },
    Entry {
        about: About {
            name: "knee",
            does: "so many (32) are served at once, each for the same time (20ms); the others queue",
            example: "knee?at=32&takes=20ms",
            verdict: "about that many at once: more only wait longer",
            counts: true,
        },
        make: |p| {
            let at = usize::try_from(p.count_or("at", AT, MOST)?).unwrap_or(usize::MAX);
            Ok(Model::Knee(Knee::new(at, p.time_or("takes", TAKES)?)))
        },
    },
    Entry {
        about: About {
            name: "cliff",
            does: "beyond so many in flight (32) a status (429), with Retry-After if given (seconds)",
            example: "cliff?at=32&takes=20ms&retry-after=1&code=429",
            verdict: "keeps below it once it has been refused, and waits where it is told to (RFC 6585, \
                      section 4)",
            counts: true,
        },
        make: |p| {
            Ok(Model::Cliff(Cliff {
                at: p.count_or("at", AT, MOST)?,
                takes: p.time_or("takes", TAKES)?,
                status: p.status_or("code", 429)?,
                again: p.number("retry-after")?.map(Duration::from_secs),
            }))
        },
    },
    Entry {
        about: About {
            name: "collapse",
            does: "beyond so many in flight (32) all take longer (than 20ms) by the square of the excess",
            example: "collapse?at=32&takes=20ms",
            verdict: "keeps below it: beyond, fewer are done in a second, whoever asks",
            counts: true,
        },
        make: |p| {
            let (at, takes) = (p.count_or("at", AT, MOST)?, p.time_or("takes", TAKES)?);
            Ok(Model::Collapse(Collapse { at, takes }))
        },
    },
    Entry {
        about: About {
            name: "greedy",
            does: "a client over so many requests a second (50) is slowed, or refused, for a while (30s)",
            example: "greedy?rate=50&for=30s&then=slow&slow=100ms&takes=20ms&code=429",
            verdict: "learns the rate from the first penalty, and keeps below it",
            counts: true,
        },
        make: |p| {
            let rate = p.count_or("rate", 50, MOST)?;
            let code = p.status_or("code", 429)?;
            let slow = Penalty::Slow(p.time_or("slow", Duration::from_millis(100))?);
            let refuse = Penalty::Refuse(code);
            Ok(Model::Greedy(Greedy {
                allowed: Allowed { rate: u32::try_from(rate).unwrap_or(u32::MAX) },
                takes: p.time_or("takes", TAKES)?,
                lasts: p.time_or("for", Duration::from_secs(30))?,
                penalty: p.one_of("then", &[("slow", slow), ("refuse", refuse)])?,
                clients: Lately::new(CLIENTS),
            }))
        },
    },
];

/// Every load model.
pub(crate) fn catalogue() -> impl Iterator<Item = &'static About> {
    ENTRIES.iter().map(|entry| &entry.about)
}

impl Load {
    /// From `name?key=value&key=value`.
    pub(crate) fn parse(spec: &str) -> Result<Self, Wrong> {
        let (name, mut params) = split(spec);
        let Some(entry) = ENTRIES.iter().find(|entry| entry.about.name == name) else {
            let names: Vec<_> = catalogue().map(|about| about.name).collect();
            let names = names.join(", ");
            return Err(Wrong(format!("no load model is called {name}; there are {names}")));
        };
        let about = &entry.about;
        let model = (entry.make)(&mut params)
            .and_then(|model| params.done().map(|()| model))
            .map_err(|Wrong(why)| Wrong(format!("{name}: {why}; as in {}", about.example)))?;
        Ok(Self { about, written: spec.to_owned(), model })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_name_of_its_own_and_an_example_that_holds() {
        let mut names: Vec<_> = catalogue().map(|about| about.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENTRIES.len());
        for about in catalogue() {
            for spec in [about.name, about.example] {
                let load = Load::parse(spec).unwrap();
                assert_eq!((load.about.name, load.to_string().as_str()), (about.name, spec));
            }
            assert!(about.does.len() < 100 && !about.does.ends_with('.'), "{}", about.does);
            assert!(
                crate::http::all().all(|(_, entry)| entry.about.name != about.name),
                "{} is a fault too",
                about.name
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_a_way_to_write_it() {
        for (spec, why) in [
            (
                "kne",
                "no load model is called kne; there are latency, bandwidth, knee, cliff, collapse, greedy",
            ),
            (
                "knee?at=0",
                "knee: at is a number from 1 to 100000, not 0; as in knee?at=32&takes=20ms",
            ),
            (
                "knee?takes=20x",
                "knee: takes is a time up to 10m, such as 2s or 500ms, not 20x; as in \
                 knee?at=32&takes=20ms",
            ),
            (
                "cliff?above=3",
                "cliff: there is no parameter above here; as in \
                 cliff?at=32&takes=20ms&retry-after=1&code=429",
            ),
            (
                "bandwidth?rate=fast",
                "bandwidth: rate is a number of bytes from 1, such as 1000, 64K or 10M, not fast; as in \
                 bandwidth?rate=500K&takes=20ms",
            ),
            (
                "greedy?then=ban",
                "greedy: then is one of slow, refuse, not ban; as in \
                 greedy?rate=50&for=30s&then=slow&slow=100ms&takes=20ms&code=429",
            ),
        ] {
            assert_eq!(Load::parse(spec).unwrap_err().0, why);
        }
    }
}

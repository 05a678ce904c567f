//! All cases, several at a time.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, scope};
use std::time::Duration;

use super::client::NotRun;
use super::command;
use super::judge::Verdict;
use super::servers::Identities;
use super::stop::Stop;
use super::trial::{Judged, Trial};
use crate::catalogue::Family;

/// A client, and how it is to be judged.
#[derive(Clone, Debug)]
pub struct Check {
    /// The command: `{url}` stands for the URL, `{out}` for the path of the file to be saved, `{dir}`
    /// for its folder (where the client runs), `{name}` for its name there, `{ca}` for the certificate
    /// to trust, as PEM. With neither `{out}` nor `{name}` standard output is the file.
    pub command: Vec<String>,
    /// Only the cases of this family.
    pub only: Option<Family>,
    /// The longest that the client may run in one case.
    pub limit: Duration,
    /// Cases at once.
    pub at_once: usize,
}

/// Why a client was not judged.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckError {
    /// The command does not say where the URL goes.
    NoUrl,
    /// This family has no case.
    NoCases(Family),
    /// The command could not be started.
    Client(String, io::Error),
    /// The client does not get what nothing is wrong with.
    Plain(Box<Judged>),
    /// The judge's own means failed.
    Here(io::Error),
}

impl Check {
    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.trials().len()
    }

    /// Tries all cases, and tells each verdict when it is there. What it gives back is in the
    /// catalogue's order; a check that was stopped has only those that were done.
    pub fn run(
        &self,
        stop: &Stop,
        mut told: impl FnMut(&Judged),
    ) -> Result<Vec<Judged>, CheckError> {
        if !command::names(&self.command, "{url}") {
            return Err(CheckError::NoUrl);
        }
        let trials = self.trials();
        if let (Some(family), true) = (self.only, trials.is_empty()) {
            return Err(CheckError::NoCases(family));
        }
        let identities = Identities::make().map_err(CheckError::Here)?;
        let root = tempfile::Builder::new().prefix("hoist-check-").tempdir();
        let root = root.map_err(CheckError::Here)?;
        let ca = root.path().join("ca.pem");
        std::fs::write(&ca, &identities.ca_pem).map_err(CheckError::Here)?;
        let places = (root.path(), ca.as_path());

        let plain = self.one(&Trial::PLAIN, &identities, places, stop)?;
        if stop.is_stopped() {
            return Ok(Vec::new());
        }
        if plain.verdict != Verdict::Whole {
            return Err(CheckError::Plain(Box::new(plain)));
        }
        self.try_all(&trials, &identities, places, stop, &mut told)
    }

    fn trials(&self) -> Vec<Trial> {
        let mut trials = Trial::all();
        trials.retain(|trial| self.only.is_none_or(|only| only == trial.family));
        trials
    }

    fn try_all(
        &self,
        trials: &[Trial],
        identities: &Identities,
        places: (&Path, &Path),
        stop: &Stop,
        told: &mut impl FnMut(&Judged),
    ) -> Result<Vec<Judged>, CheckError> {
        let workers = self.at_once.clamp(1, trials.len().max(1));
        let next = AtomicUsize::new(0);
        let (tell, hear) = sync_channel(workers);
        let mut all = Vec::with_capacity(trials.len());
        scope(|scope| {
            for _ in 0..workers {
                let (next, tell) = (&next, tell.clone());
                let work = move || {
                    while let Some((at, trial)) = take(next, trials) {
                        let judged = self.one(trial, identities, places, stop);
                        // A client that was killed with the check is not judged; and nobody hears
                        // after an error.
                        if stop.is_stopped() || tell.send(judged.map(|j| (at, j))).is_err() {
                            return;
                        }
                    }
                };
                let started = Builder::new().name("check".into()).spawn_scoped(scope, work);
                started.map_err(CheckError::Here)?;
            }
            drop(tell);
            for judged in hear {
                // What runs then need not be waited for.
                let (at, judged) = judged.inspect_err(|_| stop.stop())?;
                told(&judged);
                all.push((at, judged));
            }
            Ok(())
        })?;
        all.sort_by_key(|(at, _)| *at);
        Ok(all.into_iter().map(|(_, judged)| judged).collect())
    }

    fn one(
        &self,
        trial: &Trial,
        identities: &Identities,
        places: (&Path, &Path),
        stop: &Stop,
    ) -> Result<Judged, CheckError> {
        trial.run(self, identities, places, stop).map_err(|why| match why {
            NotRun::Client(error) => {
                CheckError::Client(self.command.first().cloned().unwrap_or_default(), error)
            }
            NotRun::Here(error) => {
                let hint = if error.raw_os_error() == Some(TOO_MANY_FILES) {
                    "; try fewer cases at once, with --jobs"
                } else {
                    ""
                };
                let why = format!("{} {}: {error}{hint}", trial.fault(), trial.target());
                CheckError::Here(io::Error::new(error.kind(), why))
            }
        })
    }
}

/// EMFILE, which has no kind of its own in std.
const TOO_MANY_FILES: i32 = 24;

/// The next trial, and its place.
fn take<'a>(next: &AtomicUsize, trials: &'a [Trial]) -> Option<(usize, &'a Trial)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    trials.get(at).map(|trial| (at, trial))
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl => {
                f.write_str("the command does not say where the URL goes: put {url} there")
            }
            Self::NoCases(family) => write!(f, "no client is judged by {family} yet"),
            Self::Client(program, error) => write!(f, "{program} could not be started: {error}"),
            Self::Plain(_) => f.write_str("the client does not get what nothing is wrong with"),
            Self::Here(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CheckError {}

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::aside;
use super::drive::Stop;
use super::hinting::Hinting;
use crate::error::Error;
use crate::input::{ListIdentity, Recall, Source};
use crate::ledger::{
    self, Committed, Hints, Home, Opened, Recorded, Recorder, RenderLine, SEGMENT, Wish,
};
use crate::outcomes::StartedRun;
use crate::plan::{Durable, LedgerPlan};
use crate::report::Report;
use crate::sink::{Ours, Unit};
use crate::sys::{Disk, boot_id, lock_dir};

/// The ledger of a run that keeps one.
pub(super) struct Kept<O> {
    pub(super) recorder: Recorder<O>,
    /// For the reader of the list.
    pub(super) recall: Option<Recall>,
    /// The list, where it is a file that is not yet known to be the one of the ledger.
    pub(super) list: Option<ListIdentity>,
    /// Outcomes are appended to a file, and there have an order.
    pub(super) appended: bool,
    /// Where lines may be set aside.
    pub(super) aside: PathBuf,
    /// What earlier runs found: how many at once each origin can take.
    pub(super) hints: Vec<(String, usize)>,
    /// Keeps what this one finds.
    pub(super) hinting: Option<Hinting>,
    /// Nobody else writes here while it is open.
    lock: File,
}

/// How outcomes are written.
pub(super) struct Form<O> {
    /// What must not change from one run to the next.
    pub(super) about: String,
    pub(super) appended: bool,
    pub(super) line: Option<RenderLine<O>>,
}

impl<O: Recorded> Kept<O> {
    /// Opens the ledger of an output, or begins it, and starts the thread that writes it. The
    /// report takes over what earlier runs have done.
    #[expect(clippy::too_many_arguments, reason = "each is another part of the plan")]
    pub(super) fn open(
        output: &Path,
        home: &Home,
        unit: impl Fn(Option<Ours>) -> Box<dyn Unit>,
        plan: &LedgerPlan,
        form: Form<O>,
        source: &Source,
        random: u64,
        report: &Report,
    ) -> Result<Self, Error> {
        home.make(&Disk)?;
        let locked = lock_dir(&home.ledger)
            .map_err(|source| Error::Output { path: home.ledger.clone(), source })?;
        let Some(lock) = locked else {
            return Err(Error::Locked { path: output.to_owned() });
        };
        aside::sweep(&home.aside);
        let appended = form.appended;
        let wish = Wish {
            durable: plan.durable == Durable::Group,
            again: plan.again.clone(),
            fresh: plan.fresh,
            keep_list: plan.keep_list,
            list: source.identity(),
            about: form.about,
            line: form.line,
            boot: boot_id(),
            now: SystemTime::now(),
            random,
            segment_limit: SEGMENT,
        };
        let opened = ledger::open(Arc::new(Disk), home, unit, wish)?;
        let Opened { committer, recall, resumed, deferred_until } = opened;
        let state = committer.state();
        if resumed {
            let elapsed = state.elapsed_before + state.elapsed;
            report.restore(&state.totals, elapsed, deferred_until);
        }
        let recorder = Recorder::start(committer)?;
        let list = source.identity().filter(|_| !recall.unchanged);
        let aside = home.aside.clone();
        let found = Hints::load(Arc::new(Disk), home, SystemTime::now());
        let hints = found.all().map(|(origin, count)| (origin.to_owned(), count)).collect();
        let hinting = Hinting::start(found);
        Ok(Self { recorder, recall: Some(recall), list, appended, aside, hints, hinting, lock })
    }
}

/// Runs `work` and lets the ledger come to its end with it: what was answered is committed, however
/// the run ended. The lock is to be held until nothing of the run writes there any more.
pub(super) fn with_ledger<O: Recorded, T>(
    mut kept: Option<Kept<O>>,
    run: &StartedRun<T>,
    work: impl FnOnce(Option<&mut Kept<O>>) -> Stop,
) -> (Stop, Option<File>) {
    let stop = work(kept.as_mut());
    let Some(Kept { recorder, lock, hinting, .. }) = kept else { return (stop, None) };
    if let Some(hinting) = hinting {
        hinting.finish();
    }
    let stop = match recorder.finish(matches!(stop, Stop::Complete)) {
        Ok(untold) => {
            // Nobody hears of them any more, but they are done.
            for Committed { outcome, .. } in untold {
                run.report.count(outcome.tally());
            }
            stop
        }
        Err(error) => match stop {
            Stop::Failed(first) => Stop::Failed(first),
            Stop::Complete | Stop::Cancelled => Stop::Failed(error),
        },
    };
    (stop, Some(lock))
}

//! Wires the stages of the flow into a run; the only place that knows them all.
//!
//! A run has its own I/O thread: a current-thread runtime on which the [`Job`] and the loop of
//! `drive` live, so that nothing in the engine needs a lock. Reading and writing of files happens
//! on other threads.

mod aside;
mod drive;
mod hinting;
mod job;
mod kept;
mod order;
mod outbox;
mod record;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use tokio::task::LocalSet;

pub(crate) use job::{Conclusion, Event, Job, Read};

use self::aside::Aside;
use self::drive::{Drive, Stop};
use self::hinting::Hinting;
use self::kept::{Form, Kept, with_ledger};
use self::order::Order;
use self::outbox::Outbox;
use self::record::Record;
use crate::error::Error;
use crate::fetch::{GetJob, connection_budget};
use crate::input::{ListForm, Reader, Source};
use crate::ledger::{Home, real_file};
use crate::outcome::{GetOutcome, ProbeOutcome};
use crate::outcomes::{Message, Outcomes, StartedRun};
use crate::plan::{Durable, GetPlan, Limits, PerOrigin, ProbePlan, SinkPlan, Wildcards, defaults};
use crate::polls::{Task, timed};
use crate::probe::ProbeJob;
use crate::schedule::{Backoff, Policy, Schedule};
use crate::sink::{
    Directory, Files, Gathering, Lines, PRIVATE, Parts, Shards, Staging, Stream, Unit, Writers,
};
use crate::sys::{Disk, boot_id};

impl GetPlan {
    /// Gets every item of the source.
    pub fn run(self, source: Source) -> Outcomes<GetOutcome> {
        Outcomes::new(move |run| on_io_thread(run, move |run| get(self, source, run)))
    }
}

impl ProbePlan {
    /// Probes every item of the source.
    pub fn run(self, source: Source) -> Outcomes<ProbeOutcome> {
        Outcomes::new(move |run| on_io_thread(run, move |run| probe(&self, source, run)))
    }
}

/// Runs `work` on a thread of its own and sends how it ended.
fn on_io_thread<O: Send + 'static>(
    run: StartedRun<O>,
    work: impl FnOnce(&StartedRun<O>) -> Stop + Send + 'static,
) -> Result<(), Error> {
    let main = move || {
        run.report.start();
        let stop = work(&run);
        run.report.end();
        let last = match stop {
            Stop::Complete => Message::End,
            Stop::Failed(error) => Message::Failed(error),
            Stop::Cancelled => return,
        };
        // Where nobody reads any more, nobody wants to know.
        let _ = run.outcomes.blocking_send(last);
    };
    let spawned = thread::Builder::new().name("hoist-io".to_owned()).spawn(main);
    spawned.map(drop).map_err(|source| Error::System { what: "the I/O thread", source })
}

fn get(mut plan: GetPlan, source: Source, run: &StartedRun<GetOutcome>) -> Stop {
    let mut random = random(plan.seed);
    if plan.manners.polite {
        plan.limits.per_origin = PerOrigin::Fixed(NonZeroUsize::MIN);
    }
    plan.patience = plan.patience.bounded();
    plan.giving_up = plan.giving_up.bounded();
    let (mut writers, kept) = match sink(&mut plan, &source, run, random.u64(..)) {
        Ok(started) => started,
        Err(error) => return Stop::Failed(error),
    };
    let policy = Policy::of(&plan.patience, &plan.giving_up);
    let mut limits = plan.limits.clone();
    // A permit is worth nothing without a descriptor.
    let budget = NonZeroUsize::new(connection_budget()).unwrap_or(NonZeroUsize::MIN);
    limits.in_flight = limits.in_flight.min(budget);
    let (stop, lock) = with_ledger(kept, run, |kept| {
        block_on(async {
            let seed = random.u64(..);
            let mut job = GetJob::start(plan, &mut writers, seed, run.report.clone())?;
            Ok(drive(&mut job, limits, policy, source, kept, run, random).await)
        })
    });
    // What is unfinished is discarded, folders that were made for the run go away.
    writers.join();
    // Only now does nothing of the run write here any more.
    drop(lock);
    stop
}

/// The writers, and what is kept of the run.
type Sink = (Writers, Option<Kept<Box<GetOutcome>>>);

/// Starts the threads that write files and, where a ledger is kept, the one that writes it.
fn sink(
    plan: &mut GetPlan,
    source: &Source,
    run: &StartedRun<GetOutcome>,
    random: u64,
) -> Result<Sink, Error> {
    // More than can run at once only take turns at the same locks.
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let writers = defaults::WRITERS.get().min(cores);
    match (&plan.sink, &plan.ledger) {
        (SinkPlan::Directory { root, .. }, Some(ledger)) => {
            let home = Home::of_folder(root);
            let staging = Staging { fs: Arc::new(Disk), parts: home.parts.clone() };
            let files = |ours| -> Box<dyn Unit> {
                Box::new(Files::new(Arc::new(Disk), root.clone(), home.parts.clone(), ours))
            };
            let about = list_form(source).to_owned();
            let form = Form { about, appended: false, line: None };
            let kept = Kept::open(root, &home, files, ledger, form, source, random, &run.report)?;
            if plan.large.keeps() {
                let durable = ledger.durable == Durable::Group;
                let parts = |_| {
                    let staging = staging.clone();
                    Parts::new(staging, Arc::new(Disk), home.parts.clone(), boot_id(), durable)
                };
                let sinks: Vec<_> = (0..writers).map(parts).collect();
                let there = sinks[0].sweep()?;
                return Ok((Writers::start(sinks, BACKLOG)?.with_parts(there), Some(kept)));
            }
            Ok((Writers::start(vec![staging; writers], BACKLOG)?, Some(kept)))
        }
        (SinkPlan::Tar { root, shards, limits, .. }, ledger) => {
            let home = Home::of_folder(root);
            let gathering = Gathering::new(Arc::new(Disk), home.parts.clone());
            let unit = |ours| -> Box<dyn Unit> {
                let form = (shards.clone(), *limits);
                let (root, parts) = (root.clone(), home.parts.clone());
                Box::new(Shards::new(Arc::new(Disk), root, parts, form, ours))
            };
            let form = Form {
                about: format!("--to tar:{shards} {}", list_form(source)).trim_end().to_owned(),
                appended: true,
                line: None,
            };
            let ledger = ledger.clone().unwrap_or_default();
            let kept = Kept::open(root, &home, unit, &ledger, form, source, random, &run.report)?;
            Ok((Writers::start(vec![gathering; writers], BACKLOG)?, Some(kept)))
        }
        (SinkPlan::Directory { root, existing, .. }, None) => {
            let directory = Directory::open(root.clone(), *existing, random)?;
            if plan.large.keeps() {
                let folder = root.join(PRIVATE).join("kept");
                let parts = |_| {
                    Parts::new(directory.share(), Arc::new(Disk), folder.clone(), boot_id(), true)
                };
                let sinks: Vec<_> = (0..writers).map(parts).collect();
                sinks[0].sweep()?;
                return Ok((Writers::start(sinks, BACKLOG)?, None));
            }
            let sinks = (0..writers).map(|_| directory.share()).collect();
            Ok((Writers::start(sinks, BACKLOG)?, None))
        }
        (SinkPlan::Writer(writer), _) => {
            plan.limits.in_flight = NonZeroUsize::MIN;
            Ok((Writers::start(vec![Stream::new(writer.clone())], BACKLOG)?, None))
        }
    }
}

/// The form of a list that is not one item a line, as it stands in the ledger.
fn list_form(source: &Source) -> &'static str {
    match source.form() {
        ListForm::Lines => "",
        ListForm::Aria2 => "--input-format aria2",
    }
}

fn probe(plan: &ProbePlan, source: Source, run: &StartedRun<ProbeOutcome>) -> Stop {
    let mut random = random(plan.seed);
    let policy = Policy {
        // Queries are sent again by the exchange, within the one attempt at a name.
        retries: 0,
        backoff: Backoff { first: defaults::BACKOFF, longest: defaults::BACKOFF_MAX },
        deadline: plan.deadline.min(defaults::FOREVER),
        breaker: None,
    };
    let limits = plan.limits.clone();
    let kept = plan.output.as_ref().map(|output| {
        let path = real_file(&output.path);
        let home = Home::of_file(&path);
        let lines = |_| -> Box<dyn Unit> {
            Box::new(Lines::new(Arc::new(Disk), path.clone(), output.heading.clone()))
        };
        let mut about = format!("{}, {}", output.form, plan.question.name());
        if plan.wildcards != Wildcards::Keep {
            about = format!("{about}, wildcards {}", plan.wildcards.name());
        }
        let form = Form { about, appended: true, line: Some(Arc::clone(&output.line)) };
        let seed = random.u64(..);
        Kept::open(&output.path, &home, lines, &output.ledger, form, &source, seed, &run.report)
    });
    let kept = match kept.transpose() {
        Ok(kept) => kept,
        Err(error) => return Stop::Failed(error),
    };
    let (stop, _) = with_ledger(kept, run, |kept| {
        block_on(async {
            let mut job = ProbeJob::start(plan, random.u64(..))?;
            Ok(drive(&mut job, limits, policy, source, kept, run, random).await)
        })
    });
    stop
}

/// Runs on a fresh current-thread runtime, of which nothing is left afterwards.
fn block_on(work: impl Future<Output = Result<Stop, Error>>) -> Stop {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return Stop::Failed(Error::System { what: "the I/O runtime", source }),
    };
    let tasks = LocalSet::new();
    let stop = tasks.block_on(&runtime, timed(Task::Loop, work));
    drop(tasks);
    // A thread that is stuck in a system call does not hold the end.
    runtime.shutdown_background();
    stop.unwrap_or_else(Stop::Failed)
}

async fn drive<J: Job>(
    job: &mut J,
    limits: Limits,
    policy: Policy,
    source: Source,
    mut kept: Option<&mut Kept<J::Outcome>>,
    run: &StartedRun<J::Told>,
    random: fastrand::Rng,
) -> Stop {
    let recall = kept.as_mut().and_then(|kept| kept.recall.take());
    let hints = kept.as_mut().map(|kept| std::mem::take(&mut kept.hints)).unwrap_or_default();
    let teller = kept.as_ref().and_then(|kept| kept.hinting.as_ref()).map(Hinting::teller);
    let answered = recall.as_ref().map(|recall| recall.answered.clone());
    let aside = kept.as_ref().map(|kept| kept.aside.clone());
    let reader = match Reader::start(source, recall) {
        Ok(reader) => reader,
        Err(error) => return Stop::Failed(error),
    };
    // What is appended comes in the order of the list only if it goes into the ledger so. Files may
    // be committed in any order: then a kill takes less.
    let ordered_record = run.ordered && kept.as_ref().is_some_and(|kept| kept.appended);
    let record = kept.map(|kept| Record {
        recorder: &mut kept.recorder,
        answered: answered.unwrap_or_default(),
        order: ordered_record.then(Order::new),
        early: 0,
        list: kept.list,
        skipped: Vec::new(),
    });
    let outbox = Outbox::new(run.outcomes.clone(), run.ordered && !ordered_record, J::tell);
    // What comes in the order of the list waits for what is set aside: then nothing is gained.
    let aside = aside.filter(|_| J::SETS_ASIDE && !run.ordered);
    let aside = Aside::new(aside, limits.admitted_items.get());
    let mut schedule = Schedule::new(limits, policy);
    if aside.is_on() {
        schedule.share_admission();
    }
    job.prepare(&mut schedule);
    for (origin, count) in hints {
        if let Some(origin) = job.origin(&origin) {
            schedule.hint(origin, count);
        }
    }
    let report = run.report.clone();
    let drive = Drive::new(job, schedule, reader, aside, record, outbox, random, report);
    drive.telling(teller).run(&run.cancel).await
}

fn random(seed: Option<u64>) -> fastrand::Rng {
    seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)
}

/// Bytes between the network and the writers.
const BACKLOG: NonZeroUsize = NonZeroUsize::new(defaults::WRITE_BACKLOG).expect("not zero");

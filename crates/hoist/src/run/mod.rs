//! Wires the stages of the flow into a run; the only place that knows them all.
//!
//! A run has its own I/O thread: a current-thread runtime on which the [`Job`] and the loop of
//! `drive` live, so that nothing in the engine needs a lock. Reading and writing of files happens
//! on other threads.

mod drive;
mod job;
mod outbox;

use std::num::NonZeroUsize;
use std::thread;

use tokio::task::LocalSet;

pub(crate) use job::{Conclusion, Event, Job, Read};

use self::drive::{Drive, Stop};
use self::outbox::Outbox;
use crate::error::Error;
use crate::fetch::{GetJob, connection_budget};
use crate::input::{Reader, Source};
use crate::outcome::{GetOutcome, ProbeOutcome};
use crate::outcomes::{Message, Outcomes, StartedRun};
use crate::plan::{GetPlan, Limits, ProbePlan, SinkPlan, defaults};
use crate::probe::ProbeJob;
use crate::schedule::{Backoff, Policy, Schedule};
use crate::sink::{Directory, Stream, Writers};

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
    plan.patience = plan.patience.bounded();
    let started = match &plan.sink {
        SinkPlan::Directory { root, existing, .. } => {
            Directory::open(root.clone(), *existing, random.u64(..)).and_then(|directory| {
                let sinks = (0..defaults::WRITERS.get()).map(|_| directory.share()).collect();
                Writers::start(sinks, BACKLOG)
            })
        }
        SinkPlan::Writer(writer) => {
            plan.limits.in_flight = NonZeroUsize::MIN;
            Writers::start(vec![Stream::new(writer.clone())], BACKLOG)
        }
    };
    let mut writers = match started {
        Ok(writers) => writers,
        Err(error) => return Stop::Failed(error),
    };
    let policy = Policy {
        retries: plan.patience.retries,
        backoff: Backoff { first: plan.patience.backoff, longest: plan.patience.backoff_max },
        deadline: plan.patience.deadline,
    };
    let mut limits = plan.limits.clone();
    // A permit is worth nothing without a descriptor.
    let budget = NonZeroUsize::new(connection_budget()).unwrap_or(NonZeroUsize::MIN);
    limits.in_flight = limits.in_flight.min(budget);
    let stop = block_on(async {
        let mut job = GetJob::start(plan, &mut writers, random.u64(..), run.report.clone())?;
        Ok(drive(&mut job, limits, policy, source, run, random).await)
    });
    // What is unfinished is discarded, folders that were made for the run go away.
    writers.join();
    stop
}

fn probe(plan: &ProbePlan, source: Source, run: &StartedRun<ProbeOutcome>) -> Stop {
    let mut random = random(plan.seed);
    let policy = Policy {
        // Queries are sent again by the exchange, within the one attempt at a name.
        retries: 0,
        backoff: Backoff { first: defaults::BACKOFF, longest: defaults::BACKOFF_MAX },
        deadline: plan.deadline.min(defaults::FOREVER),
    };
    let limits = plan.limits.clone();
    block_on(async {
        let mut job = ProbeJob::start(plan, random.u64(..))?;
        Ok(drive(&mut job, limits, policy, source, run, random).await)
    })
}

/// Runs on a fresh current-thread runtime, of which nothing is left afterwards.
fn block_on(work: impl Future<Output = Result<Stop, Error>>) -> Stop {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return Stop::Failed(Error::System { what: "the I/O runtime", source }),
    };
    let tasks = LocalSet::new();
    let stop = tasks.block_on(&runtime, work);
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
    run: &StartedRun<J::Outcome>,
    random: fastrand::Rng,
) -> Stop {
    let reader = match Reader::start(source) {
        Ok(reader) => reader,
        Err(error) => return Stop::Failed(error),
    };
    let outbox = Outbox::new(run.outcomes.clone(), run.ordered);
    let schedule = Schedule::new(limits, policy);
    Drive::new(job, schedule, reader, outbox, random, run.report.clone()).run(&run.cancel).await
}

fn random(seed: Option<u64>) -> fastrand::Rng {
    seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)
}

/// Bytes between the network and the writers.
const BACKLOG: NonZeroUsize = NonZeroUsize::new(defaults::WRITE_BACKLOG).expect("not zero");

//! The system's getaddrinfo in place of our own queries: it blocks, so it is called on threads.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use slab::Slab;
use tokio::sync::mpsc;

use super::inquiries::{Shared, Source, Who};
use super::verdict::Lookup;
use crate::item::WireName;
use crate::outcome::{Failure, FailureKind};
use crate::plan::{Family, Question};
use crate::sys::{Absent, getaddrinfo};

/// Bytes of a thread's stack: what the C library's resolver and its plugins are at home with.
const STACK: usize = 256 << 10;

/// Names that are looked up by the system, on threads that are spawned as they are needed.
///
/// A thread can't be called back from getaddrinfo. One that is stuck keeps its place among the
/// threads; it ends by itself after the pool is gone, and nobody waits for it.
#[derive(Debug)]
pub(super) struct SystemPool {
    limit: usize,
    threads: usize,
    busy: usize,
    jobs: SyncSender<Job>,
    take_jobs: Arc<Mutex<Receiver<Job>>>,
    results: mpsc::Sender<Done>,
    asking: Slab<Asking>,
    waiting: VecDeque<(usize, u64)>,
    deadlines: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    answers: VecDeque<(Who, Lookup)>,
    serials: u64,
}

#[derive(Debug)]
struct Asking {
    who: Who,
    serial: u64,
    name: WireName,
    family: Family,
    asked_at: Instant,
    started: bool,
}

#[derive(Debug)]
struct Job {
    index: usize,
    serial: u64,
    name: String,
    family: Family,
}

/// What a thread found out.
#[derive(Debug)]
pub(super) struct Done {
    index: usize,
    serial: u64,
    result: Result<Vec<IpAddr>, Absent>,
}

impl SystemPool {
    /// Also where the results of the threads come out.
    pub(super) fn new(limit: usize) -> (Self, mpsc::Receiver<Done>) {
        let (jobs, take_jobs) = sync_channel(limit);
        let (results, take_results) = mpsc::channel(limit);
        let pool = Self {
            limit,
            threads: 0,
            busy: 0,
            jobs,
            take_jobs: Arc::new(Mutex::new(take_jobs)),
            results,
            asking: Slab::new(),
            waiting: VecDeque::new(),
            deadlines: BinaryHeap::new(),
            answers: VecDeque::new(),
            serials: 0,
        };
        (pool, take_results)
    }

    pub(super) fn ask(
        &mut self,
        now: Instant,
        who: Who,
        name: &WireName,
        question: Question,
        deadline: Instant,
    ) -> usize {
        self.serials += 1;
        let serial = self.serials;
        let family = match question {
            // It tells nothing but addresses; who wants records is refused before.
            Question::Address | Question::Both | Question::Records(_) => Family::Any,
            Question::A => Family::V4,
            Question::Aaaa => Family::V6,
        };
        let name = name.clone();
        let asking = Asking { who, serial, name, family, asked_at: now, started: false };
        let index = self.asking.insert(asking);
        self.waiting.push_back((index, serial));
        self.deadlines.push(Reverse((deadline, index, serial)));
        index
    }

    pub(super) fn call_off(&mut self, index: usize) {
        self.asking.try_remove(index);
    }

    pub(super) fn poll_answer(&mut self) -> Option<(Who, Lookup)> {
        self.answers.pop_front()
    }

    /// Gives the waiting to threads that are free, and up what is overdue. Returns the next
    /// deadline.
    fn turn(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&Reverse((deadline, index, serial))) = self.deadlines.peek() {
            if !self.is_current(index, serial) {
                self.deadlines.pop();
            } else if deadline <= now {
                self.deadlines.pop();
                self.overdue(now, index);
            } else {
                break;
            }
        }
        // Entries of what was answered stay behind the first that was not.
        if self.deadlines.len() > 256 + 2 * self.asking.len() {
            let asking = &self.asking;
            self.deadlines.retain(|Reverse((_, index, serial))| {
                asking.get(*index).is_some_and(|asking| asking.serial == *serial)
            });
        }
        while self.busy < self.limit {
            let Some((index, serial)) = self.waiting.pop_front() else { break };
            if self.is_current(index, serial) {
                self.dispatch(index, serial);
            }
        }
        self.deadlines.peek().map(|Reverse((deadline, ..))| *deadline)
    }

    fn dispatch(&mut self, index: usize, serial: u64) {
        if self.busy == self.threads {
            match self.spawn() {
                Ok(()) => self.threads += 1,
                Err(_) if self.threads > 0 => {
                    // So many it is, then.
                    self.limit = self.threads;
                    self.waiting.push_front((index, serial));
                    return;
                }
                Err(error) => {
                    let reason = format!("no thread to call getaddrinfo on: {error}");
                    self.answer(
                        index,
                        Lookup::unknown(Failure::new(FailureKind::DnsFailed, reason)),
                    );
                    return;
                }
            }
        }
        let asking = &mut self.asking[index];
        asking.started = true;
        let mut name = asking.name.to_string();
        // With the dot it is not completed by what resolv.conf says.
        if matches!(&asking.who, Who::Flight(flight) if flight.host.absolute) {
            name.push('.');
        }
        let job = Job { index, serial, name, family: asking.family };
        // There is room: the channel takes as many as there are threads.
        if self.jobs.try_send(job).is_ok() {
            self.busy += 1;
        }
    }

    fn spawn(&self) -> std::io::Result<()> {
        let jobs = Arc::clone(&self.take_jobs);
        let results = self.results.clone();
        thread::Builder::new()
            .name("hoist-getaddrinfo".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Job { index, serial, name, family }) = job else { break };
                    let result = getaddrinfo(&name, family);
                    if results.blocking_send(Done { index, serial, result }).is_err() {
                        break;
                    }
                }
            })
            .map(drop)
    }

    fn done(&mut self, done: Done) {
        self.busy -= 1;
        if self.is_current(done.index, done.serial) {
            let mut lookup = match done.result {
                Ok(addresses) => Lookup::found(addresses),
                Err(Absent::No) => Lookup::not_found(),
                Err(Absent::Unknown(reason)) => {
                    Lookup::unknown(Failure::new(FailureKind::DnsFailed, reason))
                }
            };
            lookup.attempts = 1;
            self.answer(done.index, lookup);
        }
    }

    fn overdue(&mut self, now: Instant, index: usize) {
        let asking = &self.asking[index];
        let seconds = now.saturating_duration_since(asking.asked_at).as_secs_f64();
        let reason = if asking.started {
            format!("no answer from getaddrinfo in {seconds:.1} s")
        } else {
            format!("no thread was free to call getaddrinfo in {seconds:.1} s")
        };
        let attempts = u32::from(asking.started);
        let failure = Failure::new(FailureKind::Deadline, reason);
        self.answer(index, Lookup { attempts, ..Lookup::unknown(failure) });
    }

    fn answer(&mut self, index: usize, lookup: Lookup) {
        let asking = self.asking.remove(index);
        self.answers.push_back((asking.who, lookup));
    }

    fn is_current(&self, index: usize, serial: u64) -> bool {
        self.asking.get(index).is_some_and(|asking| asking.serial == serial)
    }
}

/// Runs until nobody is left to ask.
pub(super) async fn drive(shared: Rc<Shared>, mut results: mpsc::Receiver<Done>) {
    while !shared.closed.get() {
        shared.woken.set(false);
        let now = Instant::now();
        let next = match &mut shared.state.borrow_mut().source {
            Source::System(pool) => {
                while let Ok(done) = results.try_recv() {
                    pool.done(done);
                }
                pool.turn(now)
            }
            Source::Dns { .. } => return,
        };
        shared.hand_on(now);
        let done = tokio::select! {
            () = shared.wake.notified() => None,
            done = results.recv() => done,
            () = sleep_until(next) => None,
        };
        if let (Some(done), Source::System(pool)) = (done, &mut shared.state.borrow_mut().source) {
            pool.done(done);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

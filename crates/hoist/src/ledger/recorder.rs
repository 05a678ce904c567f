use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, mpsc};

use super::committer::{Committed, Committer, Entry, Step, ToSync};
use super::list::BlockNote;
use super::pace::Pace;
use super::record::Recorded;
use crate::error::Error;
use crate::input::ListIdentity;
use crate::item::Position;
use crate::plan::defaults;
use crate::sys::Fs;

/// The I/O thread's way to the thread that writes the ledger, and back. Nothing here waits but
/// [`Recorder::finish`].
///
/// What waits on either side is bounded by admission: an item keeps its place until its outcome is
/// committed and told.
#[derive(Debug)]
pub(crate) struct Recorder<O> {
    tasks: SyncSender<Task<O>>,
    /// What the thread had no room for yet, in order.
    pending: VecDeque<Task<O>>,
    committed: mpsc::Receiver<Result<Vec<Committed<O>>, Error>>,
    thread: Option<JoinHandle<Result<Vec<Committed<O>>, Error>>>,
    /// The thread has taken a task: there is room for another.
    room: Arc<Notify>,
    /// It has not taken what was to be handed over.
    behind: bool,
    held: usize,
    weight: usize,
    /// The thread knows that nothing more comes for now.
    hurried: bool,
}

#[derive(Debug)]
enum Task<O> {
    Note(BlockNote, Vec<u8>),
    Known(ListIdentity),
    Skip(Vec<(Position, u64)>),
    /// The first of them came then.
    Take(Vec<Entry<O>>, Instant),
    /// Nothing more comes for now: what waits need not wait for more.
    Hurry,
    /// What was asked for is synced.
    Synced(Result<(), Error>),
    /// Nothing more comes: every item has its outcome, or the run was given up.
    End {
        complete: bool,
    },
}

/// Tasks that wait for the thread.
const QUEUE: usize = 256;
/// Tasks that wait on the I/O thread before no more lines are read.
const PENDING: usize = 64;
/// Outcomes in one task.
const BATCH: usize = 512;

impl<O: Recorded> Recorder<O> {
    /// Starts the thread.
    pub(crate) fn start(committer: Committer<O>) -> Result<Self, Error> {
        let (tasks, received) = sync_channel(QUEUE);
        // A group is told in one message; only one is committed at a time.
        let (tell, told) = mpsc::channel(2);
        let fs = committer.fs();
        let syncs = SyncThread::start(fs, tasks.clone())?;
        let began = Instant::now();
        let room = Arc::new(Notify::new());
        let taken = Arc::clone(&room);
        let writing = Writing { committer, pace: Pace::new(), syncs, tell, taken, began };
        let thread = thread::Builder::new()
            .name("hoist-ledger".to_owned())
            .spawn(move || writing.run(&received))
            .map_err(|source| Error::System { what: "the ledger's thread", source })?;
        Ok(Self {
            tasks,
            pending: VecDeque::new(),
            committed: told,
            thread: Some(thread),
            room,
            behind: false,
            held: 0,
            weight: 0,
            hurried: true,
        })
    }

    /// A block of the list was read; none of its lines is answered yet.
    pub(crate) fn note(&mut self, note: BlockNote, copy: Vec<u8>) {
        self.pending.push_back(Task::Note(note, copy));
    }

    /// The list has been found to be the one that the ledger answers.
    pub(crate) fn known(&mut self, list: ListIdentity) {
        self.pending.push_back(Task::Known(list));
    }

    /// Runs of lines, in order, ask nothing.
    pub(crate) fn skip(&mut self, runs: Vec<(Position, u64)>) {
        self.pending.push_back(Task::Skip(runs));
    }

    /// Takes an outcome, to go with the next [`Recorder::send`].
    pub(crate) fn put(&mut self, entry: Entry<O>) {
        self.held += 1;
        self.weight += entry.weight;
        self.hurried = false;
        match self.pending.back_mut() {
            Some(Task::Take(entries, _)) if entries.len() < BATCH => entries.push(entry),
            _ => self.pending.push_back(Task::Take(vec![entry], Instant::now())),
        }
    }

    /// Outcomes that are not committed yet.
    pub(crate) fn len(&self) -> usize {
        self.held
    }

    /// Bytes of these outcomes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Whether it has tasks that the thread had no room for; [`Recorder::room`] tells when to try
    /// again.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether more lines may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.pending.len() < PENDING
    }

    pub(crate) fn room(&self) -> Arc<Notify> {
        Arc::clone(&self.room)
    }

    /// Hands over what waits, as far as there is room. `idle`: nothing more comes for now; else the last
    /// outcomes wait a moment for others, as it costs as much to wake the thread as to write down a few.
    /// When to call again, where they do.
    pub(crate) fn send(&mut self, idle: bool, now: Instant) -> Option<Instant> {
        if idle && !self.hurried {
            self.hurried = true;
            self.pending.push_back(Task::Hurry);
        }
        self.behind = false;
        while let Some(task) = self.pending.pop_front() {
            if let (Task::Take(entries, since), false, true) =
                (&task, idle, self.pending.is_empty())
                && entries.len() < BATCH
                && now < *since + defaults::RECORD_GATHER
            {
                let again = *since + defaults::RECORD_GATHER;
                self.pending.push_front(task);
                return Some(again);
            }
            match self.tasks.try_send(task) {
                Ok(()) => {}
                Err(TrySendError::Full(task)) => {
                    self.pending.push_front(task);
                    self.behind = true;
                    break;
                }
                // The thread has told why it ended.
                Err(TrySendError::Disconnected(_)) => break,
            }
        }
        None
    }

    /// Outcomes that are committed.
    pub(crate) fn poll_committed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Committed<O>>, Error>> {
        self.committed.poll_recv(cx).map(|told| match told {
            Some(Ok(done)) => {
                self.let_go(&done);
                Ok(done)
            }
            Some(Err(error)) => Err(error),
            // It ends only when it is told to, or by a fault of ours.
            None => Err(Error::Stopped),
        })
    }

    fn let_go(&mut self, done: &[Committed<O>]) {
        self.held -= done.len();
        self.weight -= done.iter().map(|committed| committed.weight).sum::<usize>();
    }

    /// Commits what was put, and waits for it. Blocking. Returns what was not told yet. `complete`:
    /// every item has its outcome.
    pub(crate) fn finish(mut self, complete: bool) -> Result<Vec<Committed<O>>, Error> {
        let mut untold = Vec::new();
        let mut failed = None;
        for task in std::mem::take(&mut self.pending).into_iter().chain([Task::End { complete }]) {
            // The thread must not wait for us while we wait for it.
            self.drain(&mut untold, &mut failed);
            let mut task = Some(task);
            while let Some(waiting) = task.take() {
                match self.tasks.try_send(waiting) {
                    Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                    Err(TrySendError::Full(waiting)) => {
                        task = Some(waiting);
                        self.drain(&mut untold, &mut failed);
                        thread::park_timeout(Duration::from_millis(1));
                    }
                }
            }
        }
        while let Some(told) = self.committed.blocking_recv() {
            match told {
                Ok(done) => untold.extend(done),
                Err(error) => failed = Some(error),
            }
        }
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(Ok(last))) => untold.extend(last),
            Some(Ok(Err(error))) => failed = Some(error),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => {}
        }
        failed.map_or(Ok(untold), Err)
    }

    fn drain(&mut self, untold: &mut Vec<Committed<O>>, failed: &mut Option<Error>) {
        while let Ok(told) = self.committed.try_recv() {
            match told {
                Ok(done) => untold.extend(done),
                Err(error) => *failed = Some(error),
            }
        }
    }
}

impl<O> Drop for Recorder<O> {
    /// Without [`Recorder::finish`], where something has panicked: the thread is not kept waiting.
    fn drop(&mut self) {
        self.committed.close();
        let mut end = self.thread.take().map(|_| Task::End { complete: false });
        while let Some(task) = end.take() {
            while self.committed.try_recv().is_ok() {}
            if let Err(TrySendError::Full(task)) = self.tasks.try_send(task) {
                end = Some(task);
                thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
}

/// The thread that writes.
struct Writing<O> {
    committer: Committer<O>,
    pace: Pace,
    syncs: SyncThread,
    tell: mpsc::Sender<Result<Vec<Committed<O>>, Error>>,
    taken: Arc<Notify>,
    began: Instant,
}

impl<O: Recorded> Writing<O> {
    fn run(mut self, tasks: &Receiver<Task<O>>) -> Result<Vec<Committed<O>>, Error> {
        match self.follow(tasks) {
            Ok(complete) => self.finish(tasks, complete),
            Err(error) => {
                let _ = self.tell.blocking_send(Err(error));
                // Who has more to say finds nobody: the tasks end with this thread.
                Ok(Vec::new())
            }
        }
    }

    /// Until nothing more comes; whether the run is complete then.
    fn follow(&mut self, tasks: &Receiver<Task<O>>) -> Result<bool, Error> {
        loop {
            let task = match self.pace.next(self.committer.is_closing()) {
                None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => tasks.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            self.taken.notify_one();
            match task {
                Ok(Task::End { complete }) => return Ok(complete),
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Ok(task) => self.take(task)?,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if self.pace.must_write(now) || self.committer.unwritten() > LARGE {
                self.committer.write()?;
                self.pace.wrote();
            }
            if !self.committer.is_closing() && self.pace.must_close(now) {
                let step = self.committer.close(self.began.elapsed())?;
                self.pace.closed();
                self.go_on(step);
            }
        }
    }

    fn take(&mut self, task: Task<O>) -> Result<(), Error> {
        match task {
            Task::Note(note, copy) => self.committer.note(note, &copy)?,
            Task::Known(list) => self.committer.known(list),
            Task::Skip(runs) => self.committer.skip(&runs),
            Task::Take(entries, since) => {
                let now = SystemTime::now();
                for entry in entries {
                    self.committer.take(entry, now)?;
                }
                self.pace.took(since, self.committer.open_group());
            }
            Task::Hurry => self.pace.hurry(),
            Task::Synced(done) => {
                done?;
                let step = self.committer.synced(self.began.elapsed())?;
                self.go_on(step);
            }
            Task::End { .. } => {}
        }
        Ok(())
    }

    fn go_on(&mut self, step: Step<O>) {
        match step {
            Step::Nothing => {}
            Step::Sync(sync) => self.syncs.ask(sync),
            Step::Done(done) => {
                // Where nobody listens any more, the run is ending.
                let _ = self.tell.blocking_send(Ok(done));
            }
        }
    }

    /// Commits what is left, syncing on the spot.
    fn finish(
        mut self,
        tasks: &Receiver<Task<O>>,
        complete: bool,
    ) -> Result<Vec<Committed<O>>, Error> {
        let fs = self.committer.fs();
        self.syncs.stop();
        // A sync that failed is told once by the system, and forgotten: the next one would succeed.
        while let Ok(task) = tasks.try_recv() {
            if let Task::Synced(done) = task {
                done?;
            }
        }
        let mut all = Vec::new();
        let elapsed = self.began.elapsed();
        // A group that was closing first: what its sync had done is done once more.
        let mut step = match self.committer.pending_sync() {
            Some(sync) => Step::Sync(sync),
            None => self.committer.close(elapsed)?,
        };
        loop {
            step = match step {
                Step::Nothing => break,
                Step::Sync(sync) => {
                    sync.run(&*fs)?;
                    self.committer.synced(elapsed)?
                }
                Step::Done(done) => {
                    all.extend(done);
                    self.committer.close(elapsed)?
                }
            };
        }
        // Notes of blank lines may still wait.
        self.committer.write()?;
        if complete {
            self.committer.complete()?;
        }
        Ok(all)
    }
}

/// Bytes of records that are handed to the system at once.
const LARGE: usize = 256 << 10;

/// The thread that waits for syncs, so that records can be taken meanwhile.
struct SyncThread {
    jobs: Option<SyncSender<ToSync>>,
    thread: Option<JoinHandle<()>>,
}

impl SyncThread {
    fn start<O: Recorded>(fs: Arc<dyn Fs>, tasks: SyncSender<Task<O>>) -> Result<Self, Error> {
        let (jobs, asked) = sync_channel::<ToSync>(1);
        let thread = thread::Builder::new()
            .name("hoist-sync".to_owned())
            .spawn(move || {
                while let Ok(sync) = asked.recv() {
                    // At the end nobody waits for the answer, and there may be no room for it.
                    let mut answer = Some(Task::Synced(sync.run(&*fs)));
                    while let Some(task) = answer.take() {
                        match tasks.try_send(task) {
                            Err(TrySendError::Full(task)) => {
                                answer = Some(task);
                                thread::park_timeout(Duration::from_millis(1));
                            }
                            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                        }
                    }
                }
            })
            .map_err(|source| Error::System { what: "the thread that syncs", source })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    fn ask(&self, sync: ToSync) {
        if let Some(jobs) = &self.jobs {
            // One at a time: there is room.
            let _ = jobs.send(sync);
        }
    }

    /// Waits for what it is at.
    fn stop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::decoding::Undoing;
use super::hashing::Hashing;
use super::whole::Whole;
use super::{Asked, Finished, Kept, Mismatch, See, Sink, Wanted};
use crate::error::Error;
use crate::item::{Hash, LateName, Position};
use crate::outcome::Failure;
use crate::schedule::Ticket;

/// The threads that write, seen from the I/O thread. Bodies wait for them in a channel that is
/// bounded in bytes; the parts of one body go to one thread, in order.
///
/// Both ways, what is small goes in batches: to wake a thread costs as much as to write a small file.
#[derive(Debug)]
pub(crate) struct Writers {
    threads: Vec<Thread>,
    backlog: Arc<Semaphore>,
    backlog_bytes: usize,
    completions: Option<Completions>,
    parts: Option<HashSet<Position>>,
}

/// Bodies that were finished, as they are.
pub(crate) type Completions = mpsc::Receiver<Vec<Completion>>;

#[derive(Debug)]
struct Thread {
    tasks: mpsc::Sender<Vec<Task>>,
    handle: JoinHandle<()>,
}

/// A body is finished; or the run can't go on.
pub(crate) type Completion = (Ticket, Result<Written, Error>);

/// What became of a body that was received whole.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is finished. Its hash, where one was asked for.
    Finished(Finished, Option<Hash>),
    /// The same of one that was decoded, and the bytes it has decoded.
    Decoded(Finished, Option<Hash>, u64),
    /// It can't be decoded, or not into what was asked for: nothing of it stays.
    Refused(Failure),
    /// It is not the body that was promised: nothing of it stays.
    Mismatched(Mismatch),
}

/// The I/O thread's way to the writers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    threads: Rc<[mpsc::Sender<Vec<Task>>]>,
    /// Bodies that are whole, for each thread; they go with [`Handover::flush`].
    whole: Rc<[RefCell<Whole<Task>>]>,
    backlog: Arc<Semaphore>,
    backlog_bytes: usize,
}

#[derive(Debug)]
enum Task {
    Write {
        ticket: Ticket,
        /// With the first bytes of a body.
        begin: Option<Box<Wanted>>,
        chunks: Vec<Bytes>,
        /// Where they belong, where that is not behind those before.
        at: Option<u64>,
        /// These are its last bytes.
        finish: bool,
        /// Given back when the bytes are written.
        _room: OwnedSemaphorePermit,
    },
    Discard(Ticket),
    Open {
        ticket: Ticket,
        wanted: Box<Wanted>,
        asked: Asked,
        opened: oneshot::Sender<Option<Kept>>,
    },
    Suspend(Ticket),
    Forget {
        ticket: Ticket,
        position: Position,
        remove: bool,
    },
}

/// Batches waiting for their reader.
const QUEUE: usize = 1024;
/// Tasks or completions in a batch.
pub(super) const BATCH: usize = 64;

impl Writers {
    /// Starts a thread for each sink.
    pub(crate) fn start<S: Sink + 'static>(
        sinks: Vec<S>,
        backlog: NonZeroUsize,
    ) -> Result<Self, Error> {
        let (completed, completions) = mpsc::channel(QUEUE);
        let mut threads = Vec::new();
        for (n, sink) in sinks.into_iter().enumerate() {
            let (tasks, received) = mpsc::channel(QUEUE);
            let completed = completed.clone();
            let handle = thread::Builder::new()
                .name(format!("hoist-writer-{n}"))
                .spawn(move || Writer::new(sink, completed).run(received))
                .map_err(|source| Error::System { what: "a writer thread", source })?;
            threads.push(Thread { tasks, handle });
        }
        let backlog_bytes = backlog.get().min(Semaphore::MAX_PERMITS);
        let backlog = Arc::new(Semaphore::new(backlog_bytes));
        let completions = Some(completions);
        Ok(Self { threads, backlog, backlog_bytes, completions, parts: None })
    }

    pub(crate) fn handover(&self) -> Handover {
        Handover {
            threads: self.threads.iter().map(|thread| thread.tasks.clone()).collect(),
            whole: self.threads.iter().map(|_| RefCell::default()).collect(),
            backlog: Arc::clone(&self.backlog),
            backlog_bytes: self.backlog_bytes,
        }
    }

    /// An earlier run left parts of the bodies of these positions alone.
    pub(crate) fn with_parts(mut self, parts: HashSet<Position>) -> Self {
        self.parts = Some(parts);
        self
    }

    /// Of which positions there are parts; None where that is not known.
    pub(crate) fn parts(&mut self) -> Option<HashSet<Position>> {
        self.parts.take()
    }

    /// Where finished bodies are told. The second call gets a receiver that tells nothing.
    pub(crate) fn completions(&mut self) -> Completions {
        self.completions.take().unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// Lets the threads discard what is unfinished and tidy up, and waits for them. Every
    /// `Handover` and the completions must be gone. Blocking.
    pub(crate) fn join(mut self) {
        for Thread { tasks, handle } in self.threads.drain(..) {
            drop(tasks);
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Handover {
    /// Hands over bytes of a body; with `begin` its first, with `finish` its last. Waits while
    /// too many bytes wait already. Not cancel-safe: a body that was begun is then left to
    /// [`Handover::discard`].
    ///
    /// A body that comes in one piece goes with the next [`Handover::flush`].
    pub(crate) async fn write(
        &self,
        ticket: Ticket,
        begin: Option<Box<Wanted>>,
        chunks: Vec<Bytes>,
        finish: bool,
    ) {
        self.send(ticket, begin, chunks, None, finish).await;
    }

    /// Hands over bytes of a body that was begun, for a place in it where there are none yet. All of
    /// such a body are handed over so, and then no bytes with the last call of `write`.
    pub(crate) async fn write_at(&self, ticket: Ticket, at: u64, chunks: Vec<Bytes>) {
        self.send(ticket, None, chunks, Some(at), false).await;
    }

    async fn send(
        &self,
        ticket: Ticket,
        begin: Option<Box<Wanted>>,
        chunks: Vec<Bytes>,
        at: Option<u64>,
        finish: bool,
    ) {
        let bytes: usize = chunks.iter().map(Bytes::len).sum();
        let room = u32::try_from(bytes.clamp(1, self.backlog_bytes)).unwrap_or(u32::MAX);
        // Neither the semaphore nor the channel is closed while a handover lives.
        let Ok(room) = Arc::clone(&self.backlog).acquire_many_owned(room).await else { return };
        let whole = begin.is_some() && finish;
        let task = Task::Write { ticket, begin, chunks, at, finish, _room: room };
        if whole {
            // All that is of an item goes to one thread: that knows what another try has left.
            let mut whole = self.whole[ticket.0 % self.threads.len()].borrow_mut();
            whole.push(task, bytes, Instant::now);
        } else {
            let _ = self.thread(ticket).send(vec![task]).await;
        }
    }

    /// Gives up a body that was begun and not finished.
    pub(crate) async fn discard(&self, ticket: Ticket) {
        let thread = &self.threads[ticket.0 % self.threads.len()];
        let _ = thread.send(vec![Task::Discard(ticket)]).await;
    }

    /// Opens what another try, or another run, left of a body, to be gone on with; its bytes are
    /// read again there. The body is begun then.
    pub(crate) async fn open(
        &self,
        ticket: Ticket,
        wanted: Box<Wanted>,
        asked: Asked,
    ) -> Option<Kept> {
        let (opened, answer) = oneshot::channel();
        let task = Task::Open { ticket, wanted, asked, opened };
        self.thread(ticket).send(vec![task]).await.ok()?;
        answer.await.ok().flatten()
    }

    /// A body that was begun has stopped in the middle.
    pub(crate) async fn suspend(&self, ticket: Ticket) {
        let _ = self.thread(ticket).send(vec![Task::Suspend(ticket)]).await;
    }

    /// There is no other try of an item in this run, whose ticket was this: see [`Sink::forget`].
    pub(crate) async fn forget(&self, ticket: Ticket, position: Position, remove: bool) {
        let _ = self.thread(ticket).send(vec![Task::Forget { ticket, position, remove }]).await;
    }

    /// Lets the writers have the bodies that are whole, without waiting: where they are enough, or
    /// nothing more comes for now (`idle`). When to call again, where some stay.
    pub(crate) fn flush(&self, idle: bool, now: Instant) -> Option<Instant> {
        let threads = self.threads.iter().zip(&*self.whole);
        threads.filter_map(|(thread, whole)| whole.borrow_mut().flush(thread, idle, now)).min()
    }

    fn thread(&self, ticket: Ticket) -> &mpsc::Sender<Vec<Task>> {
        &self.threads[ticket.0 % self.threads.len()]
    }
}

struct Writer<S: Sink> {
    sink: S,
    parts: HashMap<Ticket, Part<S>>,
    /// Bodies that are decoded first.
    coded: Undoing<S>,
    /// What the I/O thread is to be told next.
    done: Vec<Completion>,
    completed: mpsc::Sender<Vec<Completion>>,
}

/// A body being written.
struct Part<S: Sink> {
    of_sink: S::Part,
    hashing: Option<Box<Hashing>>,
    late: Option<Box<LateName>>,
    /// Its bytes came in no order: they are hashed in the end.
    scattered: bool,
}

/// Ends the run where a writer panics: nobody else would tell of its bodies.
struct Alarm(mpsc::Sender<Vec<Completion>>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.blocking_send(vec![(Ticket(0), Err(Error::Stopped))]);
        }
    }
}

impl<S: Sink> Writer<S> {
    fn new(sink: S, completed: mpsc::Sender<Vec<Completion>>) -> Self {
        Self { sink, parts: HashMap::new(), coded: Undoing::new(), done: Vec::new(), completed }
    }

    fn run(mut self, mut tasks: mpsc::Receiver<Vec<Task>>) {
        let _alarm = Alarm(self.completed.clone());
        while let Some(batch) = tasks.blocking_recv() {
            self.take(batch);
            while self.done.len() < BATCH
                && let Ok(batch) = tasks.try_recv()
            {
                self.take(batch);
            }
            if !self.done.is_empty() {
                // Where nobody listens any more, the run is over.
                let _ = self.completed.blocking_send(std::mem::take(&mut self.done));
            }
        }
        self.coded.close(&mut self.sink);
        for (_, part) in self.parts.drain() {
            let _ = self.sink.suspend(part.of_sink);
        }
        let _ = self.sink.close();
    }

    fn take(&mut self, batch: Vec<Task>) {
        for task in batch {
            let (ticket, done) = match task {
                Task::Discard(ticket) => (ticket, self.discard(ticket).map(|()| None)),
                Task::Suspend(ticket) => (ticket, self.suspend(ticket).map(|()| None)),
                Task::Forget { ticket, position, remove } => {
                    (ticket, self.sink.forget(position, remove).map(|()| None))
                }
                Task::Open { ticket, wanted, asked, opened } => {
                    let kept = self.open(ticket, &wanted, &asked);
                    // Who has given up waiting for it discards it.
                    (ticket, kept.map(|kept| drop(opened.send(kept))).map(|()| None))
                }
                Task::Write { ticket, chunks, at: Some(at), .. } => {
                    (ticket, self.write_at(ticket, at, &chunks).map(|()| None))
                }
                Task::Write { ticket, begin, chunks, finish, .. } => {
                    (ticket, self.write(ticket, begin, &chunks, finish))
                }
            };
            self.done.extend(done.transpose().map(|done| (ticket, done)));
        }
    }

    /// What became of the body, once it is finished; `Ok(None)` before.
    fn write(
        &mut self,
        ticket: Ticket,
        mut begin: Option<Box<Wanted>>,
        chunks: &[Bytes],
        finish: bool,
    ) -> Result<Option<Written>, Error> {
        if let Some(coded) = begin.as_mut().and_then(|wanted| wanted.coded.take())
            && let Some(wanted) = begin.take()
        {
            self.coded.begin(ticket, *coded, wanted);
        }
        if self.coded.has(ticket) {
            return self.coded.write(&mut self.sink, ticket, chunks, finish);
        }
        let mut hashing = match &begin {
            Some(wanted) => Hashing::new(wanted.hash).map(Box::new),
            None => self.parts.get_mut(&ticket).and_then(|part| part.hashing.take()),
        };
        if let Some(hashing) = &mut hashing {
            if let Some(part) = self.parts.get(&ticket).filter(|part| part.scattered)
                && let Some(mut all) = Hashing::new(hashing.wish())
            {
                self.sink.reread(&part.of_sink, &mut |bytes| all.update(bytes))?;
                **hashing = all;
            }
            for chunk in chunks {
                hashing.update(chunk);
            }
        }
        // Before the last bytes are written: a short body that is a wrong one is not written at all.
        let hash = match hashing.take_if(|_| finish).map(|hashing| hashing.finish()).transpose() {
            Ok(found) => found.unwrap_or_default(),
            Err(mismatch) => {
                self.discard(ticket)?;
                return Ok(Some(Written::Mismatched(mismatch)));
            }
        };
        // A body that could not be written has been reported, and the run is ending.
        let part = match begin {
            Some(mut wanted) => {
                let late = wanted.late.take();
                Some((self.sink.begin(*wanted)?, late))
            }
            None => self.parts.remove(&ticket).map(|part| (part.of_sink, part.late)),
        };
        let Some((mut part, late)) = part else { return Ok(None) };
        let written = chunks.iter().try_for_each(|chunk| self.sink.write(&mut part, chunk));
        if let Err(error) = written {
            let _ = self.sink.suspend(part);
            return Err(error);
        }
        if finish {
            if let (Some(late), Some(sha256)) = (late, &hash.sha256) {
                self.sink.rename(&mut part, late.of_body(sha256));
            }
            return self.sink.finish(part).map(|done| Some(Written::Finished(done, hash.told)));
        }
        self.parts.insert(ticket, Part { of_sink: part, hashing, late, scattered: false });
        Ok(None)
    }

    fn discard(&mut self, ticket: Ticket) -> Result<(), Error> {
        match self.parts.remove(&ticket) {
            Some(part) => self.sink.discard(part.of_sink),
            None => self.coded.discard(&mut self.sink, ticket),
        }
    }

    fn write_at(&mut self, ticket: Ticket, at: u64, chunks: &[Bytes]) -> Result<(), Error> {
        // A body that could not be written has been reported, and the run is ending.
        let Some(part) = self.parts.get_mut(&ticket) else { return Ok(()) };
        part.scattered = true;
        let mut at = at;
        for chunk in chunks {
            if let Err(error) = self.sink.write_at(&mut part.of_sink, at, chunk) {
                let _ = self.suspend(ticket);
                return Err(error);
            }
            at += chunk.len() as u64;
        }
        Ok(())
    }

    fn open(
        &mut self,
        ticket: Ticket,
        wanted: &Wanted,
        asked: &Asked,
    ) -> Result<Option<Kept>, Error> {
        let mut hashing = Hashing::new(wanted.hash).map(Box::new);
        let mut hash = hashing.as_mut().map(|hashing| |bytes: &[u8]| hashing.update(bytes));
        let each = hash.as_mut().map(|hash| hash as &mut See<'_>);
        let Some((of_sink, kept)) = self.sink.open(wanted, asked, each)? else { return Ok(None) };
        self.parts.insert(ticket, Part { of_sink, hashing, late: None, scattered: false });
        Ok(Some(kept))
    }

    fn suspend(&mut self, ticket: Ticket) -> Result<(), Error> {
        match self.parts.remove(&ticket) {
            Some(part) => self.sink.suspend(part.of_sink),
            None => self.coded.discard(&mut self.sink, ticket),
        }
    }
}

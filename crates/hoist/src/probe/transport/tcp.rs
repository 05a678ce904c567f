//! Connections to servers over TCP (RFC 7766): few, with many questions on each, answered in any order.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::is_shortage;
use crate::polls::{Task, timed};
use crate::probe::exchange::{CONNECTIONS, PIPELINED, Tcp, TcpEnd};

/// Before another look for a free descriptor.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);
/// A connection without questions is kept for so long.
const IDLE: Duration = Duration::from_secs(2);
/// Bytes of answers that are read ahead: the longest message and its length.
const READ_AHEAD: usize = 2 + u16::MAX as usize;

/// Told what became of each question.
pub(crate) trait Ended: Fn(Tcp, TcpEnd<'_>) + Clone + 'static {}
impl<F: Fn(Tcp, TcpEnd<'_>) + Clone + 'static> Ended for F {}

/// The connections of a shell. They end with it.
#[derive(Debug)]
pub(crate) struct Connections<E> {
    tasks: TaskTracker,
    over: CancellationToken,
    ended: E,
    servers: HashMap<SocketAddr, Vec<Line>>,
}

/// A way to the task of a connection.
#[derive(Debug)]
struct Line {
    questions: mpsc::Sender<Question>,
    /// Without an answer.
    waiting: Rc<Cell<usize>>,
}

#[derive(Debug)]
struct Question {
    tcp: Tcp,
    query: Vec<u8>,
}

impl<E: Ended> Connections<E> {
    pub(crate) fn new(tasks: TaskTracker, ended: E) -> Self {
        Self { tasks, over: CancellationToken::new(), ended, servers: HashMap::new() }
    }

    /// Sends a query. `ended` is called later, never from here.
    pub(crate) fn ask(&mut self, tcp: Tcp, query: &[u8]) {
        let question = Question { tcp, query: query.to_vec() };
        let lines = self.servers.entry(tcp.address).or_default();
        lines.retain(|line| !line.questions.is_closed());
        if lines.len() < CONNECTIONS && lines.iter().all(|line| line.waiting.get() > 0) {
            lines.push(open(&self.tasks, &self.over, tcp.address, self.ended.clone()));
        }
        let least = lines.iter().min_by_key(|line| line.waiting.get());
        let Some(line) = least else { return };
        match line.questions.try_send(question) {
            Ok(()) => line.waiting.set(line.waiting.get() + 1),
            Err(error) => {
                // More than the machine lets through. It is asked again.
                let question = error.into_inner();
                let ended = self.ended.clone();
                self.tasks.spawn_local(async move { ended(question.tcp, TcpEnd::Silence) });
            }
        }
    }
}

impl<E> Drop for Connections<E> {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

fn open(
    tasks: &TaskTracker,
    over: &CancellationToken,
    server: SocketAddr,
    ended: impl Ended,
) -> Line {
    let (questions, receiver) = mpsc::channel(CONNECTIONS * PIPELINED);
    let waiting = Rc::new(Cell::new(0));
    let mut talk = Talk {
        receiver,
        ended,
        waiting: Rc::clone(&waiting),
        asked: Vec::new(),
        answered: 0,
        unsent: Vec::new(),
        unread: Vec::new(),
        last: Instant::now(),
    };
    let over = over.clone();
    tasks.spawn_local(timed(Task::Lookups, async move {
        over.run_until_cancelled(talk.run(server)).await;
    }));
    Line { questions, waiting }
}

/// What is said on one connection.
struct Talk<E> {
    receiver: mpsc::Receiver<Question>,
    ended: E,
    waiting: Rc<Cell<usize>>,
    /// Questions that were taken up, and have no answer.
    asked: Vec<Question>,
    /// Answers so far.
    answered: usize,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    /// When it last brought an answer, or began to wait for one.
    last: Instant,
}

/// Why a wait is over.
enum Woken {
    Asked(Option<Question>),
    Readable(io::Result<()>),
    Writable(io::Result<()>),
    Late,
}

impl<E: Ended> Talk<E> {
    async fn run(&mut self, server: SocketAddr) {
        // There is one: for it the connection is made.
        let Some(first) = self.receiver.recv().await else { return };
        // Its own deadline may be near; others wait for the connection, too.
        let deadline = Instant::now() + first.tcp.patience;
        self.take_up(first);
        let stream = timeout_at(deadline.into(), connect(server)).await;
        if let Ok(Ok(stream)) = stream {
            self.last = Instant::now();
            let they_left = self.talk(&stream).await;
            self.hang_up(|answered, waiting| TcpEnd::Broken {
                answered,
                waiting: if they_left { waiting } else { 0 },
            });
        } else {
            self.hang_up(|_, _| TcpEnd::Silence);
        }
    }

    /// Until nothing is left to say, or the other side has left: true.
    async fn talk(&mut self, stream: &TcpStream) -> bool {
        loop {
            let look = self.next_look();
            let woken = tokio::select! {
                question = self.receiver.recv(), if self.asked.len() < PIPELINED * CONNECTIONS => {
                    Woken::Asked(question)
                }
                ready = stream.readable() => Woken::Readable(ready),
                ready = stream.writable(), if !self.unsent.is_empty() => Woken::Writable(ready),
                () = sleep_until(look.into()) => Woken::Late,
            };
            match woken {
                Woken::Asked(Some(question)) => self.take_up(question),
                Woken::Asked(None) => return false,
                Woken::Readable(ready) if ready.is_err() || !self.read(stream) => return true,
                Woken::Writable(ready) if ready.is_err() || !self.write(stream) => return true,
                Woken::Late if !self.look(Instant::now()) => return false,
                Woken::Readable(_) | Woken::Writable(_) | Woken::Late => {}
            }
        }
    }

    fn take_up(&mut self, question: Question) {
        // Length and message in one piece (RFC 7766 §8).
        let Ok(length) = u16::try_from(question.query.len()) else { return };
        if self.asked.is_empty() {
            self.last = Instant::now();
        }
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(&question.query);
        self.asked.push(question);
    }

    fn write(&mut self, stream: &TcpStream) -> bool {
        match stream.try_write(&self.unsent) {
            Ok(written) => {
                self.unsent.drain(..written);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    fn read(&mut self, stream: &TcpStream) -> bool {
        let mut buffer = [0; 4096];
        match stream.try_read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
        debug_assert!(self.unread.len() <= READ_AHEAD + buffer.len());
        let unread = std::mem::take(&mut self.unread);
        let mut rest = &unread[..];
        while let Some((message, after)) = next_message(rest) {
            self.answer(message);
            rest = after;
        }
        self.unread = rest.to_vec();
        true
    }

    /// Answers come in any order (RFC 7766 §6.2.1.1): id and question tell whose one is.
    fn answer(&mut self, message: &[u8]) {
        let is_its = |question: &Question| {
            message.get(..2) == question.query.get(..2)
                && match (question_of(message), question_of(&question.query)) {
                    (Some(told), Some(asked)) => told.eq_ignore_ascii_case(asked),
                    // An error may come without the question.
                    (told, _) => told.is_none(),
                }
        };
        let Some(at) = self.asked.iter().position(is_its) else { return };
        let question = self.asked.swap_remove(at);
        self.answered += 1;
        self.last = Instant::now();
        self.end(&question, TcpEnd::Answer(message));
    }

    /// When a question is overdue, or the connection has been idle or silent for long enough.
    fn next_look(&self) -> Instant {
        let deadlines = self.asked.iter().map(|question| question.tcp.deadline);
        deadlines.min().map_or(self.last + IDLE, |first| first.min(self.last + self.patience()))
    }

    /// For how long it may bring nothing at all. Who has less time for his answer than that has his own
    /// deadline.
    fn patience(&self) -> Duration {
        self.asked.iter().map(|question| question.tcp.patience).max().unwrap_or(IDLE)
    }

    /// False when the connection is of no use any more.
    fn look(&mut self, now: Instant) -> bool {
        if self.asked.is_empty() {
            return now < self.last + IDLE;
        }
        let is_silent = self.last + self.patience() <= now;
        let (late, asked) = std::mem::take(&mut self.asked)
            .into_iter()
            .partition::<Vec<_>, _>(|question| question.tcp.deadline <= now);
        self.asked = asked;
        for question in late {
            self.end(&question, TcpEnd::Silence);
        }
        // Whoever waits behind silence has a better chance on another connection.
        !is_silent
    }

    /// All that have no answer are told so.
    fn hang_up(&mut self, end: impl Fn(usize, usize) -> TcpEnd<'static>) {
        self.receiver.close();
        while let Ok(question) = self.receiver.try_recv() {
            self.asked.push(question);
        }
        let waiting = self.asked.len();
        for question in std::mem::take(&mut self.asked) {
            self.end(&question, end(self.answered, waiting));
        }
    }

    fn end(&self, question: &Question, end: TcpEnd<'_>) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
        (self.ended)(question.tcp, end);
    }
}

async fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    loop {
        match TcpStream::connect(server).await {
            Err(error) if is_shortage(&error) => tokio::time::sleep(DESCRIPTOR_PAUSE).await,
            other => {
                let stream = other?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
        }
    }
}

/// A message that is there as a whole, and what comes after it.
fn next_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Name, type and class of the one question of a message, as they are in it.
fn question_of(message: &[u8]) -> Option<&[u8]> {
    if message.get(4..6)? != [0, 1] {
        return None;
    }
    let question = message.get(12..)?;
    let mut at = 0;
    loop {
        match usize::from(*question.get(at)?) {
            0 => return question.get(..at + 5),
            length @ 1..=63 => at += length + 1,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::LocalSet;

    use super::*;
    use crate::probe::answers::{Answer, name};
    use crate::probe::chance::Case;
    use crate::probe::message::write_query;

    const MS: Duration = Duration::from_millis(1);

    /// What became of the questions, by the addresses of their names, and after how long.
    type Ends = Rc<RefCell<Vec<(u16, &'static str, Duration)>>>;

    /// Answers what has an even id, on as many connections as come; tells of each.
    async fn serve(listener: TcpListener, accepted: Rc<Cell<usize>>, tasks: TaskTracker) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            accepted.set(accepted.get() + 1);
            tasks.spawn_local(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut query = vec![0; length.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    if query[1] % 2 == 0 {
                        let answer = Answer::to(&query).bytes();
                        stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                        stream.write_all(&answer).await.unwrap();
                    }
                }
            });
        }
    }

    /// Asks with each id at its time, and tells how they ended; with how many connections.
    fn ends(
        questions: &[(u16, u64)],
        until: Duration,
    ) -> (Vec<(u16, &'static str, Duration)>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = LocalSet::new();
        let accepted = Rc::new(Cell::new(0));
        let ends = Ends::default();
        let (seen, times) = (Rc::clone(&accepted), Rc::clone(&ends));
        local.block_on(&runtime, async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let tasks = TaskTracker::new();
            tasks.spawn_local(serve(listener, seen, tasks.clone()));
            let start = Instant::now();
            let ended = move |tcp: Tcp, end: TcpEnd<'_>| {
                let end = match end {
                    TcpEnd::Answer(_) => "answer",
                    TcpEnd::Silence => "silence",
                    TcpEnd::Broken { .. } => "broken",
                };
                times.borrow_mut().push((tcp.nth(), end, start.elapsed()));
            };
            let mut connections = Connections::new(tasks, ended);
            for (id, at) in questions {
                let at = start + Duration::from_millis(*at);
                sleep_until(at.into()).await;
                let mut query = Vec::new();
                let host = name("a.example");
                write_query(
                    &mut query,
                    *id,
                    &host,
                    Case::SMALL,
                    domain::base::iana::Rtype::A,
                    true,
                );
                connections.ask(Tcp::of(*id, address, at, 400 * MS), &query);
            }
            sleep_until((start + until).into()).await;
        });
        let all = ends.borrow().clone();
        (all, accepted.get())
    }

    #[test]
    fn alone_a_silent_connection_is_closed_and_those_behind_are_told() {
        // Two connections, as there are two questions; the third goes behind one of them.
        let (all, accepted) = ends(&[(1, 0), (3, 5), (5, 250)], 1_500 * MS);
        let mut told: Vec<_> = all.iter().map(|(id, end, _)| (*id, *end)).collect();
        // Where both end at once, the order may be another.
        told.sort_unstable();
        assert_eq!(told, [(1, "silence"), (3, "silence"), (5, "broken")]);
        assert!(all.iter().all(|(.., at)| *at >= 395 * MS), "{all:?}");
        assert_eq!(accepted, 2);
    }

    #[test]
    fn alone_one_silence_among_answers_closes_nothing() {
        let questions = [(1, 0), (3, 5), (2, 300), (4, 310), (6, 420), (8, 430)];
        let (all, accepted) = ends(&questions, 1_000 * MS);
        let of = |end| all.iter().filter(|(_, told, _)| *told == end).count();
        assert_eq!((of("answer"), of("silence"), accepted), (4, 2, 2), "{all:?}");
    }
}

//! The thread that writes. The queue to it is bounded in bytes: a server that outruns its disk waits
//! rather than lose the truth or the machine's memory.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines wait at most this long before they are written.
const LATEST: Duration = Duration::from_millis(100);
/// Written at once from this many bytes on.
const BATCH: usize = 1 << 20;
/// A server waits for the disk from this many bytes on.
const FULL: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    writing: bool,
    hurry: bool,
    closed: bool,
    failed: Option<io::Error>,
}

impl Writer {
    pub(super) fn start(to: Box<dyn Write + Send>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("rehearsal-truth".into())
            .spawn(move || theirs.write_all(to))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut queue = self.shared.lock();
        while queue.lines.len() > FULL {
            queue = self.shared.wait(queue);
        }
        if queue.failed.is_some() {
            return;
        }
        let was = queue.lines.len();
        write(&mut queue.lines);
        queue.lines.push(b'\n');
        // The thread needs waking for the first line, and for a full batch.
        if was == 0 || (was < BATCH && queue.lines.len() >= BATCH) {
            self.shared.changed.notify_all();
        }
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        let mut queue = self.shared.lock();
        while queue.writing || !queue.lines.is_empty() {
            queue.hurry = true;
            self.shared.changed.notify_all();
            queue = self.shared.wait(queue);
        }
        match &queue.failed {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut to: Box<dyn Write + Send>) {
        let mut batch = Vec::new();
        let mut queue = self.lock();
        loop {
            while queue.lines.is_empty() {
                if queue.closed {
                    return;
                }
                queue = self.wait(queue);
            }
            let filling = |q: &mut Queue| !q.closed && !q.hurry && q.lines.len() < BATCH;
            queue = self
                .changed
                .wait_timeout_while(queue, LATEST, filling)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            std::mem::swap(&mut queue.lines, &mut batch);
            queue.writing = true;
            queue.hurry = false;
            drop(queue);
            self.changed.notify_all();
            let written = to.write_all(&batch).and_then(|()| to.flush());
            batch.clear();
            queue = self.lock();
            queue.writing = false;
            if let Err(error) = written {
                queue.lines.clear();
                queue.failed.get_or_insert(error);
            }
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_arrives_in_order() {
        let sink = Sink::default();
        let writer = Writer::start(Box::new(sink.clone())).unwrap();
        let mut expected = Vec::new();
        for i in 0..200_000 {
            writeln!(expected, "line {i}").unwrap();
            writer.line(|out| write!(out, "line {i}").unwrap());
            if i == 5 {
                writer.flush().unwrap();
                assert_eq!(*sink.0.lock().unwrap(), expected);
            }
        }
        drop(writer);
        assert!(*sink.0.lock().unwrap() == expected);
    }

    #[test]
    fn the_first_error_is_told() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writer = Writer::start(Box::new(Full)).unwrap();
        writer.line(|out| out.push(b'x'));
        assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        writer.line(|out| out.push(b'y'));
        assert!(writer.flush().is_err());
    }
}

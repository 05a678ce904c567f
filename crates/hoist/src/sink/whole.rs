use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::writer::BATCH;

/// Bodies that are whole, on their way to a writer: they wait for others, as it costs as much to wake a
/// thread as to write a small file. Time is an argument.
#[derive(Debug)]
pub(super) struct Whole<T> {
    tasks: Vec<T>,
    bytes: usize,
    /// The first of them came then.
    since: Option<Instant>,
}

/// They go when they are so many, or so many bytes, or the first of them has waited so long.
const ENOUGH: usize = BATCH / 2;
const ENOUGH_BYTES: usize = 256 << 10;
const LONGEST: Duration = Duration::from_millis(1);

/// Until another look where they found no room.
const FULL: Duration = Duration::from_millis(10);

impl<T> Default for Whole<T> {
    fn default() -> Self {
        Self { tasks: Vec::new(), bytes: 0, since: None }
    }
}

impl<T> Whole<T> {
    pub(super) fn push(&mut self, task: T, bytes: usize, now: impl FnOnce() -> Instant) {
        self.since.get_or_insert_with(now);
        self.bytes += bytes;
        self.tasks.push(task);
    }

    /// Hands them over, if they are enough or nothing more comes for now (`idle`). When to call again,
    /// where some stay.
    pub(super) fn flush(
        &mut self,
        thread: &mpsc::Sender<Vec<T>>,
        idle: bool,
        now: Instant,
    ) -> Option<Instant> {
        let due = self.since? + LONGEST;
        let enough = self.tasks.len() >= ENOUGH || self.bytes >= ENOUGH_BYTES;
        if !idle && !enough && now < due {
            return Some(due);
        }
        while !self.tasks.is_empty() {
            let many = self.tasks.len() > BATCH;
            let rest = if many { self.tasks.split_off(BATCH) } else { Vec::new() };
            let batch = std::mem::replace(&mut self.tasks, rest);
            if let Err(TrySendError::Full(mut batch)) = thread.try_send(batch) {
                batch.append(&mut self.tasks);
                self.tasks = batch;
                return Some(now + FULL);
            }
        }
        (self.bytes, self.since) = (0, None);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_once_they_are_enough_or_have_waited_or_nothing_more_comes() {
        let (thread, mut tasks) = mpsc::channel::<Vec<()>>(8);
        let mut sizes =
            || std::iter::from_fn(|| Some(tasks.try_recv().ok()?.len())).collect::<Vec<_>>();
        let start = Instant::now();
        let mut whole = Whole::default();
        assert_eq!(whole.flush(&thread, false, start), None);
        whole.push((), 1, || start);
        let due = start + LONGEST;
        assert_eq!(whole.flush(&thread, false, start), Some(due));
        whole.push((), 1, || due);
        assert!(sizes().is_empty());
        assert_eq!(whole.flush(&thread, false, due), None);
        assert_eq!(sizes(), [2]);
        whole.push((), 1, || due);
        assert_eq!(whole.flush(&thread, true, due), None);
        whole.push((), ENOUGH_BYTES, || due);
        assert_eq!(whole.flush(&thread, false, due), None);
        (0..BATCH + 3).for_each(|_| whole.push((), 1, || due));
        assert_eq!(whole.flush(&thread, false, due), None);
        assert_eq!(sizes(), [1, 1, BATCH, 3]);
    }

    #[test]
    fn what_finds_no_room_stays_in_order() {
        let (thread, mut tasks) = mpsc::channel(1);
        let now = Instant::now();
        let mut whole = Whole::default();
        (0..2 * BATCH).for_each(|n| whole.push(n, 1, || now));
        assert_eq!(whole.flush(&thread, true, now), Some(now + FULL));
        assert_eq!(tasks.try_recv().unwrap(), (0..BATCH).collect::<Vec<_>>());
        assert_eq!(whole.flush(&thread, false, now), None);
        assert_eq!(tasks.try_recv().unwrap(), (BATCH..2 * BATCH).collect::<Vec<_>>());
    }
}

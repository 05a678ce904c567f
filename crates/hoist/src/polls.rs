//! How long the polls of tasks on the I/O thread take: whatever takes long there holds up all others.
//!
//! It is counted in builds for benches alone, which have the feature `bench`. In others nothing of it is left.

/// What kind of task is polled.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    /// The loop of the run.
    Loop,
    /// An attempt of a get.
    Attempt,
    /// One of the attempts to connect, where there are several addresses.
    Connect,
    /// A connection of HTTP.
    Connection,
    /// Lookups of names: their machine, sockets and streams.
    Lookups,
}

/// The same task.
#[cfg(not(feature = "bench"))]
pub(crate) fn timed<F: Future>(_: Task, task: F) -> F {
    task
}

#[cfg(feature = "bench")]
pub(crate) use timing::timed;
#[cfg(feature = "bench")]
pub use timing::{BOUNDS, Polls, Times, take};

#[cfg(feature = "bench")]
mod timing {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use rustix::time::{ClockId, clock_gettime};

    use super::Task;

    const TASKS: [(Task, &str); 5] = [
        (Task::Loop, "loop"),
        (Task::Attempt, "attempt"),
        (Task::Connect, "connect"),
        (Task::Connection, "connection"),
        (Task::Lookups, "lookups"),
    ];

    /// The classes of [`Times`]: each counts what took less than this, and not less than the one before.
    pub const BOUNDS: [Duration; 9] = [
        Duration::from_micros(10),
        Duration::from_micros(30),
        Duration::from_micros(100),
        Duration::from_micros(300),
        Duration::from_millis(1),
        Duration::from_millis(3),
        Duration::from_millis(10),
        Duration::from_millis(30),
        Duration::from_millis(100),
    ];

    /// The polls of one kind of task.
    #[derive(Debug, Clone, Copy)]
    pub struct Polls {
        /// What the tasks do.
        pub task: &'static str,
        /// By the clock on the wall: what else the machine did meanwhile is in it.
        pub wall: Times,
        /// By the time that the thread had of a processor.
        pub cpu: Times,
    }

    /// How long polls took.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct Times {
        /// How many, by [`BOUNDS`]; the last class has none.
        pub counts: [u64; BOUNDS.len() + 1],
        /// The longest.
        pub longest: Duration,
    }

    impl Times {
        /// All of them.
        pub fn count(&self) -> u64 {
            self.counts.iter().sum()
        }

        /// Those that took less than this, which is one of the bounds.
        pub fn below(&self, bound: Duration) -> u64 {
            let classes = BOUNDS.iter().zip(self.counts);
            classes.filter(|(of, _)| **of <= bound).map(|(_, count)| count).sum()
        }
    }

    struct Counted {
        counts: [AtomicU64; BOUNDS.len() + 1],
        longest: AtomicU64,
    }

    impl Counted {
        const fn new() -> Self {
            let counts = [const { AtomicU64::new(0) }; BOUNDS.len() + 1];
            Self { counts, longest: AtomicU64::new(0) }
        }

        fn add(&self, took: Duration) {
            let class = BOUNDS.iter().position(|bound| took < *bound).unwrap_or(BOUNDS.len());
            self.counts[class].fetch_add(1, Ordering::Relaxed);
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.longest.fetch_max(nanos, Ordering::Relaxed);
        }

        fn take(&self) -> Times {
            let counts = std::array::from_fn(|n| self.counts[n].swap(0, Ordering::Relaxed));
            let longest = Duration::from_nanos(self.longest.swap(0, Ordering::Relaxed));
            Times { counts, longest }
        }
    }

    /// Wall and CPU of each kind of task, of all runs of this process.
    static ALL: [[Counted; 2]; TASKS.len()] =
        [const { [Counted::new(), Counted::new()] }; TASKS.len()];

    /// What was counted since the last call, by kind of task. While a run goes on, some of it is of polls
    /// that are counted only in part.
    pub fn take() -> Vec<Polls> {
        let taken = |(task, name): (Task, &'static str)| {
            let [wall, cpu] = &ALL[task as usize];
            Polls { task: name, wall: wall.take(), cpu: cpu.take() }
        };
        TASKS.map(taken).to_vec()
    }

    /// The time that this thread has had so far.
    fn thread_time() -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
    }

    /// The same task, whose polls are counted.
    pub(crate) async fn timed<F: Future>(task: Task, future: F) -> F::Output {
        let mut future = pin!(future);
        let [wall, cpu] = &ALL[task as usize];
        poll_fn(|cx| {
            let (began, before) = (Instant::now(), thread_time());
            let polled = future.as_mut().poll(cx);
            cpu.add(thread_time().saturating_sub(before));
            wall.add(began.elapsed());
            polled
        })
        .await
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn each_poll_is_counted_once_in_the_class_of_its_time() {
            let counted = Counted::new();
            for micros in [0, 9, 10, 999, 1_000, 2_999, 3_000, 100_000, 5_000_000] {
                counted.add(Duration::from_micros(micros));
            }
            let times = counted.take();
            assert_eq!(times.counts, [2, 1, 0, 0, 1, 2, 1, 0, 0, 2]);
            assert_eq!((times.count(), times.below(Duration::from_millis(1))), (9, 4));
            assert_eq!(times.longest, Duration::from_secs(5));
            assert_eq!(counted.take(), Times::default(), "taken");
        }
    }
}

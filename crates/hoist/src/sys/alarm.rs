//! Waking at a moment, exactly. The runtime's own timers round up to whole milliseconds, twice: what is
//! to happen each millisecond happens every two.

use std::time::Instant;

/// A clock of one's own, where the system has one (`timerfd_create(2)`), or the runtime's.
#[derive(Debug)]
pub(crate) struct Alarm {
    exact: Option<exact::Exact>,
}

impl Alarm {
    /// Must be called inside a runtime.
    pub(crate) fn new() -> Self {
        Self { exact: exact::Exact::new().ok() }
    }

    /// Waits until then. Dropping the future loses nothing.
    pub(crate) async fn at(&mut self, until: Instant) {
        if let Some(exact) = &mut self.exact {
            if exact.at(until).await.is_ok() {
                return;
            }
            self.exact = None;
        }
        tokio::time::sleep_until(until.into()).await;
    }
}

#[cfg(target_os = "linux")]
mod exact {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Exact {
        timer: AsyncFd<OwnedFd>,
        set: Option<Instant>,
    }

    impl Exact {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(unsafe_code, reason = "the runtime can't see that the descriptor stays open")]
            // SAFETY: it is owned and never replaced: it stays open and the same for as long as this lives.
            let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
            Ok(Self { timer, set: None })
        }

        pub(super) async fn at(&mut self, until: Instant) -> io::Result<()> {
            loop {
                let now = Instant::now();
                if until <= now {
                    return Ok(());
                }
                if self.set != Some(until) {
                    set(self.timer.get_ref(), until - now)?;
                    self.set = Some(until);
                }
                // It need not be read: it is set anew each time, and tells of each time.
                self.timer.readable().await?.clear_ready();
                self.set = None;
            }
        }
    }

    fn set(timer: &OwnedFd, after: Duration) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec {
            tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod exact {
    use std::io;
    use std::time::Instant;

    #[derive(Debug)]
    pub(super) enum Exact {}

    impl Exact {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        #[expect(clippy::unused_async, reason = "elsewhere it waits")]
        pub(super) async fn at(&mut self, _: Instant) -> io::Result<()> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn alone_it_wakes_when_it_is_time_and_not_before() {
        let mut alarm = Alarm::new();
        let start = Instant::now();
        for n in 1..=100 {
            let until = start + Duration::from_millis(n);
            alarm.at(until).await;
            assert!(Instant::now() >= until);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        // What has passed is not waited for, and what was given up is not heard of.
        alarm.at(start).await;
        let never = alarm.at(start + Duration::from_hours(1));
        tokio::time::timeout(Duration::from_millis(5), never).await.unwrap_err();
        let until = Instant::now() + Duration::from_millis(10);
        alarm.at(until).await;
        assert!((until..until + Duration::from_secs(5)).contains(&Instant::now()));
    }
}

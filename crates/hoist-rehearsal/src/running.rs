//! A server that runs: its thread, its addresses, its counters, its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinError;

use crate::stats::{Counters, Stats};
use crate::truth::Truth;

/// A server on its own thread. Dropping it closes its sockets at once, and then panics if the server
/// panicked, so that a fault of the judge is not taken for one of the client.
#[derive(Debug)]
pub struct Running {
    addrs: Vec<SocketAddr>,
    truth: Truth,
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Runs `serve` on a new thread until told to stop, then drops what it left. `serve` is given the
/// signal to stop; it is made inside the new runtime and says at once whether it could begin.
pub(crate) fn launch<Serve, Server>(
    name: &str,
    addrs: Vec<SocketAddr>,
    truth: Truth,
    counters: Arc<Counters>,
    serve: Serve,
) -> io::Result<Running>
where
    Serve: FnOnce() -> io::Result<Server> + Send + 'static,
    Server: Future<Output = ()>,
{
    let (stop, stopped) = oneshot::channel::<()>();
    let (say, hear) = sync_channel(1);
    let log = truth.clone();
    let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match built {
            Ok(runtime) => runtime,
            Err(error) => return drop(say.send(Err(error))),
        };
        let guard = runtime.enter();
        let server = match serve() {
            Ok(server) => server,
            Err(error) => return drop(say.send(Err(error))),
        };
        drop(guard);
        let _ = say.send(Ok(()));
        runtime.block_on(async {
            tokio::select! {
                // The server first, so that a panic just before the stop is not missed.
                biased;
                () = server => {}
                _ = stopped => {}
            }
        });
        drop(runtime);
        // Whoever wants the error asks `Truth::flush` for it again.
        let _ = log.flush();
    })?;
    // Without a word the thread has panicked; dropping `running` tells.
    let began = hear.recv().unwrap_or(Ok(()));
    let running = Running { addrs, truth, counters, stop: Some(stop), thread: Some(thread) };
    began.map(|()| running)
}

/// A panic of a task is one of the server.
pub(crate) fn pass_on_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

impl Running {
    /// The first address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// Every address it listens on, all with the same port unless others were asked for. Addresses of
    /// a family that this machine lacks are not among them.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The port of the first address.
    pub fn port(&self) -> u16 {
        self.addr().port()
    }

    /// The log. A record is there once its exchange has ended, which a client can see a moment
    /// before: see [`settle`](Self::settle).
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The counters now.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Waits until no request is in flight, and so every record is in the log; false when `limit`
    /// passes first.
    pub fn settle(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.stats().in_flight > 0 {
            if Instant::now() >= until {
                return false;
            }
            std::thread::park_timeout(Duration::from_micros(500));
        }
        true
    }

    /// True once the server's thread has ended, which before [`stop`](Self::stop) means that it
    /// panicked.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Closes the sockets, gives up what is in flight, writes the log to its end. The same as
    /// dropping it.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(panic)) = ended
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn run<S, F>(serve: S) -> io::Result<Running>
    where
        S: FnOnce() -> io::Result<F> + Send + 'static,
        F: Future<Output = ()>,
    {
        let addr = "127.0.0.1:1".parse().unwrap();
        launch("test", vec![addr], Truth::none(), Arc::default(), serve)
    }

    #[test]
    fn a_panic_of_the_server_reaches_whoever_drops_it() {
        let running = run(|| Ok(async { panic!("server fault") })).unwrap();
        while !running.has_ended() {
            std::thread::yield_now();
        }
        let panic = catch_unwind(AssertUnwindSafe(|| drop(running))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"server fault"));
    }

    #[test]
    fn stopping_does_not_wait_for_the_server_to_end() {
        run(|| Ok(std::future::pending())).unwrap().stop();
    }

    #[test]
    fn a_server_that_cannot_begin_is_an_error() {
        let refused = || Err::<std::future::Pending<()>, _>(io::ErrorKind::AddrInUse.into());
        assert_eq!(run(refused).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}

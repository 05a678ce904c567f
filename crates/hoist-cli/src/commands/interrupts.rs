use std::io;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::Ending;

/// Ctrl-C, and the system's request to end. The first is told; the second leaves at once, even
/// while the command waits for a slow terminal.
#[derive(Debug)]
pub(super) struct Interrupts {
    told: watch::Receiver<bool>,
}

impl Interrupts {
    /// Listens from now on.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (tell, told) = watch::channel(false);
        thread::Builder::new()
            .name("hoist-signals".to_owned())
            .spawn(move || wait(&runtime, signals, &tell))?;
        Ok(Self { told })
    }

    /// Returns at the first one, and ever after.
    pub(super) async fn first(&mut self) {
        // The other side never goes away: the thread leaves only with the process.
        let _ = self.told.wait_for(|told| *told).await;
    }
}

#[expect(clippy::exit, reason = "the second Ctrl-C means now, whatever the rest is waiting for")]
fn wait(runtime: &Runtime, signals: (Signal, Signal), tell: &watch::Sender<bool>) {
    let (mut interrupt, mut terminate) = signals;
    runtime.block_on(async {
        for last in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if last {
                std::process::exit(Ending::Interrupted.code().into());
            }
            tell.send_replace(true);
        }
    });
}

//! Ending all clients at once, and each with its children. Only a child that begins a session of its
//! own, as daemons do, gets away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// Ends a check: every client that runs dies, and no other is started. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Groups>>);

#[derive(Debug, Default)]
struct Groups {
    stopped: bool,
    running: Vec<Pid>,
}

/// The process group of a client. Dropping it kills whatever is left of it; that must come before
/// its leader is reaped, since the number may be another's afterwards.
#[derive(Debug)]
pub(super) struct Group<'a> {
    stop: &'a Stop,
    pid: Pid,
}

impl Stop {
    /// Ends it.
    pub fn stop(&self) {
        let mut groups = self.groups();
        groups.stopped = true;
        for pid in &groups.running {
            kill(*pid);
        }
    }

    /// Whether it has been ended.
    pub fn is_stopped(&self) -> bool {
        self.groups().stopped
    }

    /// Takes a new client's group in charge.
    pub(super) fn group(&self, pid: Pid) -> Group<'_> {
        let mut groups = self.groups();
        groups.running.push(pid);
        if groups.stopped {
            kill(pid);
        }
        Group { stop: self, pid }
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let mut groups = self.stop.groups();
        kill(self.pid);
        groups.running.retain(|pid| *pid != self.pid);
    }
}

fn kill(group: Pid) {
    // It fails where all have ended.
    let _ = kill_process_group(group, Signal::KILL);
}

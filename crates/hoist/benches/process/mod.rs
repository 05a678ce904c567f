//! What this process has taken so far.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of all its threads.
pub(crate) fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// The most memory it has held, in KiB (`VmHWM` of proc(5)).
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

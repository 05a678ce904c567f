//! One run of a client: a process group of its own, a limit, and its output up to a bound.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::judge::Exit;
use super::stop::Stop;

/// What is kept of each output: its end.
const KEPT: usize = 64 << 10;
/// The longest file that standard output is taken for. Whatever comes then is thrown away.
const FILE: u64 = 1 << 30;
/// How long an output may stay open after the end: only a child that left the group holds it.
const AFTERGLOW: Duration = Duration::from_secs(1);

/// How a client's run went.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) exit: Exit,
    pub(super) took: Duration,
    /// The end of what it said, on standard error where it said anything there.
    pub(super) said: Vec<u8>,
}

/// Why there is nothing to judge.
#[derive(Debug)]
pub(super) enum NotRun {
    /// The program could not be started.
    Client(io::Error),
    /// Something of ours failed.
    Here(io::Error),
}

impl From<io::Error> for NotRun {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

/// Runs it. Standard output goes to `file` if there is one.
pub(super) fn run(
    command: &mut Command,
    limit: Duration,
    file: Option<&Path>,
    stop: &Stop,
) -> Result<Ran, NotRun> {
    let file = file.map(File::create).transpose()?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let began = Instant::now();
    let mut child = command.spawn().map_err(NotRun::Client)?;
    let pid = Pid::from_child(&child);
    let group = stop.group(pid);
    let out = gather(child.stdout.take(), file)?;
    let errors = gather(child.stderr.take(), None)?;
    let ended = end_of(pid)?.recv_timeout(limit).is_ok();
    let took = began.elapsed();
    drop(group);
    let status = child.wait()?;
    let until = Instant::now() + AFTERGLOW;
    let rest = |pipe: Receiver<Vec<u8>>| {
        pipe.recv_timeout(until.saturating_duration_since(Instant::now()))
    };
    let (out, errors) = (rest(out), rest(errors));
    let said = [errors, out].into_iter().flatten().find(|said| !said.trim_ascii().is_empty());
    Ok(Ran { exit: exit(ended, status), took, said: said.unwrap_or_default() })
}

fn exit(ended: bool, status: ExitStatus) -> Exit {
    match (ended, status.code(), status.signal()) {
        (false, ..) => Exit::Hung,
        (true, Some(code), _) => Exit::Code(code),
        (true, None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

/// Says when a process has ended, and leaves it to be reaped.
fn end_of(pid: Pid) -> io::Result<Receiver<()>> {
    let (tell, told) = sync_channel(1);
    Builder::new().name("check-wait".into()).spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
        let _ = tell.send(());
    })?;
    Ok(told)
}

/// Reads an output to its end, whatever it is, so that the client never waits.
fn gather(
    pipe: Option<impl Read + Send + 'static>,
    mut file: Option<File>,
) -> io::Result<Receiver<Vec<u8>>> {
    let (tell, told) = sync_channel(1);
    let Some(mut pipe) = pipe else { return Ok(told) };
    Builder::new().name("check-read".into()).spawn(move || {
        let (mut piece, mut kept, mut room) = (vec![0; KEPT], Vec::new(), FILE);
        loop {
            let n = match pipe.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if let Some(to) = &mut file {
                let n = n.min(usize::try_from(room).unwrap_or(n));
                room -= n as u64;
                // A file that lacks something is judged wrong; the client is not kept waiting.
                let _ = to.write_all(&piece[..n]);
            } else {
                kept.extend_from_slice(&piece[..n]);
                kept.drain(..kept.len().saturating_sub(KEPT));
            }
        }
        let _ = tell.send(kept);
    })?;
    Ok(told)
}

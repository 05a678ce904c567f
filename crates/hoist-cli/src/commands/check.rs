use std::io;
use std::thread;

use hoist_rehearsal::check::{CheckError, Judged, Stop};

use super::Ending;
use super::drive::unwritable;
use super::interrupts::Interrupts;
use crate::args::{CheckFormat, CheckJob};
use crate::render::{CheckProgress, CheckRow, Output, check_plain, check_table, note};

/// Judges a client.
pub(super) fn run(job: &CheckJob) -> Ending {
    let stop = Stop::default();
    if let Err(error) = heed(stop.clone()) {
        note(error);
        return Ending::Stopped;
    }
    let mut progress = CheckProgress::of(job.check.cases());
    let ran = job.check.run(&stop, |_| progress.another());
    progress.finish();
    let judged = match ran {
        Ok(judged) => judged,
        Err(CheckError::Plain(judged)) => {
            note(check_plain(&judged));
            return Ending::Stopped;
        }
        Err(error) => {
            note(error);
            return Ending::Stopped;
        }
    };
    if let Err(error) = tell(&judged, job.format) {
        unwritable(&error);
        return Ending::Stopped;
    }
    if stop.is_stopped() {
        note(format_args!("interrupted after {} of {} cases", judged.len(), job.check.cases()));
        return Ending::Interrupted;
    }
    if judged.iter().all(Judged::is_right) { Ending::Clean } else { Ending::Partly }
}

/// Stops it at the first interrupt.
fn heed(stop: Stop) -> io::Result<()> {
    let mut interrupts = Interrupts::listen()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let wait = move || {
        runtime.block_on(interrupts.first());
        stop.stop();
    };
    thread::Builder::new().name("hoist-stop".to_owned()).spawn(wait).map(drop)
}

fn tell(judged: &[Judged], format: CheckFormat) -> io::Result<()> {
    let mut out = Output::stdout();
    match format {
        CheckFormat::Json => {
            for judged in judged {
                out.json(&CheckRow::of(judged))?;
            }
        }
        CheckFormat::Wrong | CheckFormat::All => {
            let lines = check_table(judged, format == CheckFormat::All);
            lines.into_iter().try_for_each(|line| out.line(line))?;
        }
    }
    out.flush()
}

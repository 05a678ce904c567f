use std::path::Path;
use std::time::SystemTime;

use hoist::GetOutcome;
use hoist::report::Summary;

use super::Ending;
use super::drive::{Driven, GOES_ON, drive};
use crate::args::{GetFormat, GetJob, Saving};
use crate::render::{
    Face, Output, Screen, allowance, deferred_until, get_failure, get_summary, note,
    stdout_is_terminal,
};

/// Brings back every URL.
pub(super) fn run(job: GetJob) -> Ending {
    let GetJob { plan, input, saving, on_record, format, ordered, quiet, allowed } = job;
    let mut out = Output::stdout();
    let mut outcomes = plan.run(input.source);
    if ordered {
        outcomes = outcomes.ordered();
    }
    let report = outcomes.report();
    // Bodies or outcomes that run over the same terminal are progress enough.
    let stdout_used = saving == Saving::Stdout || format == GetFormat::Jsonl;
    let screen = if quiet || (stdout_used && stdout_is_terminal()) {
        Screen::plain()
    } else {
        Screen::with_progress(report.clone(), Face::Counts(input.extent, "failed"))
    };
    let mut saved = None;
    let (stdin, lines) = (input.stdin.as_ref(), input.lines);
    let driven = drive(outcomes, stdin, &mut out, |outcome: GetOutcome, out| {
        if saved.is_none() {
            saved.clone_from(&outcome.path);
        }
        match format {
            GetFormat::Jsonl => out.json(&outcome),
            GetFormat::Text => {
                if let (false, Some(line)) = (quiet, get_failure(&outcome, lines)) {
                    screen.line(line);
                }
                Ok(())
            }
        }
    });
    screen.finish();
    if driven.is_unheard() {
        return Ending::Stopped;
    }
    let summary = report.summary();
    let interrupted = matches!(driven, Driven::Interrupted);
    // A body on standard output stands for itself, as long as it is whole.
    let clean = summary.counts.ok == summary.counts.done();
    let bad = summary.counts.done() - summary.counts.ok;
    let enough = allowed.is_some_and(|allowed| allowed.allows(bad, summary.counts.done()));
    let speaks_for_itself = saving == Saving::Stdout && clean && !interrupted;
    if !quiet && !speaks_for_itself && !driven.came_to_nothing(&summary) {
        Screen::plain().line(get_summary(&summary, saved.as_deref(), interrupted));
        if let Some(allowed) = allowed.filter(|_| bad > 0) {
            Screen::plain().line(allowance(bad, summary.counts.done(), "not ok", allowed));
        }
        match (on_record, &driven) {
            (Some(folder), Driven::Completed) => hint(&summary, &folder),
            (Some(_), Driven::Interrupted) => note(GOES_ON),
            _ => {}
        }
    }
    driven.conclude(clean || enough)
}

/// What can be done where nothing was left to do.
fn hint(summary: &Summary, folder: &Path) {
    let counts = &summary.counts;
    if counts.earlier == 0 || counts.earlier < counts.done() {
        return;
    }
    if let Some(at) = summary.earlier.and_then(|earlier| earlier.deferred_until) {
        note(deferred_until(at, SystemTime::now()));
    }
    let again = match (counts.failed, counts.deferred) {
        (0, 0) => "",
        (_, 0) => "--again failed asks those that failed, ",
        (0, _) => "--again deferred asks them at once, ",
        (_, _) => "--again failed,deferred asks those at once that were not answered, ",
    };
    note(format_args!(
        "{again}--fresh starts over; 'hoist outcomes {}' prints the record",
        folder.display()
    ));
}

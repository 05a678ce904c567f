use hoist::GetOutcome;

use super::Ending;
use super::drive::{Driven, drive};
use crate::args::{GetFormat, GetJob, Saving};
use crate::render::{Face, Output, Screen, get_failure, get_summary, stdout_is_terminal};

/// Brings back every URL.
pub(super) fn run(job: GetJob) -> Ending {
    let GetJob { plan, input, saving, format, ordered, quiet } = job;
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
    let driven = drive(outcomes, input.stdin.as_ref(), &mut out, |outcome: GetOutcome, out| {
        if saved.is_none() {
            saved.clone_from(&outcome.path);
        }
        match format {
            GetFormat::Jsonl => out.json(&outcome),
            GetFormat::Text => {
                if let (false, Some(line)) = (quiet, get_failure(&outcome)) {
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
    let speaks_for_itself = saving == Saving::Stdout && clean && !interrupted;
    if !quiet && !speaks_for_itself {
        Screen::plain().line(get_summary(&summary, saved.as_deref(), interrupted));
    }
    driven.conclude(clean)
}

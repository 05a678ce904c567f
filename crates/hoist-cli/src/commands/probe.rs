use hoist::ProbeOutcome;

use super::Ending;
use super::drive::{Driven, drive, unwritable};
use crate::args::{ProbeFormat, ProbeJob};
use crate::render::{
    Face, Output, Reasons, Screen, columns_heading, columns_line, note, probe_line, probe_summary,
    stderr_is_terminal, stdout_is_terminal,
};

/// Says of each name whether it resolves.
pub(super) fn run(job: ProbeJob) -> Ending {
    let ProbeJob { plan, input, format, ordered, output } = job;
    let mut out = match &output {
        None => Output::stdout(),
        Some(path) => match Output::file(path) {
            Ok(out) => out,
            Err(error) => {
                note(format_args!("{} could not be written: {error}", path.display()));
                return Ending::Stopped;
            }
        },
    };
    if format == ProbeFormat::Columns {
        let written = columns_heading().into_iter().try_for_each(|line| out.line(line));
        if let Err(error) = written {
            unwritable(&error);
            return Ending::Stopped;
        }
    }

    let mut outcomes = plan.run(input.source);
    if ordered {
        outcomes = outcomes.ordered();
    }
    let report = outcomes.report();
    // Outcomes that run over the same terminal are progress enough.
    let screen = if output.is_none() && stdout_is_terminal() {
        Screen::plain()
    } else {
        Screen::with_progress(report.clone(), Face::Counts(input.extent, "unknown"))
    };
    let mut reasons = Reasons::default();
    let driven = drive(outcomes, input.stdin.as_ref(), &mut out, |outcome: ProbeOutcome, out| {
        if let Some(failure) = &outcome.failure {
            reasons.see(failure);
        }
        match format {
            ProbeFormat::Text => out.line(probe_line(&outcome)),
            ProbeFormat::Columns => out.line(columns_line(&outcome)),
            ProbeFormat::Jsonl => out.json(&outcome),
        }
    });
    screen.finish();
    if driven.is_unheard() {
        return Ending::Stopped;
    }
    let summary = report.summary();
    let interrupted = matches!(driven, Driven::Interrupted);
    if stderr_is_terminal() || interrupted || summary.counts.failed > 0 {
        Screen::plain().line(probe_summary(&summary, &reasons, interrupted));
    }
    driven.conclude(summary.counts.failed == 0)
}

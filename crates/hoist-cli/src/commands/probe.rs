use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use hoist::plan::{LedgerPlan, LinesPlan};
use hoist::{LedgerKind, ProbeOutcome};

use super::Ending;
use super::drive::{Driven, GOES_ON, drive, unwritable};
use crate::args::{Only, ProbeFormat, ProbeJob};
use crate::render::{
    Face, Output, Reasons, Rows, Screen, allowance, columns_heading, columns_line, note,
    probe_line, probe_summary, stderr_is_terminal, stdout_is_terminal,
};

/// Says of each name whether it resolves.
pub(super) fn run(job: ProbeJob) -> Ending {
    let ProbeJob { mut plan, input, format, only, ordered, output, ledger, allowed } = job;
    let (to_file, on_record) = (output.is_some(), ledger.is_some());
    // With a ledger the engine writes the file, so that both say the same.
    let mut out = match (output, ledger) {
        (None, _) => Output::stdout(),
        (Some(path), Some(ledger)) => {
            plan.output = Some(lines(path, format, only, ledger));
            Output::nowhere()
        }
        (Some(path), None) => match Output::file(&path) {
            Ok(out) => out,
            Err(error) => {
                note(format_args!("{} could not be written: {error}", path.display()));
                return Ending::Stopped;
            }
        },
    };
    let mut rows = Rows::of(LedgerKind::Probe);
    let written = match format {
        ProbeFormat::Text | ProbeFormat::Jsonl => Ok(()),
        ProbeFormat::Columns => columns_heading().into_iter().try_for_each(|line| out.line(line)),
        ProbeFormat::Csv => rows.heading(&mut out),
    };
    if let Err(error) = written {
        unwritable(&error);
        return Ending::Stopped;
    }

    let mut outcomes = plan.run(input.source);
    if ordered {
        outcomes = outcomes.ordered();
    }
    let report = outcomes.report();
    // Outcomes that run over the same terminal are progress enough.
    let screen = if !to_file && stdout_is_terminal() {
        Screen::plain()
    } else {
        Screen::with_progress(report.clone(), Face::Counts(input.extent, "unknown"))
    };
    let mut reasons = Reasons::default();
    let lines_of_list = input.lines;
    let stdin = input.stdin.as_ref();
    let driven = drive(outcomes, stdin, &mut out, |outcome: ProbeOutcome, out| {
        if let Some(failure) = &outcome.failure {
            reasons.see(failure, lines_of_list.number(outcome.position));
        }
        if on_record || !only.tells(outcome.verdict) {
            return Ok(());
        }
        match format {
            ProbeFormat::Text => out.line(probe_line(&outcome)),
            ProbeFormat::Columns => out.line(columns_line(&outcome)),
            ProbeFormat::Jsonl => out.lines(|lines| outcome.write_json_line(lines)),
            ProbeFormat::Csv => rows.row(&outcome, out),
        }
    });
    screen.finish();
    if driven.is_unheard() {
        return Ending::Stopped;
    }
    let summary = report.summary();
    let interrupted = matches!(driven, Driven::Interrupted);
    let (unknown, all) = (summary.counts.failed, summary.counts.done());
    let worth_telling = stderr_is_terminal() || interrupted || summary.counts.failed > 0;
    if worth_telling && !driven.came_to_nothing(&summary) {
        Screen::plain().line(probe_summary(&summary, &reasons, interrupted));
        if let Some(allowed) = allowed.filter(|_| unknown > 0) {
            Screen::plain().line(allowance(unknown, all, "unknown", allowed));
        }
        if on_record && interrupted {
            note(GOES_ON);
        }
    }
    let enough = allowed.is_some_and(|allowed| allowed.allows(unknown, all));
    driven.conclude(unknown == 0 || enough)
}

/// The file that the engine writes, in this format. Of what is not told there is no line, and it is on
/// record all the same.
fn lines(path: PathBuf, format: ProbeFormat, only: Only, ledger: LedgerPlan) -> LinesPlan {
    let heading = match format {
        ProbeFormat::Columns => {
            columns_heading().map(|line| format!("{line}\n")).concat().into_bytes()
        }
        // Writing to memory does not fail, here and below.
        ProbeFormat::Csv => {
            let mut rows = Rows::of(LedgerKind::Probe);
            rows.heading_bytes().map(<[u8]>::to_vec).unwrap_or_default()
        }
        ProbeFormat::Text | ProbeFormat::Jsonl => Vec::new(),
    };
    let line = move |outcome: &ProbeOutcome, line: &mut Vec<u8>| {
        if !only.tells(outcome.verdict) {
            return;
        }
        let _ = match format {
            ProbeFormat::Text => writeln!(line, "{}", probe_line(outcome)),
            ProbeFormat::Columns => writeln!(line, "{}", columns_line(outcome)),
            ProbeFormat::Jsonl => {
                outcome.write_json_line(line);
                Ok(())
            }
            ProbeFormat::Csv => {
                let mut rows = Rows::of(LedgerKind::Probe);
                rows.row_bytes(outcome).and_then(|row| line.write_all(row))
            }
        };
    };
    let form = match format {
        ProbeFormat::Text => "format text",
        ProbeFormat::Columns => "format columns",
        ProbeFormat::Jsonl => "format jsonl",
        ProbeFormat::Csv => "format csv",
    };
    let form = format!("{form}{}", only.form());
    LinesPlan { path, form, heading, line: Arc::new(line), ledger }
}

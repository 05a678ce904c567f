use std::io;

use hoist::outcome::Selector;
use hoist::{Error, History};

use super::Ending;
use super::drive::unwritable;
use crate::args::{OutcomesFormat, OutcomesJob, OutcomesPrint};
use crate::render::{Output, Rows, item_line, note, stats};

/// Prints what is on record.
pub(super) fn run(job: &OutcomesJob) -> Ending {
    let mut out = Output::stdout();
    let printed = match &job.print {
        OutcomesPrint::Outcomes(only, format) => print(job, only, *format, &mut out),
        OutcomesPrint::Stats => print_stats(job, &mut out),
    };
    // What came before an error is printed in any case.
    match (printed, out.flush()) {
        (Ok(()), Ok(())) => Ending::Clean,
        (Ok(()), Err(error)) | (Err(Stopped::Unwritable(error)), _) => {
            unwritable(&error);
            Ending::Stopped
        }
        (Err(Stopped::Unreadable(error)), _) => {
            note(error);
            Ending::Stopped
        }
    }
}

/// Why not all was printed.
enum Stopped {
    Unreadable(Error),
    Unwritable(io::Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

fn print(
    job: &OutcomesJob,
    only: &[Selector],
    format: OutcomesFormat,
    out: &mut Output,
) -> Result<(), Stopped> {
    let history = History::open(&job.output)?;
    let mut rows = Rows::of(history.kind());
    if format == OutcomesFormat::Csv {
        rows.heading(out)?;
    }
    for outcome in history.outcomes()? {
        let outcome = outcome?;
        if !only.is_empty() && !only.iter().any(|selector| outcome.is(*selector)) {
            continue;
        }
        match format {
            OutcomesFormat::Jsonl => out.json(&outcome)?,
            OutcomesFormat::Csv => rows.row(&outcome, out)?,
            OutcomesFormat::Urls => out.line(item_line(&outcome))?,
        }
    }
    Ok(())
}

fn print_stats(job: &OutcomesJob, out: &mut Output) -> Result<(), Stopped> {
    let history = History::open(&job.output)?;
    out.line(stats(history.kind(), &history.summary()?))?;
    Ok(())
}

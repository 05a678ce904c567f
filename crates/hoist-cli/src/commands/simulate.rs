use std::io;

use hoist::report::Report;
use hoist::simulate::Model;
use hoist::{Error, History};

use super::Ending;
use super::drive::unwritable;
use crate::args::{Extent, SimulateJob};
use crate::render::{
    Face, Output, Screen, model_text, note, simulated_json, simulated_lines, stdout_is_terminal,
};

/// Simulates a run, or writes a model that was learned.
pub(super) fn run(job: SimulateJob) -> Ending {
    match simulate(job) {
        Ok(()) => Ending::Clean,
        Err(Stopped::Failed(error)) => {
            note(error);
            Ending::Stopped
        }
        Err(Stopped::Unwritable(error)) => {
            unwritable(&error);
            Ending::Stopped
        }
    }
}

/// Why it did not come to an end.
enum Stopped {
    Failed(Error),
    Unwritable(io::Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

fn simulate(job: SimulateJob) -> Result<(), Stopped> {
    let SimulateJob { mut plan, from_ledger, scale, write_model, json } = job;
    if let Some(folder) = &from_ledger {
        plan.model = Model::learn(&History::open(folder)?)?;
        scale.apply(&mut plan.model);
        if let Some(file) = write_model {
            let text = model_text(&plan.model, &folder.display().to_string());
            let written = std::fs::write(&file, text);
            return written.map_err(|source| Error::Output { path: file, source }.into());
        }
    }
    let report = Report::default();
    let screen = if json && stdout_is_terminal() {
        Screen::plain()
    } else {
        Screen::with_progress(
            report.clone(),
            Face::Counts(Extent::Items(plan.model.items), "failed"),
        )
    };
    let seed = plan.seed;
    let result = plan.run(&report);
    screen.finish();
    let result = result?;
    let mut out = Output::stdout();
    if json {
        out.json(&simulated_json(&result, seed))?;
    } else {
        out.line(simulated_lines(&result, seed))?;
    }
    out.flush()?;
    Ok(())
}

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hoist::SimulatePlan;
use hoist::plan::{BreakerPlan, GivingUp, Patience, defaults};
use hoist::simulate::Model;

use super::ceilings::CeilingArgs;
use super::model_file::ModelFile;
use super::said::Refused;
use super::tuning::TuningArgs;
use super::values;

const EXAMPLES: &str = r#"Examples:
  hoist simulate model.toml                  how long, how much, what goes wrong
  hoist simulate model.toml -m 1024          with other options of get
  hoist simulate --from-ledger pages --items 100000000
  hoist simulate --from-ledger pages --write-model model.toml

A model says how many items and origins there are, and what origins are like:

  items = 1_000_000
  origins = 10_000
  population = { spread = "zipf", exponent = 1.0 }
  [origin]
  latency = { median = "80ms", sigma = 0.8 }
  size = { median = "20K", sigma = 1.5 }
  errors = { 404 = 0.02, 500 = 0.005 }
  [[group]]
  share = 0.02
  dead = "silent"

docs/simulate.md has all of it. Nothing is sent: the schedule of 'hoist get'
runs in virtual time. Options that both have mean the same.

Exit codes: 0 the run was simulated, whatever became of its items, 2 usage, 3
the model can't be read, or the file not be written."#;

/// Say how a get of a list would go: how long, how much memory, which refusals; nothing is sent
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SimulateArgs {
    /// The list and its origins, as a model (TOML)
    #[arg(value_name = "MODEL", required_unless_present = "from_ledger")]
    model: Option<PathBuf>,
    /// Learn the model from what is on record in this folder of a get
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    from_ledger: Option<PathBuf>,
    /// Write the model that was learned into FILE, and end
    #[arg(long, value_name = "FILE", requires = "from_ledger", conflicts_with = "model")]
    write_model: Option<PathBuf>,
    /// Items, in place of the model's
    #[arg(long, value_name = "N", value_parser = items)]
    items: Option<u64>,
    /// Origins, in place of the model's
    #[arg(long, value_name = "N")]
    #[arg(value_parser = values::some::<NonZeroU32>)]
    origins: Option<NonZeroU32>,
    /// The same seed gives the same run [default: the model's, or 0]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = values::number::<u64>)]
    seed: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Requests at once, over all hosts
    #[arg(short = 'm', long, value_name = "N", default_value_t = defaults::GET_IN_FLIGHT)]
    #[arg(value_parser = values::some::<NonZeroUsize>)]
    max: NonZeroUsize,
    #[command(flatten)]
    tuning: TuningArgs,
    #[command(flatten)]
    ceilings: CeilingArgs,
    /// Give up a try after this long without a byte
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "30s")]
    timeout: Duration,
    /// For a connection
    #[arg(long, value_name = "D", value_parser = values::some_time, default_value = "10s")]
    connect_timeout: Duration,
    /// Give up a try when no answer begins in this time [default: --timeout]
    #[arg(long, value_name = "D", value_parser = values::some_time)]
    first_byte: Option<Duration>,
    /// For all tries of an item together [default: 5m, plus 1 s for each MiB received]
    #[arg(long, value_name = "D", value_parser = values::some_time)]
    deadline: Option<Duration>,
    /// Tries after the first one, where another try can help
    #[arg(long, value_name = "N", default_value_t = defaults::GET_RETRIES)]
    #[arg(value_parser = values::number::<u32>)]
    retries: u32,
    /// URLs in a row without an answer after which an origin is down; 0: it never is
    #[arg(long, value_name = "N", default_value_t = defaults::BREAKER_FAILURES)]
    #[arg(value_parser = values::number::<u32>)]
    breaker: u32,
}

fn items(text: &str) -> Result<u64, String> {
    match values::number(text)? {
        n if n <= MOST_ITEMS => Ok(n),
        _ => Err(format!("it is too large: at most {MOST_ITEMS}")),
    }
}

/// More take days.
const MOST_ITEMS: u64 = 1_000_000_000_000;

/// A simulation, ready to run.
#[derive(Debug)]
pub(crate) struct SimulateJob {
    /// The settings; those of the model are not yet known where it is to be learned.
    pub(crate) plan: SimulatePlan,
    /// Learns the model from this folder.
    pub(crate) from_ledger: Option<PathBuf>,
    /// Items and origins, in place of those that are learned.
    pub(crate) scale: Scale,
    /// Writes the model there in place of a run.
    pub(crate) write_model: Option<PathBuf>,
    /// One JSON object is printed.
    pub(crate) json: bool,
}

/// How large a run is, where that is not left to the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    items: Option<u64>,
    origins: Option<NonZeroU32>,
}

impl Scale {
    /// Scales a model.
    pub(crate) fn apply(self, model: &mut Model) {
        model.items = self.items.unwrap_or(model.items);
        model.origins = self.origins.unwrap_or(model.origins);
    }
}

impl SimulateArgs {
    pub(super) fn into_job(self) -> Result<SimulateJob, Refused> {
        let file = match &self.model {
            None => ModelFile { model: Model::default(), seed: None },
            Some(path) => {
                let remedy = "'hoist simulate --help' shows what a model looks like";
                ModelFile::read(path).map_err(|error| Refused::file(path, error, remedy))?
            }
        };
        let scale = Scale { items: self.items, origins: self.origins };
        let mut plan = SimulatePlan::new(file.model);
        scale.apply(&mut plan.model);
        plan.seed = self.seed.or(file.seed).unwrap_or_default();
        plan.limits = self.tuning.limits(self.max);
        plan.ceilings = self.ceilings.plan();
        plan.patience = Patience {
            connect: self.connect_timeout,
            progress: self.timeout,
            retries: self.retries,
            ..Patience::default()
        };
        if let Some(deadline) = self.deadline {
            // Who names a time means that time, whatever the size.
            plan.patience.deadline = deadline;
            plan.patience.deadline_per_mib = Duration::ZERO;
        }
        let breaker = BreakerPlan { failures: self.breaker, ..BreakerPlan::default() };
        plan.giving_up = GivingUp {
            first_byte: self.first_byte,
            breaker: (self.breaker > 0).then_some(breaker),
            ..GivingUp::default()
        };
        let Self { from_ledger, write_model, json, .. } = self;
        Ok(SimulateJob { plan, from_ledger, scale, write_model, json })
    }
}

//! What people and programs read: outcomes on standard output, all else on standard error.
//!
//! This room alone knows what terminals can do, and `indicatif`. It decides nothing about a run,
//! and what it draws while one goes on it reads from the run's counters, on a timer, on a thread of
//! its own, so that a slow terminal slows nothing.

mod allowance;
mod check;
mod columns;
mod flags;
mod model;
mod on_record;
mod output;
mod paint;
mod progress;
mod screen;
mod simulated;
mod summary;
mod terminal;
mod text;
mod tqdm;
mod tuned;
mod units;

pub(crate) use allowance::allowance;
pub(crate) use check::{CheckProgress, CheckRow, check_plain, check_table};
pub(crate) use columns::{columns_heading, columns_line};
pub(crate) use flags::{FlagsCounts, flags_final, flags_initial, flags_line};
pub(crate) use model::model_text;
pub(crate) use on_record::{Rows, item_line, stats};
pub(crate) use output::Output;
pub(crate) use screen::{Face, Screen, note};
pub(crate) use simulated::{simulated_json, simulated_lines};
pub(crate) use summary::{Reasons, deferred_until, get_summary, probe_summary};
pub(crate) use terminal::{stderr_is_terminal, stdout_is_terminal};
pub(crate) use text::{get_failure, probe_line};

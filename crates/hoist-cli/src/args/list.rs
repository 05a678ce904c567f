use clap::{Args, ValueEnum};
use hoist::ListForm;

use super::said::Refused;

/// How a list is written.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// lines: one item a line; aria2: URIs, then indented options (out= dir= checksum=)
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "lines|aria2")]
    input_format: FormArg,
}

/// The form of a list, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormArg {
    #[default]
    Lines,
    Aria2,
}

impl ListArgs {
    /// `typed`: URLs are arguments, beside a list or in place of it.
    pub(super) fn form(&self, typed: bool) -> Result<ListForm, Refused> {
        match self.input_format {
            FormArg::Lines => Ok(ListForm::Lines),
            FormArg::Aria2 if !typed => Ok(ListForm::Aria2),
            FormArg::Aria2 => {
                let message =
                    "--input-format is of a list alone: put the URLs that are typed into it";
                Err(Refused::Usage("get", message.to_owned()))
            }
        }
    }
}

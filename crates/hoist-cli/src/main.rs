//! The command `hoist`: reads what was typed, runs it, says how it ended.

mod args;
mod commands;
mod render;

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse(std::env::args_os()) {
        Ok(command) => commands::run(command).into(),
        Err(said) => said.print().into(),
    }
}

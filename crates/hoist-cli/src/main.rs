//! The command `hoist`: reads what was typed, runs it, says how it ended.

mod args;
mod commands;
mod render;

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Bytes cross from the I/O thread to the writers, which is where the system's allocator is slow.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match args::parse(std::env::args_os()) {
        Ok(command) => commands::run(command).into(),
        Err(said) => said.print().into(),
    }
}

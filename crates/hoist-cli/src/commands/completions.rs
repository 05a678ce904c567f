use std::io::{self, ErrorKind, Write};
use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;

use super::Ending;
use crate::args::typed;
use crate::render::note;

/// Prints the completions of a shell.
pub(super) fn run(shell: Shell) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut typed(), "hoist", &mut script);
    let mut out = io::stdout().lock();
    match out.write_all(&script).and_then(|()| out.flush()) {
        Ok(()) => Ending::Clean,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ending::Stopped,
        Err(error) => {
            note(format_args!("the completions could not be written: {error}"));
            Ending::Stopped
        }
    }
}

/// Writes the manual pages, one for each subcommand.
pub(super) fn man(folder: &Path) -> Ending {
    let mut command = typed();
    // Subcommands learn their full names then.
    command.build();
    let made = std::fs::create_dir_all(folder).and_then(|()| {
        let shown = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
        shown.chain([&command]).try_for_each(|command| page(command.clone(), folder))
    });
    match made {
        Ok(()) => Ending::Clean,
        Err(error) => {
            note(format_args!("{} could not be written: {error}", folder.display()));
            Ending::Stopped
        }
    }
}

fn page(command: clap::Command, folder: &Path) -> io::Result<()> {
    let page = Man::new(command);
    let mut text = Vec::new();
    page.render(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    std::fs::write(folder.join(page.get_filename()), with_notes(&text))
}

/// What stands behind the options in the help has lines of its own: they stay as they are.
fn with_notes(page: &str) -> String {
    let Some((before, notes)) = page.split_once(".SH EXTRA\n") else { return page.to_owned() };
    let (notes, after) = match notes.find("\n.SH ") {
        Some(at) => notes.split_at(at + 1),
        None => (notes, ""),
    };
    format!("{before}.SH NOTES\n.nf\n{}\n.fi\n{after}", notes.trim_end())
}

use clap::Args;
use hoist::item::NameTemplate;
use hoist::plan::{Existing, NamingPlan};

use super::get::Saving;
use super::said::Refused;

/// How files are named.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names of files")]
pub(super) struct NamingArgs {
    /// Save under the last part of the URL's path, without folders for host and path
    #[arg(short = 'O', long, conflicts_with = "template")]
    remote_name: bool,
    /// Where the server names the file (Content-Disposition), save it so; replaces no file
    #[arg(short = 'J', long)]
    remote_header_name: bool,
    /// Name files so
    #[arg(long = "name", value_name = "TEMPLATE")]
    #[arg(
        help = "Name files so; may use {index} {host} {path} {basename} {ext} {url_hash} {sha256}"
    )]
    template: Option<NameTemplate>,
    /// Spread files over N levels of 256 folders, by the hash of the URL; 1 is for millions of files
    #[arg(long, value_name = "N", value_parser = levels)]
    #[arg(conflicts_with = "template")]
    fan_out: Option<u8>,
}

/// Where files with names go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Files,
    Shards,
    Stdout,
}

impl Into {
    pub(super) fn of(saving: Saving, shards: bool) -> Self {
        match saving {
            Saving::Stdout => Self::Stdout,
            Saving::Files if shards => Self::Shards,
            Saving::Files => Self::Files,
        }
    }
}

fn levels(text: &str) -> Result<u8, String> {
    let levels = text.parse().ok().filter(|n| (1..=4).contains(n));
    levels.ok_or_else(|| "write a number from 1 to 4".to_owned())
}

impl NamingArgs {
    /// The template, and what holds without one.
    pub(super) fn plan(self, into: Into) -> Result<(Option<NameTemplate>, NamingPlan), Refused> {
        let message = match (into, self.given()) {
            (Into::Stdout, Some(option)) => {
                format!("{option} names files; -o - writes none")
            }
            (Into::Shards, Some(option)) if option != "--name" => format!(
                "{option} names files; what is in tar files is named by position, or by --name"
            ),
            (Into::Shards, _) if self.template.as_ref().is_some_and(NameTemplate::needs_body) => {
                "{sha256} names files; in tar files the hash of a body is beside it, with \
                 --hash sha256"
                    .to_owned()
            }
            _ if self.remote_header_name
                && self.template.as_ref().is_some_and(|template| !template.has_file_name()) =>
            {
                "-J is the server's word on {basename}, {ext} and {path}, and --name has none of \
                 them"
                    .to_owned()
            }
            _ => {
                let plan = NamingPlan {
                    basename_only: self.remote_name,
                    from_header: self.remote_header_name,
                    fan_out: self.fan_out.map_or(0, usize::from),
                };
                return Ok((self.template, plan));
            }
        };
        Err(Refused::Usage("get", message))
    }

    /// What happens to files that are there. `typed`: the URLs are arguments, which replace, as with
    /// curl; but what a server chooses replaces nothing, as with curl.
    pub(super) fn existing(&self, typed: bool) -> Existing {
        if typed && !self.remote_header_name { Existing::Replace } else { Existing::Keep }
    }

    fn given(&self) -> Option<&'static str> {
        match self {
            Self { remote_name: true, .. } => Some("-O"),
            Self { remote_header_name: true, .. } => Some("-J"),
            Self { fan_out: Some(_), .. } => Some("--fan-out"),
            Self { template: Some(_), .. } => Some("--name"),
            _ => None,
        }
    }
}

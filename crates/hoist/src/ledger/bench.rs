//! The ledger alone, for its bench: outcomes without a network, and the opening of a long one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::committer::{Committer, Entry, Step};
use super::home::Home;
use super::list::BlockNote;
use super::recovery::{Opened, Wish, open};
use super::segment::SEGMENT;
use crate::error::Error;
use crate::item::Position;
use crate::outcome::{GetOutcome, GetVerdict, Phase};
use crate::sink::{Files, Left, Unit};
use crate::sys::{Disk, boot_id};

/// Lines of a block, as it is read.
const BLOCK: u32 = 1_000;

/// Records so many outcomes of a list, a group of `group` at a time, but for those that `open`
/// leaves out; synced where `durable`.
///
/// # Errors
///
/// [`Error::Output`] where the folder can't be written.
pub fn record(
    folder: &Path,
    outcomes: u64,
    group: u64,
    durable: bool,
    unanswered: impl Fn(u64) -> bool,
) -> Result<(), Error> {
    let mut committer = opened(folder, durable)?.committer;
    let now = SystemTime::now();
    for n in 0..outcomes {
        if n % u64::from(BLOCK) == 0 {
            let note =
                BlockNote { lines: BLOCK, bytes: 50 * u64::from(BLOCK), ..BlockNote::default() };
            committer.note(note, &[])?;
        }
        if !unanswered(n) {
            let outcome = outcome(n);
            committer.take(Entry { outcome, ticket: None, weight: 0, left: Left::Nothing }, now)?;
        }
        if n % group == group - 1 {
            commit(&mut committer)?;
        }
    }
    commit(&mut committer)
}

/// Opens a ledger as a run does that goes on. How many outcomes it has.
///
/// # Errors
///
/// Those of a run that goes on.
pub fn resume(folder: &Path) -> Result<u64, Error> {
    opened(folder, true).map(|opened| opened.committer.state().totals.done())
}

fn opened(folder: &Path, durable: bool) -> Result<Opened<GetOutcome>, Error> {
    let home = Home::of_folder(folder);
    home.make(&Disk)?;
    let unit = |ours| -> Box<dyn Unit> {
        Box::new(Files::new(Arc::new(Disk), folder.to_owned(), home.parts.clone(), ours))
    };
    let wish = Wish {
        durable,
        again: Vec::new(),
        fresh: false,
        keep_list: false,
        list: None,
        about: String::new(),
        line: None,
        boot: boot_id(),
        now: SystemTime::now(),
        random: 1,
        segment_limit: SEGMENT,
    };
    open(Arc::new(Disk), &home, unit, wish)
}

fn commit(committer: &mut Committer<GetOutcome>) -> Result<(), Error> {
    let mut step = committer.close(Duration::ZERO)?;
    while let Step::Sync(sync) = step {
        sync.run(&Disk)?;
        step = committer.synced(Duration::ZERO)?;
    }
    Ok(())
}

fn outcome(n: u64) -> GetOutcome {
    GetOutcome {
        position: Position(n),
        url: format!("http://images.example/{n:012}.jpg"),
        final_url: None,
        verdict: GetVerdict::Ok,
        failure: None,
        status: Some(200),
        bytes: 2_048,
        path: None,
        content_type: Some("image/jpeg".to_owned()),
        unframed: false,
        attempts: 1,
        elapsed: Duration::from_micros(12_345),
        retry_at: None,
        crc32c: None,
        member: None,
        hash: None,
        timing: [(Phase::Queue, 321), (Phase::FirstByte, 9_876), (Phase::Body, 54)]
            .map(|(phase, time)| (phase, Duration::from_micros(time)))
            .into_iter()
            .collect(),
    }
}

use std::thread;

use tokio::sync::mpsc;

use super::block::Block;
use super::blocks::Blocks;
use super::recall::Recall;
use super::source::Source;
use crate::error::Error;
use crate::ledger::BlockNote;

/// Blocks read ahead, at most: one being read and this many waiting.
const AHEAD: usize = 2;

/// What comes of a list, in its order.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Lines to be looked at.
    Lines {
        block: Block,
        /// With a ledger, for a block that it does not know: what it must note before any of the
        /// lines is answered, and the compressed copy, which is empty where none is kept.
        note: Option<(BlockNote, Vec<u8>)>,
    },
    /// So many lines that are all answered took so many bytes.
    Passed { lines: u64, bytes: u64 },
}

/// Reads a source on a thread of its own, since reading may block for ever.
#[derive(Debug)]
pub(crate) struct Reader {
    deliveries: mpsc::Receiver<Result<Delivery, Error>>,
}

impl Reader {
    /// Starts the thread. It is not waited for: it may sit in a read of a terminal. It ends with
    /// the source, or at the first block after the reader is gone.
    pub(crate) fn start(source: Source, recall: Option<Recall>) -> Result<Self, Error> {
        let blocks = Blocks::open(source.into_list(), recall)?;
        let (sender, deliveries) = mpsc::channel(AHEAD);
        thread::Builder::new()
            .name("hoist-input".to_owned())
            .spawn(move || read(blocks, &sender))
            .map_err(|source| Error::System { what: "the input thread", source })?;
        Ok(Self { deliveries })
    }

    /// The next delivery; `None` at the end of the source. An error is the last. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Delivery, Error>> {
        self.deliveries.recv().await
    }
}

fn read(mut blocks: Blocks, sender: &mpsc::Sender<Result<Delivery, Error>>) {
    let waited_for = || sender.capacity() == AHEAD;
    while let Some(delivery) = blocks.next_delivery(waited_for).transpose() {
        let last = delivery.is_err();
        if sender.blocking_send(delivery).is_err() || last {
            return;
        }
    }
}

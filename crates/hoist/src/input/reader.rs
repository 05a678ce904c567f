use std::thread;

use tokio::sync::mpsc;

use super::block::Block;
use super::source::Source;
use crate::error::Error;

/// Blocks read ahead, at most: one being read and this many waiting.
const AHEAD: usize = 2;

/// Reads a source on a thread of its own, since reading may block for ever.
#[derive(Debug)]
pub(crate) struct Reader {
    blocks: mpsc::Receiver<Result<Block, Error>>,
}

impl Reader {
    /// Starts the thread. It is not waited for: it may sit in a read of a terminal. It ends with
    /// the source, or at the first block after the reader is gone.
    pub(crate) fn start(source: Source) -> Result<Self, Error> {
        let (sender, blocks) = mpsc::channel(AHEAD);
        thread::Builder::new()
            .name("hoist-input".to_owned())
            .spawn(move || read(source, &sender))
            .map_err(|source| Error::System { what: "the input thread", source })?;
        Ok(Self { blocks })
    }

    /// The next block; `None` at the end of the source. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Block, Error>> {
        self.blocks.recv().await
    }
}

fn read(source: Source, sender: &mpsc::Sender<Result<Block, Error>>) {
    let mut blocks = source.into_blocks();
    loop {
        let waited_for = || sender.capacity() == AHEAD;
        let (block, last) = match blocks.next_block(waited_for) {
            Ok(Some(block)) => (Ok(block), false),
            Ok(None) => return,
            Err(source) => (Err(Error::Input { line: blocks.lines_read(), source }), true),
        };
        if sender.blocking_send(block).is_err() || last {
            return;
        }
    }
}

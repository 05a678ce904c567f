use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use super::store::{Sizes, Store};
use crate::error::Error;
use crate::plan::defaults;
use crate::sys::{Fs, free_space};

/// Orders that may be under way at once; whoever gives them sees to it that there are no more.
pub(super) const ORDERS: usize = 64;

/// What the thread is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Put lines behind those of piles.
    Put {
        lines: Vec<u8>,
        /// So many bytes in a row are of this pile.
        runs: Vec<(usize, usize)>,
    },
    /// Take lines of a pile, at most so many, or so many bytes.
    Take { pile: usize, lines: usize, bytes: usize },
}

/// What it has done.
#[derive(Debug)]
pub(super) enum Done {
    /// The lines are there. Where nothing can be written any more, why.
    Put {
        /// There is as much on disk as may be.
        full: bool,
        broken: Option<std::io::Error>,
    },
    Taken {
        pile: usize,
        lines: Vec<u8>,
        full: bool,
    },
    Failed(Error),
}

/// The thread that writes and reads what is set aside.
#[derive(Debug)]
pub(super) struct Thread {
    orders: Option<SyncSender<Order>>,
    done: mpsc::Receiver<Done>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start(fs: Arc<dyn Fs>, folder: PathBuf) -> Result<Self, Error> {
        let (orders, received) = sync_channel(ORDERS);
        let (tell, done) = mpsc::channel(ORDERS);
        let handle = thread::Builder::new()
            .name("hoist-aside".to_owned())
            .spawn(move || {
                let store = Store::new(fs, folder.clone(), Sizes::default());
                follow(store, &folder, &received, &tell);
            })
            .map_err(|source| Error::System { what: "the thread for lines set aside", source })?;
        Ok(Self { orders: Some(orders), done, handle: Some(handle) })
    }

    /// There is room for it: see [`ORDERS`].
    pub(super) fn give(&self, order: Order) -> bool {
        // Where it has ended, it has told why.
        self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok())
    }

    pub(super) fn done(&mut self) -> &mut mpsc::Receiver<Done> {
        &mut self.done
    }
}

impl Drop for Thread {
    /// Nothing of the run is left on the disk.
    fn drop(&mut self) {
        self.orders = None;
        self.done.close();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

fn follow(mut store: Store, folder: &Path, orders: &Receiver<Order>, tell: &mpsc::Sender<Done>) {
    let most = may_be_used(folder);
    while let Ok(order) = orders.recv() {
        let done = match order {
            Order::Put { lines, runs } => {
                let mut rest = &lines[..];
                for (pile, length) in runs {
                    let (run, after) = rest.split_at(length.min(rest.len()));
                    store.put(pile, run);
                    rest = after;
                }
                let broken = store.write();
                Done::Put { full: store.used() >= most, broken }
            }
            Order::Take { pile, lines, bytes } => match store.take(pile, lines, bytes) {
                Ok(lines) => Done::Taken { pile, lines, full: store.used() >= most },
                Err(source) => Done::Failed(Error::Output { path: folder.to_owned(), source }),
            },
        };
        let last = matches!(done, Done::Failed(_));
        if tell.blocking_send(done).is_err() || last {
            break;
        }
    }
    store.remove();
}

/// Bytes that may be set aside: the disk is there for what the run is for.
fn may_be_used(folder: &Path) -> u64 {
    let there = folder.ancestors().find(|folder| folder.is_dir());
    let free = there.and_then(free_space);
    free.map_or(u64::MAX, |free| free / defaults::ASIDE_OF_FREE)
}

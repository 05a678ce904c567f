use crate::outcome::Selector;

/// That a run keeps a ledger, and how. A run of the same list into the same output goes on where
/// the one before it stopped.
///
/// The ledger of a directory `OUT` is in `OUT/.hoist/ledger`, that of a file `FILE` in
/// `FILE.hoist/ledger`.
#[derive(Debug, Clone, Default)]
pub struct LedgerPlan {
    /// What an outcome survives once it was told.
    pub durable: Durable,
    /// Answered items with one of these outcomes are asked again. The new outcome takes the place
    /// of the old one, which stays in the ledger as history.
    pub again: Vec<Selector>,
    /// Start over: the list may be another one, and files that the old ledger names are replaced
    /// as the new run comes to them.
    pub fresh: bool,
    /// The list can't be read a second time (it comes from a pipe): a copy is kept in the ledger,
    /// compressed, and what is missing when the list is given again is taken from there.
    pub keep_list: bool,
}

/// What an outcome survives once it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durable {
    /// A kill and a power cut: bytes and records are synced in groups, at most a second long.
    #[default]
    Group,
    /// A kill. A power cut can take what was written in the last half minute or so; what it took
    /// is noticed by the next run, and asked again.
    None,
}

/// Stands for an admitted item. Tickets are small numbers, used again after their discharge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) usize);

/// The pieces of a body that are still to be asked for, in order. Pure.
#[derive(Debug)]
pub(super) struct Pieces {
    /// From, to.
    todo: Vec<(u64, u64)>,
}

/// Pieces of a body, at most: they stand in its sidecar.
const MOST: u64 = 1024;

impl Pieces {
    /// What is missing of a body of this length, in pieces of `least` bytes or more. `there` is in order.
    pub(super) fn missing(length: u64, there: &[(u64, u64)], least: u64) -> Self {
        let size = least.max(length.div_ceil(MOST)).max(1);
        let mut todo = Vec::new();
        let mut at = 0;
        for (from, to) in there.iter().copied().chain([(length, length)]) {
            while at < from {
                let next = (at / size + 1).saturating_mul(size).min(from);
                todo.push((at, next));
                at = next;
            }
            at = at.max(to);
        }
        Self { todo }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.todo.is_empty()
    }

    /// Where the first begins.
    pub(super) fn start(&self) -> Option<u64> {
        self.todo.first().map(|piece| piece.0)
    }

    /// Takes the first.
    pub(super) fn first(&mut self) -> Option<(u64, u64)> {
        (!self.todo.is_empty()).then(|| self.todo.remove(0))
    }

    /// Takes the last.
    pub(super) fn last(&mut self) -> Option<(u64, u64)> {
        self.todo.pop()
    }

    /// Takes the one that begins there.
    pub(super) fn at(&mut self, from: u64) -> Option<(u64, u64)> {
        let found = self.todo.binary_search_by_key(&from, |piece| piece.0).ok()?;
        Some(self.todo.remove(found))
    }

    /// What did not come of one.
    pub(super) fn put_back(&mut self, from: u64, to: u64) {
        if from < to {
            let place = self.todo.partition_point(|piece| piece.0 < from);
            self.todo.insert(place, (from, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_cut_into_pieces() {
        let missing = |there: &[(u64, u64)]| Pieces::missing(100, there, 30).todo;
        assert_eq!(missing(&[]), [(0, 30), (30, 60), (60, 90), (90, 100)]);
        assert_eq!(missing(&[(0, 35)]), [(35, 60), (60, 90), (90, 100)]);
        assert_eq!(missing(&[(10, 20), (60, 95)]), [(0, 10), (20, 30), (30, 60), (95, 100)]);
        assert_eq!(missing(&[(0, 100)]), []);
        // However long it is, they are not many.
        assert_eq!(Pieces::missing(1 << 50, &[], 30).todo.len(), 1024);
    }

    #[test]
    fn pieces_are_taken_from_both_ends() {
        let mut pieces = Pieces::missing(100, &[], 30);
        assert_eq!(pieces.first(), Some((0, 30)));
        assert_eq!(pieces.last(), Some((90, 100)));
        assert_eq!(pieces.at(30), Some((30, 60)));
        assert_eq!(pieces.at(30), None);
        pieces.put_back(40, 60);
        pieces.put_back(100, 100);
        assert_eq!(pieces.todo, [(40, 60), (60, 90)]);
        assert!(!pieces.is_empty());
    }
}

use std::collections::VecDeque;

/// Origins that have an item waiting and a permit free, in turn.
///
/// Those that have proved themselves stand in a queue of their own, so that they can go before the
/// others where these hold permits enough already.
#[derive(Debug)]
pub(super) struct Turns<O> {
    proven: VecDeque<(u64, O)>,
    unproven: VecDeque<(u64, O)>,
    next: u64,
}

impl<O> Turns<O> {
    pub(super) fn new() -> Self {
        Self { proven: VecDeque::new(), unproven: VecDeque::new(), next: 0 }
    }

    /// The number of the turn. One that is not its origin's any more has lapsed.
    pub(super) fn push(&mut self, origin: O, proven: bool) -> u64 {
        self.next += 1;
        let queue = if proven { &mut self.proven } else { &mut self.unproven };
        queue.push_back((self.next, origin));
        self.next
    }

    /// Whoever has waited longest; but where it is crowded, those that are proven go first.
    pub(super) fn pop(&mut self, crowded: bool) -> Option<(u64, O)> {
        let proven_first = match (self.proven.front(), self.unproven.front()) {
            (Some((proven, _)), Some((unproven, _))) => crowded || proven < unproven,
            (proven, _) => proven.is_some(),
        };
        if proven_first { self.proven.pop_front() } else { self.unproven.pop_front() }
    }

    /// Drops turns that have lapsed, where there are many: of `origins` each has at most one.
    pub(super) fn sweep(&mut self, origins: usize, is_live: impl Fn(u64, &O) -> bool) {
        for queue in [&mut self.proven, &mut self.unproven] {
            if queue.len() > 2 * origins + 64 {
                queue.retain(|(number, origin)| is_live(*number, origin));
            }
        }
    }

    #[cfg(test)]
    /// Entries.
    pub(super) fn size(&self) -> usize {
        self.proven.len() + self.unproven.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_proven_go_first_only_where_it_is_crowded() {
        let mut turns = Turns::new();
        for (origin, proven) in [('a', false), ('b', true), ('c', false), ('d', true)] {
            turns.push(origin, proven);
        }
        let popped: String =
            [false, true, true, true].map(|crowded| turns.pop(crowded).unwrap().1).iter().collect();
        assert_eq!(popped, "abdc");
        assert_eq!(turns.pop(true), None);
    }
}

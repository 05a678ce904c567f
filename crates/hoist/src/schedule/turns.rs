use std::collections::VecDeque;

/// The level of an origin that holds so many permits: 0, 1, 2 to 3, 4 to 7 ...
pub(super) fn level(held: usize) -> u8 {
    let bits = usize::BITS - held.leading_zeros();
    u8::try_from(bits).unwrap_or(HIGHEST).min(HIGHEST)
}

/// All that hold 65,536 permits or more are on one level.
const HIGHEST: u8 = 17;
const LEVELS: usize = HIGHEST as usize + 1;

/// Origins that have an item waiting and a permit free, in turn: deficit round robin, in which the
/// deficit is the permits that an origin holds.
///
/// Each round allows one permit more, so whoever holds the fewest is next; with those that hold as many,
/// or nearly, it takes turns. The rounds are queues, so nobody is looked at whose round has not come.
/// Origins that have proved themselves stand in queues of their own, so that they can go before the
/// others where these hold permits enough already.
#[derive(Debug)]
pub(super) struct Turns<O> {
    proven: Rounds<O>,
    unproven: Rounds<O>,
    next: u64,
    standing: usize,
}

#[derive(Debug)]
struct Rounds<O> {
    queues: [VecDeque<(u64, O)>; LEVELS],
    /// A bit for each queue that is not empty.
    filled: u32,
    entries: usize,
}

impl<O> Turns<O> {
    pub(super) fn new() -> Self {
        Self { proven: Rounds::new(), unproven: Rounds::new(), next: 0, standing: 0 }
    }

    /// The number of the turn. One that is not its origin's any more has lapsed.
    pub(super) fn push(&mut self, origin: O, proven: bool, level: u8) -> u64 {
        self.standing += 1;
        self.push_again(origin, proven, level)
    }

    /// The same for an origin that has a turn: it gets another place.
    pub(super) fn push_again(&mut self, origin: O, proven: bool, level: u8) -> u64 {
        self.next += 1;
        let rounds = if proven { &mut self.proven } else { &mut self.unproven };
        rounds.push(level, (self.next, origin));
        self.next
    }

    /// Whoever holds the fewest permits, and among these has waited longest; but where it is crowded,
    /// those that are proven go first. If it has not lapsed, [`Turns::taken`] is to be told.
    pub(super) fn pop(&mut self, crowded: bool) -> Option<(u64, O)> {
        let proven_first = match (self.proven.front(), self.unproven.front()) {
            (Some(proven), Some(unproven)) => crowded || proven < unproven,
            (proven, _) => proven.is_some(),
        };
        if proven_first { self.proven.pop() } else { self.unproven.pop() }
    }

    /// A turn was popped that had not lapsed.
    pub(super) fn taken(&mut self) {
        self.standing -= 1;
    }

    /// Turns that have not lapsed.
    pub(super) fn standing(&self) -> usize {
        self.standing
    }

    /// Drops turns that have lapsed, where there are many: of `origins` each has at most one.
    pub(super) fn sweep(&mut self, origins: usize, is_live: impl Fn(u64, &O) -> bool) {
        for rounds in [&mut self.proven, &mut self.unproven] {
            if rounds.entries > 2 * origins + 64 {
                rounds.retain(&is_live);
            }
        }
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        let queues = self.proven.queues.iter().chain(&self.unproven.queues);
        queues.map(|queue| queue.capacity() * size_of::<(u64, O)>()).sum()
    }

    #[cfg(test)]
    /// Entries.
    pub(super) fn size(&self) -> usize {
        self.proven.entries + self.unproven.entries
    }
}

impl<O> Rounds<O> {
    fn new() -> Self {
        Self { queues: std::array::from_fn(|_| VecDeque::new()), filled: 0, entries: 0 }
    }

    fn push(&mut self, level: u8, entry: (u64, O)) {
        self.queues[usize::from(level)].push_back(entry);
        self.filled |= 1 << level;
        self.entries += 1;
    }

    /// The level and the number of the next turn.
    fn front(&self) -> Option<(u32, u64)> {
        let level = self.filled.trailing_zeros();
        let queue = self.queues.get(level as usize)?;
        queue.front().map(|(number, _)| (level, *number))
    }

    fn pop(&mut self) -> Option<(u64, O)> {
        let level = self.filled.trailing_zeros();
        let queue = self.queues.get_mut(level as usize)?;
        let entry = queue.pop_front()?;
        if queue.is_empty() {
            self.filled &= !(1 << level);
        }
        self.entries -= 1;
        Some(entry)
    }

    fn retain(&mut self, is_live: impl Fn(u64, &O) -> bool) {
        self.entries = 0;
        for (level, queue) in self.queues.iter_mut().enumerate() {
            queue.retain(|(number, origin)| is_live(*number, origin));
            self.entries += queue.len();
            if queue.is_empty() {
                self.filled &= !(1 << level);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_proven_go_first_only_where_it_is_crowded() {
        let mut turns = Turns::new();
        for (origin, proven) in [('a', false), ('b', true), ('c', false), ('d', true)] {
            turns.push(origin, proven, 0);
        }
        let popped: String =
            [false, true, true, true].map(|crowded| turns.pop(crowded).unwrap().1).iter().collect();
        assert_eq!(popped, "abdc");
        assert_eq!(turns.pop(true), None);
    }

    #[test]
    fn whoever_holds_the_fewest_permits_is_next() {
        let mut turns = Turns::new();
        for (origin, held) in [('a', 5), ('b', 1), ('c', 0), ('d', 4), ('e', 1), ('f', 1 << 20)] {
            turns.push(origin, held == 1, level(held));
        }
        let popped: String = (0..6).map(|_| turns.pop(false).unwrap().1).collect();
        assert_eq!(popped, "cbeadf");
    }

    #[test]
    fn levels_double() {
        assert_eq!([0, 1, 2, 3, 4, 7, 8, 65_535].map(level), [0, 1, 2, 2, 3, 3, 4, 16]);
        assert_eq!([65_536, usize::MAX].map(level), [HIGHEST; 2]);
    }

    #[test]
    fn turns_that_have_lapsed_are_swept() {
        let mut turns = Turns::new();
        let last = (0..200).map(|n| turns.push('a', n % 2 == 0, level(n))).last();
        turns.sweep(1, |number, _| Some(number) == last);
        assert_eq!(turns.size(), 1);
        assert_eq!(turns.pop(false).map(|(number, _)| number), last);
        assert_eq!(turns.pop(false), None);
    }
}

use std::collections::VecDeque;

/// Entries in their order. One alone takes no memory beside the queue itself: of a long list, most origins
/// have one item at a time.
#[derive(Debug)]
pub(super) enum Queue<T> {
    One(Option<T>),
    /// It may have become shorter since: who had many may have many again.
    #[expect(
        clippy::box_collection,
        reason = "else each lane were twice as large for the few that have many"
    )]
    Many(Box<VecDeque<T>>),
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<T> Queue<T> {
    pub(super) fn push_back(&mut self, entry: T) {
        match self {
            Self::Many(entries) => entries.push_back(entry),
            Self::One(one) => match one.take() {
                None => *one = Some(entry),
                Some(first) => *self = Self::Many(Box::new(VecDeque::from([first, entry]))),
            },
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        match self {
            Self::One(one) => one.take(),
            Self::Many(entries) => entries.pop_front(),
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        match self {
            Self::One(one) => *one = one.take().filter(keep),
            Self::Many(entries) => entries.retain(keep),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Many(entries) => entries.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it takes beside itself, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many(entries) => size_of::<VecDeque<T>>() + entries.capacity() * size_of::<T>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec(0..8_u32, 0..60)) {
            let (mut queue, mut model) = (Queue::default(), VecDeque::new());
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    0..4 => {
                        queue.push_back(n);
                        model.push_back(n);
                    }
                    4..7 => prop_assert_eq!(queue.pop_front(), model.pop_front()),
                    _ => {
                        queue.retain(|n| n % 3 == 0);
                        model.retain(|n| n % 3 == 0);
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.is_empty(), model.is_empty());
            }
        }
    }

    #[test]
    fn one_alone_takes_no_memory() {
        let mut queue = Queue::default();
        for n in 0..100_u64 {
            queue.push_back(n);
            assert_eq!((queue.memory(), queue.pop_front()), (0, Some(n)));
        }
        queue.push_back(1);
        queue.push_back(2);
        assert!(queue.memory() >= 16);
    }
}

use serde::{Deserialize, Serialize};

/// Which bytes of a body are there: runs in order, apart from each other, each with its checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Runs(Vec<Run>);

/// The bytes `from..to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// CRC32C of them.
    pub(super) crc: u32,
}

impl Runs {
    /// The first bytes.
    pub(super) fn first(to: u64, crc: u32) -> Self {
        if to == 0 { Self::default() } else { Self(vec![Run { from: 0, to, crc }]) }
    }

    /// Whether they are as they must be, whoever says so.
    pub(super) fn are_in_order(&self) -> bool {
        let apart = self.0.windows(2).all(|pair| pair[0].to < pair[1].from);
        apart && self.0.iter().all(|run| run.from < run.to)
    }

    /// These bytes are there now. None of them was before.
    pub(super) fn add(&mut self, at: u64, bytes: &[u8]) {
        let to = at + bytes.len() as u64;
        let next = self.0.partition_point(|run| run.from < to);
        match next.checked_sub(1).map(|before| &mut self.0[before]) {
            Some(run) if run.to == at => {
                run.crc = crc32c::crc32c_append(run.crc, bytes);
                run.to = to;
                self.join(next);
            }
            _ => {
                self.0.insert(next, Run { from: at, to, crc: crc32c::crc32c(bytes) });
                self.join(next + 1);
            }
        }
    }

    /// Joins a run to the one before, where they touch.
    fn join(&mut self, next: usize) {
        let Some(Run { from, to, crc }) = self.0.get(next).copied() else { return };
        let before = &mut self.0[next - 1];
        if before.to == from
            && let Ok(length) = usize::try_from(to - from)
        {
            before.crc = crc32c::crc32c_combine(before.crc, crc, length);
            before.to = to;
            self.0.remove(next);
        }
    }

    /// How many bytes are there.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|run| run.to - run.from).sum()
    }

    /// How many are there from the first on, and their checksum.
    pub(super) fn start(&self) -> (u64, u32) {
        match self.0.first() {
            Some(Run { from: 0, to, crc }) => (*to, *crc),
            _ => (0, 0),
        }
    }

    /// Where the last one ends.
    pub(super) fn end(&self) -> u64 {
        self.0.last().map_or(0, |run| run.to)
    }

    /// Leaves only the first bytes. Whether others were there.
    pub(super) fn cut(&mut self) -> bool {
        let (to, crc) = self.start();
        let start = Self::first(to, crc);
        let others = *self != start;
        *self = start;
        others
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_whatever_order_they_come_they_are_one_in_the_end() {
        let body: Vec<u8> = (0..1000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let mut pieces: Vec<(usize, usize)> = Vec::new();
            let mut at = 0;
            while at < body.len() {
                let to = (at + random.usize(1..120)).min(body.len());
                pieces.push((at, to));
                at = to;
            }
            random.shuffle(&mut pieces);
            let mut runs = Runs::default();
            for (n, (from, to)) in pieces.iter().enumerate() {
                runs.add(*from as u64, &body[*from..*to]);
                assert!(runs.are_in_order(), "{runs:?}");
                let there: usize = pieces[..=n].iter().map(|(from, to)| to - from).sum();
                assert_eq!(runs.bytes(), there as u64);
                for run in runs.iter() {
                    let [from, to] = [run.from, run.to].map(|at| usize::try_from(at).unwrap());
                    assert_eq!(run.crc, crc32c::crc32c(&body[from..to]));
                }
            }
            assert_eq!(runs.start(), (1000, crc32c::crc32c(&body)));
            assert!(!runs.cut());
        }
    }

    #[test]
    fn what_contradicts_itself_is_seen() {
        let run = |from, to| Run { from, to, crc: 0 };
        assert!(Runs(vec![]).are_in_order());
        assert!(Runs(vec![run(0, 5), run(6, 9)]).are_in_order());
        for bad in [[run(0, 5), run(5, 9)], [run(5, 9), run(0, 2)], [run(0, 5), run(7, 7)]] {
            assert!(!Runs(bad.to_vec()).are_in_order(), "{bad:?}");
        }
        let mut runs = Runs(vec![run(0, 5), run(6, 9)]);
        assert!(runs.cut() && runs.end() == 5);
        let mut runs = Runs(vec![run(6, 9)]);
        assert!(runs.cut() && runs == Runs::default());
    }
}

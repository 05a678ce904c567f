use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;

use super::store::{Sizes, Store, clear, pack, packed, unpack};
use crate::item::Position;
use crate::sys::{Fault, Memory};

const SIZES: Sizes = Sizes { buffer: 300, segment: 900 };

fn store(fs: &Memory, sizes: Sizes) -> Store {
    Store::new(Arc::new(fs.clone()), PathBuf::from("/out/aside"), sizes)
}

fn text(position: u64, length: usize) -> String {
    let mut text = format!("http://{position}.example/");
    text.extend(std::iter::repeat_n('x', length));
    text
}

fn lines(mut bytes: &[u8]) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    while let Some((position, text, rest)) = unpack(bytes) {
        all.push((position.0, String::from_utf8(text.to_vec()).unwrap()));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    all
}

fn put(store: &mut Store, pile: usize, position: u64, text: &str) {
    let mut bytes = Vec::new();
    pack(&mut bytes, Position(position), text);
    assert_eq!(bytes.len(), packed(text));
    store.put(pile, &bytes);
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize, usize, usize),
    Take(usize, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..7_usize, 0..60_usize, 1..12_usize).prop_map(|(p, length, n)| Step::Put(p, length, n)),
        (0..7_usize, 0..9_usize, 0..400_usize).prop_map(|(p, n, bytes)| Step::Take(p, n, bytes)),
    ]
}

fn fault() -> impl Strategy<Value = Option<(u64, Fault)>> {
    let fault = prop_oneof![
        Just(Fault::Full),
        Just(Fault::Error(ErrorKind::PermissionDenied)),
        Just(Fault::Short),
    ];
    prop::option::of((0..40_u64, fault))
}

proptest! {
    /// Whatever the order of things, and whatever befalls the disk: each line comes back once, in the order
    /// of its pile; memory is bounded while the disk works; what was taken is given back.
    #[test]
    fn each_line_comes_back_once_in_order(
        steps in prop::collection::vec(step(), 0..120),
        fault in fault(),
    ) {
        let fs = Memory::new(1);
        if let Some((step, fault)) = fault {
            fs.fail_at(step, fault);
        }
        let mut store = store(&fs, SIZES);
        let mut model: Vec<VecDeque<(u64, String)>> = vec![VecDeque::new(); 7];
        let (mut position, mut broken) = (0, false);
        for step in steps {
            match step {
                Step::Put(pile, length, n) => {
                    for _ in 0..n {
                        let text = text(position, length);
                        put(&mut store, pile, position, &text);
                        model[pile].push_back((position, text));
                        position += 1;
                    }
                    let told = store.write().is_some();
                    prop_assert!(!(told && broken), "told twice");
                    broken |= told;
                    prop_assert!(broken || store.buffered() <= SIZES.buffer);
                }
                Step::Take(pile, n, bytes) => {
                    let taken = lines(&store.take(pile, n, bytes).unwrap());
                    prop_assert!(taken.len() <= n);
                    prop_assert_eq!(taken.is_empty(), n == 0 || model[pile].is_empty());
                    for line in taken {
                        prop_assert_eq!(Some(line), model[pile].pop_front());
                    }
                }
            }
        }
        for (pile, left) in model.iter_mut().enumerate() {
            while !left.is_empty() {
                for line in lines(&store.take(pile, 5, 1 << 20).unwrap()) {
                    prop_assert_eq!(Some(line), left.pop_front());
                }
            }
            prop_assert!(store.take(pile, 5, 100).unwrap().is_empty());
        }
        prop_assert_eq!(store.buffered(), 0);
        prop_assert!(store.used() <= u64::from(SIZES.segment), "only what is still written stays");
        store.remove();
        prop_assert!(fs.files().is_empty() || fault.is_some(), "{:?}", fs.files().keys());
    }
}

/// A million lines of one origin and lines of 20,000 others, ten each: what is written is about what was put,
/// whatever the number of piles, and each is read about once.
#[test]
fn each_line_is_written_once_and_read_once() {
    let fs = Memory::new(1);
    let mut store = store(&fs, Sizes { buffer: 64 << 10, segment: 256 << 10 });
    let (piles, rounds) = (2_000, 10);
    let mut bytes = 0;
    for round in 0..rounds {
        for pile in 0..=piles {
            let n = if pile == 0 { 2_000 } else { 1 };
            for n in 0..n {
                let text = text(round * 10_000_000 + n * 10_000 + pile, 20);
                bytes += packed(&text) as u64;
                put(&mut store, usize::try_from(pile).unwrap(), n, &text);
            }
            assert!(store.write().is_none());
        }
    }
    let steps = fs.steps();
    assert!(steps < 2 * piles * rounds + 200, "{steps} changes of files");
    assert!(store.used() < bytes + 12 * piles * rounds, "{} of {bytes}", store.used());
    let mut count = 0;
    for pile in 0..=usize::try_from(piles).unwrap() {
        loop {
            let taken = lines(&store.take(pile, 500, 64 << 10).unwrap());
            count += taken.len();
            if taken.is_empty() {
                break;
            }
        }
    }
    assert_eq!(count, 40_000);
    assert!(store.used() <= 256 << 10);
}

#[test]
fn a_line_may_be_longer_than_what_is_read_at_once() {
    let fs = Memory::new(1);
    let mut store = store(&fs, SIZES);
    let long = "y".repeat(64 << 10);
    for (position, text) in [(3, "a"), (4, long.as_str()), (9, "b")] {
        put(&mut store, 1, position, text);
    }
    assert!(store.write().is_none() && store.buffered() == 0);
    assert_eq!(lines(&store.take(1, 1, 10).unwrap()), [(3, "a".to_owned())]);
    assert_eq!(lines(&store.take(1, 9, 10).unwrap()), [(4, long)]);
    assert_eq!(lines(&store.take(1, 9, 10).unwrap()), [(9, "b".to_owned())]);
    assert!(store.take(1, 9, 10).unwrap().is_empty());
}

#[test]
fn what_is_damaged_is_told_and_not_believed() {
    let fs = Memory::new(1);
    let mut store = store(&fs, SIZES);
    for n in 0..20 {
        put(&mut store, 0, n, &text(n, 20));
    }
    assert!(store.write().is_none());
    let path = fs.files().into_keys().next().unwrap();
    // The length of the first line.
    fs.corrupt(&path, 8 * (12 + 8 + 3));
    assert_eq!(store.take(0, 5, 500).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn what_a_dead_run_left_is_cleared() {
    let fs = Memory::new(1);
    fs.put("/out/aside/00000007", b"x");
    fs.put("/out/ledger/00000000.log", b"y");
    clear(&fs, std::path::Path::new("/out/aside"));
    clear(&fs, std::path::Path::new("/out/aside"));
    assert_eq!(fs.files().into_keys().collect::<Vec<_>>(), ["/out/ledger/00000000.log"]);
}

//! The block's cursor against a sorted vector, and its glides against what they promise (INV-READ-3).

use super::*;
use crate::data_block::builder::DataBlockBuilder;
use esker_mem::buffer::BufferMut;

type Model = Vec<(Vec<u8>, SeqNo, Kind)>;

/// A small generator (xorshift): tests of this crate need no more.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
}

/// Keys with ties in their heads, short and long remainders, some that only zero bytes tell apart; several versions each.
fn model(numbers: &mut Numbers) -> Model {
    let mut model = Model::new();
    let shared = ["", "tenant/0001/", "a prefix that is longer than a slice holds inline/"][numbers.below(3)];
    let only_puts = numbers.below(2) == 0;
    for seqno in 1..=1 + numbers.below(40) as u64 {
        let n = numbers.below(16);
        let rest = match numbers.below(4) {
            0 => format!("{n}"),
            1 => "\0".repeat(n),
            2 => format!("object/{n:04}"),
            _ => format!("object/{n:04}/with a tail that no single copy takes/{n}"),
        };
        let kind = if only_puts || numbers.below(4) > 0 { Kind::Put } else { Kind::Delete };
        model.push((format!("{shared}{rest}").into_bytes(), seqno, kind));
    }
    model.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    model
}

fn block(model: &Model) -> DataBlock<Buffer> {
    let mut builder = DataBlockBuilder::new(true);
    for (key, seqno, kind) in model {
        builder.add(key, *seqno, *kind, format!("value {seqno}").as_bytes());
    }
    let mut payload = Vec::new();
    builder.finish(&mut payload);
    checked(&payload)
}

fn checked(payload: &[u8]) -> DataBlock<Buffer> {
    DataBlock::check(payload).unwrap();
    DataBlock::of_checked(BufferMut::copy_of(payload).freeze())
}

fn check(cursor: &BlockCursor, model: &Model, at: usize) {
    let (key, seqno, kind) = &model[at];
    assert_eq!(
        (cursor.at(), cursor.key(), cursor.seqno(), cursor.kind()),
        (at, key.as_slice(), *seqno, *kind)
    );
    assert_eq!(cursor.key_slice().as_bytes(), key.as_slice());
    assert_eq!(cursor.value(), format!("value {seqno}").as_bytes());
    assert_eq!(cursor.value_slice().as_bytes(), cursor.value());
}

#[test]
fn walks_and_jumps_as_over_a_vector_from_block_to_block() {
    let mut numbers = Numbers(0x5eed);
    let first = model(&mut numbers);
    let mut cursor = BlockCursor::new(block(&first), 0);
    check(&cursor, &first, 0);
    for _ in 0..300 {
        let model = model(&mut numbers);
        let mut at = numbers.below(model.len());
        cursor.hold(block(&model));
        assert!(!cursor.valid() && cursor.block().is_some());
        cursor.seek(at);
        for _ in 0..40 {
            check(&cursor, &model, at);
            match numbers.below(3) {
                0 => {
                    assert_eq!(cursor.step_next(), at + 1 < model.len());
                    at = (at + 1).min(model.len() - 1);
                }
                1 => {
                    assert_eq!(cursor.step_prev(), at > 0);
                    at = at.saturating_sub(1);
                }
                _ => {
                    at = numbers.below(model.len());
                    cursor.seek(at);
                }
            }
        }
    }
}

/// Whether a glide may step onto the entry at `at`, by the words of the contract.
fn is_allowed(model: &Model, at: usize, stretch: &Stretch<'_>) -> bool {
    let (key, seqno, kind) = &model[at];
    let limits = stretch.limits.into_iter().flatten();
    let inside = |limit: &[u8]| if stretch.forward { key.as_slice() < limit } else { key.as_slice() > limit };
    limits.into_iter().all(inside) && *kind == Kind::Put && *seqno < stretch.bound
}

#[test]
fn a_glide_steps_onto_what_the_stretch_allows_and_onto_nothing_else() {
    let mut numbers = Numbers(0xe5cae);
    let (mut moved, mut tied, mut stopped) = (0, 0, 0);
    for _ in 0..6000 {
        let model = model(&mut numbers);
        let forward = numbers.below(2) == 0;
        let bound = if numbers.below(2) == 0 { SeqNo::MAX } else { numbers.below(45) as u64 };
        let all_visible = model.iter().all(|entry| entry.1 < bound);
        let picks: Vec<Vec<u8>> = (0..2)
            .map(|_| {
                let mut key = model[numbers.below(model.len())].0.clone();
                match numbers.below(4) {
                    0 => key.push(0),
                    1 => key.truncate(key.len() / 2),
                    _ => {}
                }
                key
            })
            .collect();
        let limits = [0, 1].map(|i| (numbers.below(3) > 0).then(|| picks[i].as_slice()));
        let mut stretch = Stretch { forward, bound, limits, exact: false };
        let mut at = numbers.below(model.len());
        let mut cursor = BlockCursor::new(block(&model), at);
        assert_eq!(cursor.glide_next(), Glide::Stopped, "nothing is open yet");
        assert_eq!(cursor.glide_prev(true), Glide::Stopped, "nothing is open yet");
        cursor.open(&stretch, all_visible);
        let mut here = true;
        loop {
            let target = if forward {
                Some(at + 1)
            } else if here {
                Some(at)
            } else {
                at.checked_sub(1)
            };
            let target = target.filter(|&target| target < model.len());
            // Backward, only what has an entry before it can be known to be the newest version.
            let other = if forward { Some(at) } else { target.and_then(|target| target.checked_sub(1)) };
            let may = target.is_some_and(|target| {
                other.is_some_and(|other| model[other].0 != model[target].0)
                    && is_allowed(&model, target, &stretch)
            });
            let glide = if forward { cursor.glide_next() } else { cursor.glide_prev(here) };
            match glide {
                Glide::Moved => {
                    assert!(may, "onto {target:?} of {model:?} within {stretch:?}");
                    at = target.unwrap();
                    here = false;
                    moved += 1;
                }
                Glide::Tied => {
                    assert!(!stretch.exact, "heads were not to be asked any more");
                    stretch.exact = true;
                    cursor.open(&stretch, all_visible);
                    tied += 1;
                }
                Glide::Stopped => {
                    assert!(!may, "stopped before {target:?} of {model:?} within {stretch:?}");
                    stopped += 1;
                    break;
                }
            }
            check(&cursor, &model, at);
        }
        check(&cursor, &model, at);
        cursor.close();
        assert_eq!((cursor.glide_next(), cursor.glide_prev(true)), (Glide::Stopped, Glide::Stopped));
    }
    assert!(moved > 1000 && tied > 300 && stopped > 1000, "{moved} {tied} {stopped}: too little was tried");
}

#[test]
fn nothing_glides_in_a_block_of_whole_keys() {
    let mut builder = DataBlockBuilder::new(false);
    builder.add(b"b", 1, Kind::Put, b"");
    builder.add(b"a", 2, Kind::Put, b"");
    let mut payload = Vec::new();
    builder.finish(&mut payload);
    let mut cursor = BlockCursor::new(checked(&payload), 0);
    cursor.open(&Stretch { forward: true, bound: SeqNo::MAX, limits: [None, None], exact: false }, true);
    assert_eq!(cursor.glide_next(), Glide::Stopped);
    assert!(cursor.step_next());
    assert_eq!((cursor.key(), cursor.key_slice().as_bytes()), (b"a".as_slice(), b"a".as_slice()));
}

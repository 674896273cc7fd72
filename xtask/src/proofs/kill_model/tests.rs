//! The oracle accepts what a kill may leave and refuses each thing it may not.

use esker_testkit::oracle::change::{Change, Op, append_merge};

use crate::proofs::kill_model::{Expected, operation};

const SEED: u64 = 5;
const WRITER: u64 = 1;

/// The state after `done` operations.
fn after(done: u64) -> Expected {
    let mut expected = Expected::default();
    expected.advance(SEED, WRITER, done);
    expected
}

/// The first operation from `from` on that `wanted` likes.
fn find(from: u64, wanted: impl Fn(&[Change]) -> bool) -> u64 {
    (from..).find(|n| wanted(&operation(SEED, WRITER, *n).changes)).unwrap()
}

#[test]
fn the_state_at_the_acknowledgement_and_one_later_are_accepted() {
    for done in [0, 1, 500, 5000] {
        assert_eq!(after(0).accept(SEED, WRITER, done, &after(done).state), Ok(()));
        let mut expected = after(done);
        assert_eq!(expected.accept(SEED, WRITER, done, &after(done + 1).state), Ok(()));
    }
}

#[test]
fn a_lost_acknowledged_write_is_refused() {
    let n = find(3000, |changes| matches!(changes, [Change { op: Op::Put(..), .. }]));
    assert!(after(0).accept(SEED, WRITER, n + 1, &after(n).state).is_err());
}

#[test]
fn a_deleted_key_that_is_back_is_refused() {
    let mut before = after(3000);
    let (key, value) = loop {
        let next = operation(SEED, WRITER, before.done).changes;
        if let [Change { op: Op::Delete(key), .. }] = next.as_slice()
            && let Some(value) = before.state.get(&(0, key.clone()))
        {
            break (key.clone(), value.clone());
        }
        before.advance(SEED, WRITER, before.done + 1);
    };
    let mut now = after(before.done + 1);
    now.state.insert(0, key, value);
    assert!(after(0).accept(SEED, WRITER, now.done, &now.state).is_err());
}

#[test]
fn half_a_batch_is_refused() {
    let n = find(3000, |changes| {
        changes.len() > 2 && changes.iter().all(|change| matches!(change.op, Op::Put(..)))
    });
    let mut half = after(n);
    if let Some(first) = operation(SEED, WRITER, n).changes.first() {
        half.state.apply(first, append_merge);
    }
    assert!(after(0).accept(SEED, WRITER, n, &half.state).is_err());
}

#[test]
fn running_ahead_by_two_is_refused() {
    let n = find(3000, |changes| matches!(changes, [Change { op: Op::Put(..), .. }]));
    assert!(after(0).accept(SEED, WRITER, n - 1, &after(n + 1).state).is_err());
}

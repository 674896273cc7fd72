use super::*;
use crate::oracle::change::append_merge;

fn merge(key: &str, operand: &str) -> Change {
    Change { keyspace: 0, op: Op::Merge(key.into(), operand.into()) }
}

fn delete_range(start: &str, end: &str) -> Change {
    Change { keyspace: 0, op: Op::DeleteRange(start.into(), end.into()) }
}

#[test]
fn a_read_sees_what_lies_below_its_bound() {
    let mut db = Versions::new(append_merge);
    let first = db.apply(&[Change::put("a", "1"), Change::put("b", "1")]);
    let second = db.apply(&[Change::delete("a"), merge("b", "2")]);
    let third = db.apply(&[delete_range("a", "c"), merge("b", "3")]);
    assert_eq!((first, second, third), (2, 4, 6));
    assert_eq!(db.get(0, b"a", 0), None);
    assert_eq!(db.get(0, b"a", first), Some(b"1".to_vec()));
    assert_eq!(db.get(0, b"a", second), None);
    assert_eq!(db.get(0, b"b", second), Some(b"1,2".to_vec()));
    assert_eq!(
        db.get(0, b"b", third),
        Some(b"3".to_vec()),
        "the range tombstone cuts the operands below it off"
    );
    let scanned = db.scan(0, Bound::Excluded(b"a"), Bound::Included(b"b"), first);
    assert_eq!(scanned, [(b"b".to_vec(), b"1".to_vec())]);
}

#[test]
fn a_range_tombstone_covers_strictly_smaller_seqnos_whatever_the_order_of_arrival() {
    let mut db = Versions::new(append_merge);
    db.apply_at(&delete_range("a", "z"), 5);
    db.apply_at(&Change::put("k", "old"), 4);
    assert_eq!(db.get(0, b"k", 10), None);
    db.apply_at(&Change::put("k", "same"), 5);
    assert_eq!(db.get(0, b"k", 10), Some(b"same".to_vec()));
}

/// Two models written differently agree on every prefix of a random history.
#[test]
fn versions_at_a_bound_are_the_state_after_that_many_changes() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..20 {
        let mut db = Versions::new(append_merge);
        let mut state = State::new();
        let mut states = vec![state.clone()];
        for number in 0..120 {
            let mut key = || vec![random.u8(b'a'..b'h')];
            let (first, second) = (key(), key());
            let value = format!("{number}").into_bytes();
            let op = match random.u8(..8) {
                0..=2 => Op::Put(first, value),
                3 => Op::Delete(first),
                4 => Op::SingleDelete(first),
                5 | 6 => Op::Merge(first, value),
                _ => Op::DeleteRange(first, second),
            };
            let change = Change { keyspace: random.u32(..2), op };
            db.apply(std::slice::from_ref(&change));
            state.apply(&change, append_merge);
            states.push(state.clone());
        }
        for (bound, state) in (0..).zip(&states) {
            assert_eq!(&db.state(bound), state, "at bound {bound}");
        }
    }
}

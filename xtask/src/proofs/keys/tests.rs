//! What the proofs rest on: numbers and keys are one to one, and an order misses none.

use esker_testkit::workload::keys::{KeyShape, scramble};

use crate::proofs::keys::{KEY_BYTES, fill_value, key, number, shuffled, unscramble};

#[test]
fn a_key_gives_its_number_back() {
    for i in (0..10_000).chain([u64::MAX, u64::MAX / 3]) {
        assert_eq!(unscramble(scramble(i)), i);
        assert_eq!(number(&key(i)), Some(i));
        assert_eq!(key(i).to_vec(), KeyShape::User.key(i));
        assert_eq!(key(i).len(), KEY_BYTES);
    }
    assert_eq!(number(b"user1"), None);
    assert_eq!(number(b"user99999999999999999999"), None, "no 64-bit number");
}

#[test]
fn a_shuffle_visits_each_number_once() {
    for count in [1, 2, 3, 1000, 4096, 5000] {
        let mut seen: Vec<u64> = shuffled(count, 7).collect();
        assert!(count < 1000 || !seen.is_sorted());
        seen.sort_unstable();
        assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn values_differ_and_fill_any_length() {
    let (mut a, mut b) = ([0u8; 13], [0u8; 13]);
    fill_value(1, &mut a);
    fill_value(2, &mut b);
    assert_ne!(a, b);
    assert_ne!(a[8..], [0; 5]);
}

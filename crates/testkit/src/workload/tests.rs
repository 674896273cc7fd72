use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn keys_are_one_to_one_and_of_their_shape() {
    for shape in [KeyShape::User, KeyShape::OrderedUser, KeyShape::Tenant] {
        let keys: BTreeSet<Vec<u8>> = (0..50_000).map(|number| shape.key(number)).collect();
        assert_eq!(keys.len(), 50_000, "{shape:?}");
        let lens: BTreeSet<usize> = keys.iter().map(Vec::len).collect();
        match shape {
            KeyShape::User | KeyShape::OrderedUser => assert_eq!(lens, BTreeSet::from([24])),
            KeyShape::Tenant => {
                assert_eq!((lens.first(), lens.last()), (Some(&8), Some(&64)));
                let shared = keys.iter().filter(|key| key.starts_with(b"tenant/00")).count();
                assert!(shared > 40_000, "only {shared} keys share a prefix");
            }
        }
    }
}

#[test]
fn zipfian_is_skewed_and_scattered_and_uniform_is_neither() {
    let counts = |choice| {
        let mut chooser = Chooser::new(choice, 10_000, 7);
        let mut counts = BTreeMap::new();
        for _ in 0..100_000 {
            *counts.entry(chooser.next_number()).or_insert(0u32) += 1;
        }
        let mut counts: Vec<(u32, u64)> = counts.into_iter().map(|(number, count)| (count, number)).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    };
    let zipfian = counts(Choice::Zipfian);
    // With exponent 0.99 over 10,000 the first takes about a tenth of all.
    assert!((8_000..13_000).contains(&zipfian[0].0), "{:?}", zipfian[0]);
    let neighbours = zipfian.windows(2).take(10).filter(|pair| pair[0].1.abs_diff(pair[1].1) < 10).count();
    assert!(neighbours <= 1, "the popular ones are neighbours");
    assert!(counts(Choice::Uniform)[0].0 < 40);
}

#[test]
fn the_lowest_ranks_are_the_most_frequent() {
    let mut chooser = Chooser::new(Choice::Zipfian, 10_000, 7);
    let mut counts = vec![0u32; 10_000];
    for _ in 0..100_000 {
        counts[usize::try_from(chooser.next_rank()).unwrap()] += 1;
    }
    let most = counts.iter().max().unwrap();
    assert_eq!(counts.first(), Some(most));
    assert!(*most > 20 * counts[100].max(1), "rank 0 came {most} times, rank 100 {} times", counts[100]);
}

#[test]
fn sequential_goes_round() {
    let mut chooser = Chooser::new(Choice::Sequential, 3, 0);
    let drawn: Vec<u64> = (0..5).map(|_| chooser.next_number()).collect();
    assert_eq!(drawn, [0, 1, 2, 0, 1]);
}

#[test]
fn values_differ_and_half_of_them_is_one_byte() {
    assert_eq!(value(1, 0), b"");
    let first = value(1, 101);
    assert_eq!(first.len(), 101);
    assert_ne!(first, value(2, 101));
    assert!(first[51..].iter().all(|&byte| byte == b'v'));
}

#[test]
fn same_seed_same_operations_in_the_shares_asked_for() {
    let options = WorkloadOptions {
        seed: 5,
        keys: 1_000,
        choice: Choice::Uniform,
        shape: KeyShape::User,
        value_len: 10,
        mix: Mix { put: 5, get: 3, delete: 1, scan: 1 },
        scan_len: 7,
    };
    let operations: Vec<Operation> = Workload::new(options).take(10_000).collect();
    assert!(Workload::new(options).zip(&operations).all(|(again, first)| again == *first));
    let share = |of: fn(&Operation) -> bool| operations.iter().filter(|operation| of(operation)).count();
    assert!((4_700..5_300).contains(&share(|operation| matches!(operation, Operation::Put(..)))));
    assert!((2_700..3_300).contains(&share(|operation| matches!(operation, Operation::Get(_)))));
    assert!((800..1_200).contains(&share(|operation| matches!(operation, Operation::Scan(_, 7)))));
}

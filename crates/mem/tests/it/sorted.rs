//! The sorted memtable against a model: a sorted map of every version.

use esker_mem::comparator::{KeyOrder, UserComparator};
use esker_mem::kind::Kind;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::sorted_memtable::{Assembly, KeyCode, Section, SortedMemtable, TooLong};
use std::cmp::Ordering;
use std::sync::Arc;

type Op = (Vec<u8>, SeqNo, Kind, Vec<u8>);

/// Makes a memtable of `ops` in `sections` stretches, with a code made for every `stride`-th key.
fn memtable(order: &KeyOrder, ops: &[Op], sections: usize, stride: usize) -> Arc<SortedMemtable> {
    let code = Arc::new(match order {
        KeyOrder::Bytes => KeyCode::of_sample(ops.iter().step_by(stride).map(|op| op.0.as_slice())),
        KeyOrder::Custom(_) => KeyCode::flat(),
    });
    let stretches = ops.chunks(ops.len().div_ceil(sections).max(1)).map(|ops| {
        let mut section = Section::new(Arc::clone(&code));
        for (key, seqno, kind, value) in ops {
            section.add(key, *seqno, *kind, value).unwrap();
        }
        section.sort(order);
        section
    });
    Arc::new(Assembly::new(order.clone(), Arc::clone(&code), stretches.collect()).build())
}

/// All versions in internal order.
fn sorted(order: &KeyOrder, ops: &[Op]) -> Vec<Op> {
    let mut all = ops.to_vec();
    all.sort_by(|a, b| order.compare(&a.0, &b.0).then(b.1.cmp(&a.1)));
    all
}

fn check(order: &KeyOrder, ops: &[Op], sections: usize, stride: usize, random: &mut fastrand::Rng) {
    let memtable = memtable(order, ops, sections, stride);
    let model = sorted(order, ops);
    assert_eq!(memtable.len(), model.len());
    assert_eq!(memtable.highest_seqno(), ops.iter().map(|op| op.1).max());
    assert_eq!(memtable.has_expiring(), ops.iter().any(|op| op.2 == Kind::ExpiringPut));
    assert_eq!(memtable.lowest_seqno(), ops.iter().map(|op| op.1).min());
    assert_eq!(memtable.tombstones(), ops.iter().filter(|op| op.2.is_tombstone()).count());
    assert_eq!(memtable.user_bytes(), ops.iter().map(|op| op.0.len() + op.3.len()).sum::<usize>());

    let mut cursor = memtable.cursor();
    cursor.seek_to_first();
    for op in &model {
        let seen = (cursor.key().to_vec(), cursor.seqno(), cursor.kind(), cursor.value().to_vec());
        assert_eq!(seen, *op);
        cursor.next();
    }
    assert!(!cursor.valid() && cursor.key().is_empty() && cursor.value().is_empty());
    cursor.seek_to_last();
    for op in model.iter().rev() {
        assert_eq!((cursor.key(), cursor.seqno()), (op.0.as_slice(), op.1));
        cursor.prev();
    }
    assert!(!cursor.valid());

    for _ in 0..400 {
        let key = match random.u8(0..4) {
            0 => (0..random.usize(0..12)).map(|_| random.u8(..)).collect(),
            1 => random.choice(&model).map_or(Vec::new(), |op| [op.0.as_slice(), b"\0"].concat()),
            _ => random.choice(&model).map_or(Vec::new(), |op| op.0.clone()),
        };
        let bound = if random.bool() { MAX_SEQNO } else { random.u64(0..ops.len() as u64 + 2) };
        let expected = model.iter().find(|op| order.same_key(&op.0, &key) && op.1 < bound);
        let got = memtable.get(&key, bound);
        let got = got.map(|version| (version.seqno, version.kind, version.value.to_vec()));
        assert_eq!(got, expected.map(|op| (op.1, op.2, op.3.clone())), "{key:?} below {bound}");

        cursor.seek(&key);
        let at = model.partition_point(|op| order.compare(&op.0, &key) == Ordering::Less);
        assert_eq!(cursor.valid().then(|| (cursor.key(), cursor.seqno())), place(&model, at));
        cursor.prev();
        if cursor.valid() {
            assert_eq!((cursor.key(), cursor.seqno()), place(&model, at - 1).unwrap());
        }
        cursor.seek_for_prev(&key);
        let after = model.partition_point(|op| order.compare(&op.0, &key) != Ordering::Greater);
        let before = after.checked_sub(1).and_then(|at| place(&model, at));
        assert_eq!(cursor.valid().then(|| (cursor.key(), cursor.seqno())), before);
    }
}

fn place(model: &[Op], at: usize) -> Option<(&[u8], SeqNo)> {
    model.get(at).map(|op| (op.0.as_slice(), op.1))
}

/// `count` operations on keys that `key` makes.
fn ops(
    count: u64,
    random: &mut fastrand::Rng,
    mut key: impl FnMut(&mut fastrand::Rng) -> Vec<u8>,
) -> Vec<Op> {
    let op = |seqno| {
        let key = key(random);
        match random.u8(0..10) {
            0 => (key, seqno, Kind::Delete, Vec::new()),
            1 => (key, seqno, Kind::SingleDelete, Vec::new()),
            2 => (key, seqno, Kind::Merge, vec![1; random.usize(0..4)]),
            3 if seqno > 900 => (key, seqno, Kind::ExpiringPut, vec![1; 8 + random.usize(0..4)]),
            _ => (key, seqno, Kind::Put, vec![seqno as u8; random.usize(0..60)]),
        }
    };
    (1..=count).map(op).collect()
}

#[test]
fn agrees_with_a_model_under_byte_order() {
    let mut random = fastrand::Rng::with_seed(1);
    let digits = |random: &mut fastrand::Rng| format!("user{:012}", random.u64(0..1 << 39)).into_bytes();
    let groups = |random: &mut fastrand::Rng| {
        format!("tenant/{:04}/object/{:03}", random.u64(0..40), random.u64(0..300)).into_bytes()
    };
    let any = |random: &mut fastrand::Rng| (0..random.usize(0..20)).map(|_| random.u8(..)).collect();
    let few = |random: &mut fastrand::Rng| vec![random.u8(0..3); random.usize(0..3)];
    for sections in [1, 2, 9] {
        for stride in [1, 50, 5000] {
            let made = ops(3000, &mut random, digits);
            check(&KeyOrder::Bytes, &made, sections, stride, &mut random);
            let made = ops(3000, &mut random, groups);
            check(&KeyOrder::Bytes, &made, sections, stride, &mut random);
            let made = ops(1000, &mut random, any);
            check(&KeyOrder::Bytes, &made, sections, stride, &mut random);
            let made = ops(1000, &mut random, few);
            check(&KeyOrder::Bytes, &made, sections, stride, &mut random);
        }
    }
}

#[test]
fn nothing_and_one_entry() {
    let mut random = fastrand::Rng::with_seed(2);
    check(&KeyOrder::Bytes, &[], 1, 1, &mut random);
    check(&KeyOrder::Bytes, &[(Vec::new(), 5, Kind::Put, Vec::new())], 1, 1, &mut random);
    let empty = memtable(&KeyOrder::Bytes, &[], 1, 1);
    assert!(empty.is_empty() && empty.get(b"", MAX_SEQNO).is_none());
}

#[test]
fn one_key_written_for_ever_is_read_at_every_bound() {
    let mut random = fastrand::Rng::with_seed(3);
    let made: Vec<Op> = (1..=20_000)
        .map(|seqno: u64| (b"hot".to_vec(), seqno, Kind::Put, seqno.to_le_bytes().to_vec()))
        .collect();
    let memtable = memtable(&KeyOrder::Bytes, &made, 5, 1);
    for _ in 0..2000 {
        let bound = random.u64(0..20_010);
        let expected = bound.saturating_sub(1).min(20_000);
        let got = memtable.get(b"hot", bound).map(|version| version.seqno);
        assert_eq!(got, Some(expected).filter(|seqno| *seqno > 0), "below {bound}");
    }
    check(&KeyOrder::Bytes, &made, 5, 1, &mut random);
}

#[test]
fn numbers_that_do_not_rise_are_put_in_order() {
    // A caller of the tree may number as it likes; a log's numbers rise.
    let mut random = fastrand::Rng::with_seed(4);
    let mut made = ops(500, &mut random, |random| vec![random.u8(0..20)]);
    random.shuffle(&mut made);
    check(&KeyOrder::Bytes, &made, 4, 1, &mut random);
}

#[test]
fn large_values_have_chunks_of_their_own() {
    let mut random = fastrand::Rng::with_seed(5);
    let lengths = [0, 1, 3 << 20, 10, (1 << 20) - 18, (1 << 20) - 17, 1 << 20, 5];
    let made: Vec<Op> = (0u64..)
        .zip(lengths)
        .map(|(seqno, len)| {
            (format!("k{}", 9 - seqno).into_bytes(), seqno, Kind::Put, vec![seqno as u8; len])
        })
        .collect();
    check(&KeyOrder::Bytes, &made, 1, 1, &mut random);
    let memtable = memtable(&KeyOrder::Bytes, &made, 2, 1);
    let bytes: usize = lengths.iter().sum();
    assert!(memtable.memory_bytes() < bytes + (1 << 20), "{}", memtable.memory_bytes());
}

#[test]
fn few_records_take_little_memory_and_many_little_beside_themselves() {
    let mut random = fastrand::Rng::with_seed(6);
    let few = memtable(&KeyOrder::Bytes, &ops(10, &mut random, |random| vec![random.u8(..)]), 1, 1);
    assert!(few.memory_bytes() < 4 << 10, "{}", few.memory_bytes());
    let made: Vec<Op> = (0u64..20_000)
        .map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec(), i, Kind::Put, vec![7; 100]))
        .collect();
    let many = memtable(&KeyOrder::Bytes, &made, 1, 10);
    let plain = 20_000 * 108;
    assert!(many.memory_bytes() < plain + 20_000 * 33, "{}", many.memory_bytes());
}

#[test]
fn the_longest_key_fits_and_a_longer_one_is_refused() {
    let mut section = Section::new(Arc::new(KeyCode::flat()));
    section.add(&vec![1; 65_535], 1, Kind::Put, b"v").unwrap();
    assert_eq!(section.add(&vec![1; 65_536], 2, Kind::Put, b"v"), Err(TooLong));
    assert_eq!(section.len(), 1);
    section.sort(&KeyOrder::Bytes);
    let memtable = Assembly::new(KeyOrder::Bytes, Arc::new(KeyCode::flat()), vec![section]).build();
    assert_eq!(memtable.get(&vec![1; 65_535], 2).unwrap().value, b"v");
}

/// Descending, and blind to case without a tie-break: equal keys are not equal bytes.
struct BackwardsAnyCase;

impl UserComparator for BackwardsAnyCase {
    fn name(&self) -> &str {
        "test.backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.to_ascii_lowercase().cmp(&a.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

#[test]
fn agrees_with_a_model_under_a_users_order() {
    let mut random = fastrand::Rng::with_seed(7);
    let order = KeyOrder::new(Arc::new(BackwardsAnyCase));
    for sections in [1, 6] {
        let made = ops(800, &mut random, |random| {
            let len = random.usize(0..3);
            (0..len).map(|_| *random.choice(b"aAbBcC").unwrap()).collect()
        });
        check(&order, &made, sections, 1, &mut random);
    }
}

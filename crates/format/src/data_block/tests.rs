use super::*;
use crate::data_block::builder::DataBlockBuilder;
use crate::data_block::fingerprints::Fingerprints;
use crate::test_bytes::{damaged, example};
use esker_mem::comparator::UserComparator;
use esker_mem::seqno::MAX_SEQNO;
use std::sync::Arc;

type Model = Vec<(Vec<u8>, SeqNo, Kind, Vec<u8>)>;

fn build(order_is_bytes: bool, model: &Model) -> Vec<u8> {
    let mut builder = DataBlockBuilder::new(order_is_bytes);
    for (key, seqno, kind, value) in model {
        builder.add(key, *seqno, *kind, value);
    }
    assert_eq!(builder.len(), model.len());
    let estimate = builder.size_estimate();
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert!(builder.is_empty());
    assert!(out.len() <= estimate + model.len() * 8, "the estimate is near: {estimate} for {}", out.len());
    out
}

/// Descending bytes: an order without heads.
struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// ASCII letters of either case are one letter, and there is no tie-break.
struct CaseBlind;

impl UserComparator for CaseBlind {
    fn name(&self) -> &'static str {
        "case blind"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }
    fn equal_implies_identical(&self) -> bool {
        false
    }
}

fn example_model() -> Model {
    vec![
        (b"apple".to_vec(), 7, Kind::Put, b"red".to_vec()),
        (b"apricot".to_vec(), 9, Kind::Delete, Vec::new()),
    ]
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../data_block.rs"));
    assert_eq!(build(true, &example_model()), golden);
    check_against_model(&golden, &example_model(), &KeyOrder::Bytes);
}

/// Keys of one length and values of one length: neither offsets nor lengths are stored.
#[test]
fn even_example_decodes_and_encodes_again() {
    let (_, dump) = include_str!("../data_block.rs").split_once("And an even one").unwrap();
    let dump: Vec<&str> = dump.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let golden = example(&["//! Example", &dump.join("\n//!")].join("\n//!"));
    let model: Model =
        vec![(b"ab".to_vec(), 3, Kind::Put, b"x".to_vec()), (b"ac".to_vec(), 3, Kind::Put, b"y".to_vec())];
    assert_eq!(build(true, &model), golden);
    check_against_model(&golden, &model, &KeyOrder::Bytes);
}

/// Everything the block says, against a sorted vector.
fn check_against_model(payload: &[u8], model: &Model, order: &KeyOrder) {
    let block = DataBlock::decode(Slice::new(payload)).unwrap();
    assert_eq!(block.len(), model.len());
    block.verify_order(order).unwrap();
    assert_eq!(block.lead_bytes(), block.layout.entry_range(payload, 0).start);
    let mut key = Vec::new();
    let mut walked = Vec::new();
    block.key_into(0, &mut walked);
    for (index, (user_key, seqno, kind, value)) in model.iter().enumerate() {
        block.key_into(index, &mut key);
        block.suffix_into(&block.entry(index), &mut walked);
        assert_eq!((&key, &walked), (user_key, user_key));
        assert_eq!((block.seqno(index), block.kind(index)), (*seqno, *kind));
        assert_eq!(
            (block.value(index), block.value_slice(index).as_bytes()),
            (value.as_slice(), value.as_slice())
        );
        let same = index > 0 && order.same_key(&model[index - 1].0, user_key);
        assert_eq!(block.same_key_as_previous(index, order), same);
    }
    let mut probes: Vec<Vec<u8>> = model.iter().map(|entry| entry.0.clone()).collect();
    for (key, ..) in model {
        let mut longer = key.clone();
        longer.push(0);
        probes.push(longer);
        probes.push(key[..key.len() / 2].to_vec());
        let mut last = key.clone();
        if let Some(byte) = last.last_mut() {
            *byte = byte.wrapping_add(1);
        }
        probes.push(last);
    }
    probes.push(Vec::new());
    probes.push(vec![0xff; 20]);
    for probe in probes {
        block.prefetch(&probe, order);
        let lower = model.partition_point(|entry| order.compare(&entry.0, &probe) == Ordering::Less);
        let upper = model.partition_point(|entry| order.compare(&entry.0, &probe) != Ordering::Greater);
        assert_eq!(block.lower_bound(&probe, order), lower, "{probe:02x?}");
        assert_eq!(block.upper_bound(&probe, order), upper, "{probe:02x?}");
        for bound in [0, 1, 3, 10, 1000, u64::MAX] {
            let found = (lower..upper).find(|&index| model[index].1 < bound);
            assert_eq!(block.find(&probe, bound, order), found, "{probe:02x?} below {bound}");
        }
    }
}

fn random_model(random: &mut fastrand::Rng, order: &KeyOrder, keys: usize) -> Model {
    let prefix: Vec<u8> = (0..random.usize(..30)).map(|_| random.u8(b'A'..=b'b')).collect();
    let alphabet = *random.choice(&[1u8, 3, 255]).unwrap();
    let longest = random.usize(1..40);
    // Some blocks are even, and some would be but for one entry.
    let value_len = random.bool().then(|| random.usize(..30));
    let odd_one = random.bool().then(|| random.usize(..keys * 2));
    let key_len = value_len.map(|_| longest);
    let max_seqno = *random.choice(&[1u64, 200, 70_000, MAX_SEQNO]).unwrap();
    let one_kind = random.bool();
    let mut model = Model::new();
    for _ in 0..keys {
        let mut key = prefix.clone();
        let tail = key_len.unwrap_or_else(|| random.usize(..=longest));
        // Runs of zeros beside other bytes: the heads' padding.
        key.extend((0..tail).map(|_| if random.u8(..3) == 0 { 0 } else { random.u8(..=alphabet) }));
        for _ in 0..*random.choice(&[1, 1, 1, 4]).unwrap() {
            let kind = if one_kind { Kind::Merge } else { Kind::from_u8(random.u8(..4)).unwrap() };
            let value_len = value_len.filter(|_| odd_one != Some(model.len()));
            let value = (0..value_len.unwrap_or_else(|| random.usize(..30))).map(|_| random.u8(..)).collect();
            model.push((key.clone(), random.u64(..=max_seqno), kind, value));
        }
    }
    model.sort_by(|a, b| order.compare(&a.0, &b.0).then(b.1.cmp(&a.1)));
    model.dedup_by(|a, b| order.same_key(&a.0, &b.0) && a.1 == b.1);
    model
}

#[test]
fn blocks_in_byte_order_agree_with_a_sorted_vector() {
    let mut random = fastrand::Rng::with_seed(5);
    for round in 0..300 {
        let keys = 1 + round % 90;
        let model = random_model(&mut random, &KeyOrder::Bytes, keys);
        check_against_model(&build(true, &model), &model, &KeyOrder::Bytes);
    }
    let model = random_model(&mut random, &KeyOrder::Bytes, 1500);
    check_against_model(&build(true, &model), &model, &KeyOrder::Bytes);
}

#[test]
fn blocks_in_another_order_agree_with_a_sorted_vector() {
    let mut random = fastrand::Rng::with_seed(6);
    let orders = [KeyOrder::new(Arc::new(Reversed)), KeyOrder::new(Arc::new(CaseBlind))];
    for order in &orders {
        for round in 0..100 {
            let model = random_model(&mut random, order, 1 + round % 60);
            check_against_model(&build(false, &model), &model, order);
        }
    }
}

/// A block's layout and the order it is asked in may differ (a tool without the comparator): answers stay right.
#[test]
fn layout_does_not_depend_on_who_asks() {
    let mut random = fastrand::Rng::with_seed(8);
    let model = random_model(&mut random, &KeyOrder::Bytes, 50);
    check_against_model(&build(false, &model), &model, &KeyOrder::Bytes);
    let few = vec![(b"A".to_vec(), 1, Kind::Put, Vec::new()), (b"b".to_vec(), 1, Kind::Put, Vec::new())];
    check_against_model(&build(true, &few), &few, &KeyOrder::new(Arc::new(CaseBlind)));
}

#[test]
fn extreme_entries_fit() {
    let long = vec![7u8; 65_535];
    let model: Model = vec![
        (Vec::new(), MAX_SEQNO, Kind::Put, Vec::new()),
        (vec![0], 0, Kind::Put, vec![1; 70_000]),
        (long.clone(), 5, Kind::Put, vec![2; 200_000]),
        (long, 4, Kind::SingleDelete, Vec::new()),
    ];
    check_against_model(&build(true, &model), &model, &KeyOrder::Bytes);
    check_against_model(&build(false, &model), &model, &KeyOrder::Bytes);
}

#[test]
fn equal_seqnos_take_no_bytes() {
    let entry = |key: u8, seqno| (vec![b'k', key], seqno, Kind::Put, b"value".to_vec());
    let equal = build(true, &(0..50).map(|key| entry(key, 1 << 40)).collect());
    let narrow = build(true, &(0..50).map(|key| entry(key, (1 << 40) + u64::from(key))).collect());
    assert_eq!(equal.len() + 50, narrow.len());
}

/// INV-FMT-1, INV-FMT-3: what decodes can be read in every way; what does not is an error. Never a panic.
#[test]
fn damage_is_survived() {
    let mut random = fastrand::Rng::with_seed(9);
    for (order_is_bytes, keys) in [(true, 2), (true, 12), (false, 9)] {
        let sample = build(order_is_bytes, &random_model(&mut random, &KeyOrder::Bytes, keys));
        damaged(&sample, read_everything);
    }
    damaged(&build(true, &example_model()), read_everything);
    damaged(&build(true, &grouped_model(6, 2)), read_everything);
}

fn read_everything(bytes: &[u8]) {
    let Ok(block) = DataBlock::decode(Slice::new(bytes)) else { return };
    let reversed = KeyOrder::new(Arc::new(Reversed));
    let mut key = Vec::new();
    for index in 0..block.len() {
        block.key_into(index, &mut key);
        assert!(key.len() <= 65_535);
        assert!(block.seqno(index) <= MAX_SEQNO);
        assert_eq!(block.value(index), block.value_slice(index).as_bytes());
        let _ = block.kind(index);
        for order in [&KeyOrder::Bytes, &reversed] {
            assert!(block.lower_bound(&key, order) <= block.len());
            assert!(block.upper_bound(&key, order) <= block.len());
            assert!(block.find(&key, 5, order).is_none_or(|found| found < block.len()));
            let _ = block.same_key_as_previous(index, order);
        }
    }
    let _ = block.verify_order(&KeyOrder::Bytes);
}

#[test]
fn disorder_is_found_by_verification() {
    let unsorted = vec![
        (b"aaaaaaaa-b".to_vec(), 1, Kind::Put, Vec::new()),
        (b"aaaaaaaa-a".to_vec(), 1, Kind::Put, Vec::new()),
    ];
    let block = DataBlock::decode(Slice::new(&build(false, &unsorted))).unwrap();
    assert!(block.verify_order(&KeyOrder::Bytes).is_err());
    block.verify_order(&KeyOrder::new(Arc::new(Reversed))).unwrap();
}

/// Keys in groups under long prefixes, so that all of a group tie in their heads.
fn grouped_model(group: u64, groups: u64) -> Model {
    (0..groups * group)
        .map(|n| {
            let key = format!("tenant/0042/object/{:08}/item/{:03}", n / group, n % group);
            (key.into_bytes(), 1 + n % 3, Kind::Put, b"value".to_vec())
        })
        .collect()
}

fn has_fingerprints(payload: &[u8]) -> bool {
    payload[6] & 8 != 0
}

/// The column is there where ties are long, and only there; answers are the same with and without it.
/// Whatever a writer says, a block answers the same.
#[test]
fn fingerprints_can_be_forced_and_forbidden() {
    for is_tied in [false, true] {
        for (rule, expected) in
            [(Fingerprints::Always, true), (Fingerprints::Never, false), (Fingerprints::WhereTied, is_tied)]
        {
            let mut builder = DataBlockBuilder::new(true).with_fingerprints(rule);
            let key = |i: u32| if is_tied { format!("{:08}/object/{i}", i / 20) } else { format!("{i:04}") };
            let keys: Vec<String> = (100..300).map(key).collect();
            keys.iter().for_each(|key| builder.add(key.as_bytes(), 7, Kind::Put, key.as_bytes()));
            let mut payload = Vec::new();
            builder.finish(&mut payload);
            assert_eq!(has_fingerprints(&payload), expected, "{rule:?}, tied: {is_tied}");
            let block = DataBlock::decode(Slice::from(payload)).unwrap();
            assert_eq!(block.has_fingerprints(), expected);
            assert_eq!(rule.allows(!expected), rule == Fingerprints::WhereTied);
            for key in &keys {
                let found = block.find(key.as_bytes(), 8, &KeyOrder::Bytes).unwrap();
                assert_eq!(block.entry(found).value, key.as_bytes());
                assert!(block.find(format!("{key}x").as_bytes(), 8, &KeyOrder::Bytes).is_none());
            }
        }
    }
    let mut whole = DataBlockBuilder::new(false).with_fingerprints(Fingerprints::Always);
    whole.add(b"k", 1, Kind::Put, b"");
    let mut payload = Vec::new();
    whole.finish(&mut payload);
    assert!(!has_fingerprints(&payload), "there are no heads to tell apart");
}

#[test]
fn long_ties_get_fingerprints() {
    for (group, expected) in [(1, false), (3, false), (4, false), (10, true), (40, true)] {
        let model = grouped_model(group, 120 / group);
        let payload = build(true, &model);
        assert_eq!(has_fingerprints(&payload), expected, "groups of {group}");
        check_against_model(&payload, &model, &KeyOrder::Bytes);
        assert!(!has_fingerprints(&build(false, &model)), "whole keys have no heads that tie");
    }
}

/// Versions of one key tie and share their fingerprint: the newest one below the bound is found all the same.
#[test]
fn versions_share_a_fingerprint() {
    let mut model = Model::new();
    for (key, ..) in grouped_model(10, 5) {
        for seqno in [9, 7, 4, 2] {
            model.push((key.clone(), seqno, Kind::Put, seqno.to_le_bytes().to_vec()));
        }
    }
    let payload = build(true, &model);
    assert!(has_fingerprints(&payload));
    check_against_model(&payload, &model, &KeyOrder::Bytes);
}

#[test]
fn a_wrong_fingerprint_is_found_by_verification() {
    let model = grouped_model(20, 2);
    let mut payload = build(true, &model);
    let block = DataBlock::decode(Slice::new(&payload)).unwrap();
    block.verify_order(&KeyOrder::Bytes).unwrap();
    let at = 24 + 8 * 40;
    let column: Vec<u8> = model.iter().map(|(key, ..)| fingerprint(key)).collect();
    assert_eq!(payload[at..at + 40], column, "one byte of each key's hash, after the heads");
    payload[at + 7] ^= 1;
    let block = DataBlock::decode(Slice::new(&payload)).unwrap();
    assert!(block.verify_order(&KeyOrder::Bytes).is_err());
}

/// INV-FMT-1: a few bytes do not stand for any number of entries, nor for others than they have room for.
#[test]
fn an_even_block_holds_what_it_says() {
    let one: Model = vec![(Vec::new(), 4, Kind::Put, Vec::new())];
    let mut payload = build(false, &one);
    assert_eq!(payload.len(), 24);
    check_against_model(&payload, &one, &KeyOrder::Bytes);
    payload[0] = 2;
    assert!(DataBlock::decode(Slice::new(&payload)).is_err(), "two entries without a byte");
    let operands: Model = vec![(Vec::new(), 4, Kind::Merge, Vec::new()); 3];
    let block = DataBlock::decode(Slice::new(&build(false, &operands))).unwrap();
    assert_eq!(block.len(), 3, "operands of one number may be equal: they store their lengths");
    let model: Model = (0..9).map(|n| (vec![b'k', n], 4, Kind::Put, b"four".to_vec())).collect();
    let whole = build(true, &model);
    for (at, value) in [(0, 8), (0, 10), (10, 9), (12, 3), (12, 5), (6, 0x43), (6, 0x01)] {
        let mut payload = whole.clone();
        assert_ne!(payload[at], value);
        payload[at] = value;
        assert!(DataBlock::decode(Slice::new(&payload)).is_err(), "byte {at} is {value}");
    }
}

/// Fingerprints tell heads apart, so a block of whole keys cannot have them.
#[test]
fn fingerprints_without_heads_are_refused() {
    let mut payload = build(false, &grouped_model(20, 2));
    payload[6] |= 8;
    assert!(DataBlock::decode(Slice::new(&payload)).is_err());
}

/// INV-TTL-5: in a block of one kind, in one with a column of kinds, and in an even one.
#[test]
fn an_expiring_put_without_an_expiry_is_refused() {
    for (len, others) in (0..10).flat_map(|len| [false, true].map(|others| (len, others))) {
        for lens in [[len, len], [12, len]] {
            let mut model: Model = Vec::new();
            for (number, len) in (0..).zip(lens) {
                model.push((vec![b'a', number], 5, Kind::ExpiringPut, vec![7; len]));
            }
            if others {
                model.push((b"b".to_vec(), 5, Kind::Put, b"v".to_vec()));
            }
            let payload = build(true, &model);
            let decoded = DataBlock::decode(Slice::new(&payload));
            assert_eq!(decoded.is_ok(), len >= 8, "{len} bytes, others: {others}");
            if len >= 8 {
                check_against_model(&payload, &model, &KeyOrder::Bytes);
            }
        }
    }
}

/// What a later build writes is not damage.
#[test]
fn an_unknown_kind_is_unsupported() {
    let mut payload = build(true, &example_model());
    let kinds_at = payload.len() - 9;
    assert_eq!(payload[kinds_at..kinds_at + 2], [0, 1]);
    payload[kinds_at] = 6;
    assert!(DataBlock::decode(Slice::new(&payload)).unwrap_err().is_unsupported());
    let mut payload = build(true, &vec![(b"k".to_vec(), 1, Kind::Put, Vec::new())]);
    payload[8] = 200;
    assert!(DataBlock::decode(Slice::new(&payload)).unwrap_err().is_unsupported());
}

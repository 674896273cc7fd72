use super::*;
use crate::index_block::builder::IndexBuilder;
use crate::test_bytes::{damaged, example};
use esker_mem::comparator::UserComparator;
use std::cmp::Ordering;
use std::sync::Arc;

struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

fn handle(ordinal: usize) -> BlockHandle {
    BlockHandle { offset: ordinal as u64 * 8_100, len: 8_000 + ordinal as u64 % 100 }
}

fn build(separators: &[Vec<u8>], order: &KeyOrder) -> Vec<u8> {
    let mut builder = IndexBuilder::new(order.is_bytes());
    for (ordinal, separator) in separators.iter().enumerate() {
        builder.add(separator, handle(ordinal), 1_000_000 + ordinal as u64 * 7 % 1_000);
    }
    let estimate = builder.size_estimate();
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert!(builder.is_empty());
    assert!(
        out.len() <= estimate + estimate / 20 + 80 * separators.len().div_ceil(40),
        "{} of {estimate}",
        out.len()
    );
    out
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../index_block.rs"));
    let mut builder = IndexBuilder::new(true);
    builder.add(b"m", BlockHandle { offset: 0, len: 100 }, 5);
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert_eq!(out, golden, "{out:02x?}");
    let index = Index::decode(Slice::new(&golden)).unwrap();
    assert_eq!(index.seek(b"m", &KeyOrder::Bytes), Some(0));
    assert_eq!(index.seek(b"m\0", &KeyOrder::Bytes), None);
    assert_eq!(index.entry(0), IndexEntry { handle: BlockHandle { offset: 0, len: 100 }, highest_seqno: 5 });
}

fn check(separators: &[Vec<u8>], order: &KeyOrder) {
    let index = Index::decode(Slice::from(build(separators, order))).unwrap();
    assert_eq!(index.len(), separators.len());
    let mut key = Vec::new();
    for (ordinal, separator) in separators.iter().enumerate() {
        index.separator_into(ordinal, &mut key);
        assert_eq!(&key, separator);
        let entry = index.entry(ordinal);
        assert_eq!(entry.handle, handle(ordinal));
        assert_eq!(entry.highest_seqno, 1_000_000 + ordinal as u64 * 7 % 1_000);
        for probe in [
            separator.clone(),
            [separator, b"\0".as_slice()].concat(),
            separator[..separator.len() / 2].to_vec(),
        ] {
            let expected = separators.partition_point(|s| order.compare(s, &probe) == Ordering::Less);
            let expected = (expected < separators.len()).then_some(expected);
            let mut told = 0..0;
            assert_eq!(index.seek_ahead(&probe, order, |blocks| told = blocks), expected);
            assert_eq!(index.seek(&probe, order), expected);
            assert!(expected.is_none_or(|at| told.contains(&at)) && told.len() <= LEAF_ENTRIES, "{told:?}");
        }
    }
    assert_eq!(
        index.seek(b"", order).is_some(),
        separators.iter().any(|s| order.compare(s, b"") != Ordering::Less)
    );
}

/// One to three levels, plain and tied separators, equal separators, both kinds of order.
#[test]
fn indexes_agree_with_a_sorted_vector() {
    let mut random = fastrand::Rng::with_seed(21);
    for order in [KeyOrder::Bytes, KeyOrder::new(Arc::new(Reversed))] {
        for count in [0, 1, 2, 63, 64, 65, 200, 4096, 4097, 8192, 8193, 9000] {
            for alphabet in [1, 3, 255] {
                let mut separators: Vec<Vec<u8>> = (0..count)
                    .map(|_| {
                        let mut key = b"tenant/0042/object/".to_vec();
                        key.extend((0..random.usize(..20)).map(|_| random.u8(..=alphabet)));
                        key
                    })
                    .collect();
                separators.sort_by(|a, b| order.compare(a, b));
                check(&separators, &order);
            }
        }
    }
}

#[test]
fn entries_are_small() {
    let separators: Vec<Vec<u8>> =
        (0..8_192u32).map(|n| format!("user{:020}", u64::from(n) << 40).into_bytes()).collect();
    let short: Vec<Vec<u8>> = separators
        .windows(2)
        .map(|pair| {
            let mut out = Vec::new();
            separator::shortest_separator(&pair[0], &pair[1], &KeyOrder::Bytes, &mut out);
            out
        })
        .collect();
    let per_block = build(&short, &KeyOrder::Bytes).len() as f64 / short.len() as f64;
    assert!(per_block < 30.0, "{per_block} bytes a block");
}

#[test]
fn long_keys_need_wide_offsets() {
    let separators: Vec<Vec<u8>> = (0..70u8).map(|n| [vec![n], vec![7; 3_000]].concat()).collect();
    check(&separators, &KeyOrder::Bytes);
}

/// INV-FMT-1, INV-FMT-4: what decodes can be searched; what does not is an error. Never a panic.
#[test]
fn damage_is_survived() {
    let reversed = KeyOrder::new(Arc::new(Reversed));
    for (count, order) in [(3u8, &KeyOrder::Bytes), (67, &KeyOrder::Bytes), (3, &reversed)] {
        let mut separators: Vec<Vec<u8>> =
            (0..count).map(|n| vec![b'k', n, b's', b'e', b'p', b'a', b'r', b'a', b't', n]).collect();
        separators.sort_by(|a, b| order.compare(a, b));
        damaged(&build(&separators, order), |bytes| {
            let Ok(index) = Index::decode(Slice::new(bytes)) else { return };
            for order in [&KeyOrder::Bytes, &reversed] {
                for probe in [b"".as_slice(), b"k", b"k\x02separat\x01x", &[0xff; 12]] {
                    let found = index.seek_ahead(probe, order, drop);
                    assert!(found.is_none_or(|ordinal| ordinal < index.len()));
                }
            }
            let mut key = Vec::new();
            for ordinal in 0..index.len() {
                let _ = index.entry(ordinal);
                index.separator_into(ordinal, &mut key);
            }
        });
    }
}

use super::*;
use crate::checksum::key_hash;
use crate::filter::Filter;
use crate::test_bytes::{damaged, example};

fn build(bits_per_key: f32, hashes: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut builder = BloomBuilder::new(bits_per_key);
    hashes.for_each(|hash| builder.add_hash(hash));
    let estimate = builder.size_estimate();
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert_eq!(out.len(), estimate);
    assert!(builder.is_empty());
    out
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../bloom.rs"));
    let out = build(10.0, [0x0123_4567_89ab_cdef].into_iter());
    assert_eq!(out, golden, "{out:02x?}");
    assert!(Filter::decode(Slice::from(out)).unwrap().may_contain(0x0123_4567_89ab_cdef));
}

fn key(prefix: &str, number: u32) -> u64 {
    key_hash(format!("{prefix}{number:020}").as_bytes())
}

/// INV-FMT-5: no key that was added is denied; and others are let through as rarely as the bits promise.
#[test]
fn no_false_negatives_and_few_false_positives() {
    for (bits_per_key, keys, limit) in [
        (10.0, 200_000, 0.0105),
        (10.0, 1, 0.5),
        (10.0, 1_000, 0.02),
        (7.0, 100_000, 0.045),
        (14.0, 100_000, 0.0025),
        (20.0, 50_000, 0.0006),
        (3.0, 10_000, 0.3),
    ] {
        let filter =
            Filter::decode(Slice::from(build(bits_per_key, (0..keys).map(|n| key("user", n))))).unwrap();
        assert!((0..keys).all(|n| filter.may_contain(key("user", n))));
        let probes = 200_000;
        let passed = (0..probes).filter(|&n| filter.may_contain(key("other", n))).count();
        let rate = passed as f64 / f64::from(probes);
        println!("{bits_per_key} bits, {keys} keys: {:.4} %", rate * 100.0);
        assert!(rate < limit, "{bits_per_key} bits per key, {keys} keys: {rate}");
    }
}

#[test]
fn repeated_hashes_count_once_and_no_keys_make_a_filter() {
    assert_eq!(build(10.0, std::iter::repeat_n(7, 10_000)).len(), 72);
    let empty = Filter::decode(Slice::from(build(f32::NAN, std::iter::empty()))).unwrap();
    assert!(!empty.may_contain(7));
    assert_eq!(empty.policy_name(), POLICY_NAME);
}

/// INV-FMT-1: whatever decodes can be asked.
#[test]
fn damage_is_survived() {
    damaged(&build(10.0, (0..20).map(|n| key("user", n))), |bytes| {
        if let Ok(filter) = Filter::decode(Slice::new(bytes)) {
            for hash in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
                filter.prefetch(hash);
                let _ = filter.may_contain(hash);
            }
        }
    });
}

#[test]
fn other_kinds_are_typed_problems() {
    let error = Filter::decode(Slice::new(&[3])).unwrap_err();
    assert_eq!(error.problem, Problem::Unsupported { what: "filter kind", id: 3 });
    assert!(Filter::decode(Slice::empty()).is_err());
}

/// A probe is one cache miss only if a line of the filter is a line of the cache, wherever the payload lay.
#[test]
fn lines_are_cache_lines() {
    let payload = build(10.0, (0..1_000).map(|n| key("user", n)));
    for shift in 0..8 {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(&payload);
        let filter = Bloom::decode(&Slice::from(bytes).slice(shift..)).unwrap();
        assert!(filter.lines.iter().all(|line| std::ptr::from_ref(line).addr().is_multiple_of(64)));
        assert!((0..1_000).all(|n| filter.may_contain(key("user", n))));
    }
}

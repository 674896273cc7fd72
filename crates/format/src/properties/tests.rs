use super::*;
use crate::error::Problem;
use crate::test_bytes::{damaged, example};

fn one_put() -> Properties {
    let mut properties = Properties {
        comparator: "esker.bytes".to_owned(),
        format_version: 1,
        smallest_key: Slice::new(b"k"),
        largest_key: Slice::new(b"k"),
        lowest_seqno: 7,
        highest_seqno: 7,
        ..Properties::default()
    };
    properties.count(Kind::Put, 0, 0);
    properties
}

fn encoded(properties: &Properties) -> Vec<u8> {
    let mut out = Vec::new();
    properties.encode(&mut out);
    out
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../properties.rs"));
    assert_eq!(encoded(&one_put()), golden);
    assert_eq!(Properties::decode(&golden).unwrap(), one_put());
}

fn random(random: &mut fastrand::Rng) -> Properties {
    let mut name = || (0..random.usize(..20)).map(|_| random.char('a'..='ž')).collect::<String>();
    let names = [name(), name(), name(), name()];
    let [comparator, policy, extractor, operator] = names;
    let mut number = || random.u64(..) >> random.u32(..64);
    Properties {
        comparator,
        format_version: 1,
        entries: number(),
        puts: number(),
        deletes: number(),
        single_deletes: number(),
        merges: number(),
        blob_pointers: number(),
        expiring_puts: number(),
        earliest_expiry: number(),
        latest_expiry: number(),
        range_tombstones: number(),
        smallest_key: Slice::new(&number().to_be_bytes()),
        largest_key: Slice::new(&[9; 100]),
        lowest_seqno: number() >> 1,
        highest_seqno: number() >> 1,
        raw_key_bytes: number(),
        raw_value_bytes: number(),
        data_blocks: number(),
        data_bytes: number(),
        codec_id: number().to_le_bytes()[0],
        created_unix_millis: number(),
        filter_kind: number().to_le_bytes()[0],
        filter_policy: (!policy.is_empty()).then_some(policy),
        prefix_extractor: (!extractor.is_empty()).then_some(extractor),
        index_kind: number().to_le_bytes()[0],
        merge_operator: (!operator.is_empty()).then_some(operator),
    }
}

#[test]
fn random_properties_round_trip() {
    let mut rng = fastrand::Rng::with_seed(31);
    for _ in 0..500 {
        let properties = random(&mut rng);
        assert_eq!(Properties::decode(&encoded(&properties)).unwrap(), properties);
    }
}

#[test]
fn unknown_optional_tags_are_skipped_and_required_ones_refused() {
    let mut out = encoded(&one_put());
    put_u64(&mut out, 1000, 5);
    assert_eq!(Properties::decode(&out).unwrap(), one_put());
    put_u64(&mut out, 1001, 5);
    let error = Properties::decode(&out).unwrap_err();
    assert_eq!(error.problem, Problem::Unsupported { what: "required field", id: 1001 });
}

/// A build that does not know expiring puts must not take them for something else: the tag is an odd one, and written only where
/// there are some.
#[test]
fn expiring_puts_are_required_knowledge() {
    let mut properties = one_put();
    let plain = encoded(&properties);
    for (value, expires_at) in [(9, 70), (8, 50), (20, 60)] {
        properties.count(Kind::ExpiringPut, 1, value);
        properties.note_expiry(expires_at);
    }
    let out = encoded(&properties);
    assert!(EXPIRING_PUTS % 2 == 1 && out.starts_with(&plain[..10]) && out.len() > plain.len());
    let decoded = Properties::decode(&out).unwrap();
    assert_eq!((decoded.entries, decoded.puts, decoded.expiring_puts), (4, 1, 3));
    assert_eq!((decoded.earliest_expiry, decoded.latest_expiry), (50, 70));
}

#[test]
fn repeated_and_missing_fields_are_errors() {
    let mut out = encoded(&one_put());
    put_u64(&mut out, 2, 5);
    assert!(Properties::decode(&out).is_err());
    assert_eq!(Properties::decode(&[]).unwrap_err().problem, Problem::Missing { field: "comparator" });
}

/// INV-FMT-1.
#[test]
fn damage_is_survived() {
    let sample = encoded(&random(&mut fastrand::Rng::with_seed(32)));
    damaged(&sample, |bytes| {
        let _ = Properties::decode(bytes);
    });
}

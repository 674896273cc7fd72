use super::*;
use crate::test_bytes::{damaged, example};

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../block.rs"));
    let mut out = Vec::new();
    assert_eq!(encode_block(BlockType::Data, b"esker", Codec::Lz4, &mut out), 25);
    assert_eq!(out, golden, "{out:02x?}");
    let payload = decode_block(BlockType::Data, golden.clone(), 0).unwrap();
    assert_eq!(payload, b"esker");
    let mut in_place = b"esker".to_vec();
    assert_eq!(seal_block(BlockType::Data, 0, &mut in_place), 25);
    assert_eq!(in_place, golden);
}

fn codecs() -> impl Iterator<Item = Codec> {
    [Codec::None, Codec::Lz4].into_iter().filter(|codec| codec.is_available())
}

#[test]
fn random_payloads_round_trip() {
    let mut random = fastrand::Rng::with_seed(11);
    for codec in codecs() {
        for round in 0..200 {
            let alphabet = if round % 2 == 0 { 3 } else { 255 };
            let payload: Vec<u8> = (0..random.usize(..9000)).map(|_| random.u8(..=alphabet)).collect();
            let mut out = b"before".to_vec();
            let len = encode_block(BlockType::Filter, &payload, codec, &mut out);
            let stored = out.split_off(6);
            assert_eq!(stored.len() as u64, len);
            verify_block(BlockType::Filter, &stored, 0).unwrap();
            assert_eq!(decode_block(BlockType::Filter, stored, 0).unwrap(), payload.as_slice());
        }
    }
}

/// INV-FMT-1, INV-FMT-2: no damage goes unnoticed, none panics.
#[test]
fn damage_is_noticed() {
    for codec in codecs() {
        let payload: Vec<u8> = b"esker esker esker esker esker esker esker esker esker esker".repeat(3);
        let mut stored = Vec::new();
        encode_block(BlockType::Data, &payload, codec, &mut stored);
        damaged(&stored, |bytes| {
            assert!(decode_block(BlockType::Data, bytes.to_vec(), 0).is_err(), "{codec:?}: {bytes:02x?}");
        });
    }
}

/// A stored block whose trailer bytes before the checksum are replaced, with a checksum that fits.
fn forged(payload: &[u8], trailer: [u8; 12]) -> Vec<u8> {
    let mut stored = payload.to_vec();
    stored.extend(trailer);
    let checksum = checksum64(&stored);
    stored.extend(checksum.to_le_bytes());
    stored
}

#[test]
fn reserved_transforms_and_other_types_are_typed_problems() {
    let problem =
        |trailer| decode_block(BlockType::Data, forged(b"payload", trailer), 100).unwrap_err().problem;
    assert_eq!(problem([2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]), Problem::WrongType { expected: 1, found: 2 });
    assert_eq!(
        problem([1, 0, 0, 0, 9, 0, 0, 0, 7, 0, 0, 0]),
        Problem::Unsupported { what: "encryption epoch", id: 9 }
    );
    assert_eq!(
        problem([1, 0, 3, 0, 0, 0, 0, 0, 7, 0, 0, 0]),
        Problem::Unsupported { what: "parity scheme", id: 3 }
    );
    assert_eq!(
        problem([1, 0, 0, 1, 0, 0, 0, 0, 7, 0, 0, 0]),
        Problem::Unsupported { what: "block flags", id: 1 }
    );
    assert_eq!(
        problem([1, 77, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]),
        Problem::Unsupported { what: "codec", id: 77 }
    );
    assert_eq!(problem([1, 3, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]), Problem::CodecNotCompiledIn { codec: "zstd" });
    assert!(matches!(problem([1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0]), Problem::Invalid { .. }));
}

/// A forged length may not make the decoder take memory that the bytes cannot stand for (INV-FMT-1).
#[cfg(feature = "lz4")]
#[test]
fn forged_length_is_refused() {
    let stored = forged(b"payload", [1, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let error = decode_block(BlockType::Data, stored, 100).unwrap_err();
    assert!(matches!(error.problem, Problem::LimitExceeded { .. }), "{error}");
    assert_eq!(error.offset, 100);
}

#[test]
fn handles_know_whether_they_fit() {
    assert!(BlockHandle { offset: 0, len: 20 }.fits(20));
    assert!(!BlockHandle { offset: 1, len: 20 }.fits(20));
    assert!(!BlockHandle { offset: 0, len: 19 }.fits(100));
    assert!(!BlockHandle { offset: u64::MAX, len: 20 }.fits(u64::MAX));
    assert!(!BlockHandle { offset: 0, len: u64::MAX }.fits(u64::MAX));
}

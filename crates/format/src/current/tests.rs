use super::*;
use crate::test_bytes::{damaged, example};

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../current.rs"));
    assert_eq!(encode_current(7).to_vec(), golden, "{:02x?}", &encode_current(7)[24..]);
    assert_eq!(decode_current(&golden), Ok(7));
    assert_eq!(decode_current(&encode_current(u64::MAX)), Ok(u64::MAX));
}

/// INV-FMT-10: a pointer passes only as it was written.
#[test]
fn damage_is_noticed() {
    damaged(&encode_current(7), |bytes| assert!(decode_current(bytes).is_err()));
}

#[test]
fn a_later_version_is_not_damage() {
    let mut later = encode_current(7);
    later[8] = 2;
    assert!(decode_current(&later).unwrap_err().is_unsupported());
}

use super::*;
use crate::test_bytes::example;

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../expiry.rs"));
    let mut stored = Vec::new();
    put_expiring(&mut stored, b"v", 1_795_305_600_000);
    stored.extend_from_slice(&EXPIRED);
    assert_eq!(stored, golden);
    assert_eq!(split_expiring(&golden[..9]), (b"v".as_slice(), 1_795_305_600_000));
    assert_eq!(split_expiring(&golden[9..]), (b"".as_slice(), 0));
}

#[test]
fn a_value_is_absent_from_its_expiry_on() {
    for (now, expired) in [(0, false), (9, false), (10, true), (11, true), (u64::MAX, true)] {
        assert_eq!(is_expired(10, now), expired, "{now}");
    }
    assert!(is_expired(split_expiring(&EXPIRED).1, 0), "at every moment");
}

/// INV-FMT-1.
#[test]
fn short_bytes_are_an_expired_nothing() {
    for len in 0..EXPIRY_BYTES {
        let stored = vec![0xff; len];
        assert!(!is_sound(&stored));
        assert_eq!(split_expiring(&stored), (b"".as_slice(), 0));
    }
    assert!(is_sound(&EXPIRED));
}

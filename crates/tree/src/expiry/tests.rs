use super::*;

#[test]
fn a_ttl_counts_whole_milliseconds_from_now() {
    let after = |ttl| expires_after(1_000, ttl).unwrap();
    assert_eq!(after(Duration::from_millis(1)), 1_001);
    assert_eq!(after(Duration::from_nanos(1)), 1_001, "never at once");
    assert_eq!(after(Duration::from_micros(2_001)), 1_003);
    assert_eq!(after(Duration::MAX), u64::MAX, "what the clock cannot show never comes");
    assert_eq!(expires_after(u64::MAX - 1, Duration::from_secs(9)).unwrap(), u64::MAX);
    assert!(matches!(expires_after(1_000, Duration::ZERO), Err(Error::ZeroTtl)));
}

#[test]
fn a_fixed_time_is_told_from_the_marks() {
    for time in [0, 1, u64::MAX - 3, u64::MAX - 2] {
        assert_eq!(ReadTime::at(time).fixed(), Some(time));
        assert_eq!(ReadTime::at(time).of_latest().fixed(), Some(time));
    }
    assert_eq!(ReadTime::at(u64::MAX).fixed(), Some(u64::MAX - 2));
    assert_eq!(ReadTime::OF_BOUND.of_latest(), ReadTime::NOW);
    assert_eq!((ReadTime::NOW.fixed(), ReadTime::OF_BOUND.fixed()), (None, None));
}

/// INV-TTL-1: absent at the very millisecond of its expiry.
#[test]
fn a_value_lives_up_to_its_expiry() {
    let stored = Slice::from(stored(b"value", 50));
    assert_eq!(live(&stored, 49).as_deref(), Some(b"value".as_slice()));
    assert_eq!(live(&stored, 50), None);
    assert_eq!(live(&Slice::new(&esker_format::expiry::EXPIRED), 0), None);
}

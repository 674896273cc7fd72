//! The edges of the units.

use std::time::Duration;

use super::{bytes, count, duration, plural, rate};

#[test]
fn counts_have_commas() {
    assert_eq!(count(0), "0");
    assert_eq!(count(999), "999");
    assert_eq!(count(1_000), "1,000");
    assert_eq!(count(1_234_567), "1,234,567");
}

#[test]
fn sizes_never_reach_1024() {
    assert_eq!(bytes(0), "0 B");
    assert_eq!(bytes(1023), "1023 B");
    assert_eq!(bytes(1024), "1.0 KiB");
    assert_eq!(bytes(1_048_575), "1.0 MiB");
    assert_eq!(bytes(150 << 20), "150 MiB");
    assert_eq!(bytes(u64::MAX), "16.0 EiB");
}

#[test]
fn times_have_three_digits() {
    assert_eq!(duration(Duration::from_nanos(637)), "637 ns");
    assert_eq!(duration(Duration::from_nanos(1_230)), "1.23 µs");
    assert_eq!(duration(Duration::from_micros(45_600)), "45.6 ms");
    assert_eq!(duration(Duration::from_secs(12)), "12.0 s");
}

#[test]
fn rates_and_plurals() {
    assert_eq!(rate(2_000_000, Duration::from_secs(1)), "2.00 M/s");
    assert_eq!(rate(5, Duration::from_secs(1)), "5 /s");
    assert_eq!(plural(1, "row"), "1 row");
    assert_eq!(plural(2_000, "row"), "2,000 rows");
}

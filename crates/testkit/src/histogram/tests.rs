use super::*;

#[test]
fn every_value_lies_in_its_bucket_within_three_percent() {
    for nanos in (0..5_000).chain((0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit])).chain([u64::MAX]) {
        let end = bucket_end(bucket(nanos));
        assert!(end >= nanos, "{nanos} is above the end {end} of its bucket");
        assert!(end - nanos <= nanos / 32, "{nanos} is far below {end}");
        assert_eq!(bucket(end), bucket(nanos));
    }
    assert!((1..5_000).all(|nanos| bucket(nanos - 1) <= bucket(nanos)));
    assert!(bucket(u64::MAX) < BUCKETS);
}

#[test]
fn percentiles_of_an_even_spread() {
    let mut histogram = LatencyHistogram::new();
    assert_eq!(histogram.p99(), Duration::ZERO);
    for micros in 1..=1_000 {
        histogram.record(Duration::from_micros(micros));
    }
    let close = |found: Duration, expected: f64| {
        let found = found.as_secs_f64() * 1e6;
        assert!((expected..expected * 1.035).contains(&found), "{found} is not about {expected}");
    };
    close(histogram.p50(), 500.0);
    close(histogram.p99(), 990.0);
    close(histogram.p999(), 999.0);
    assert_eq!(histogram.max(), Duration::from_millis(1));
    assert_eq!(histogram.mean(), Duration::from_nanos(500_500));

    let mut twice = histogram.clone();
    twice.merge(&histogram);
    assert_eq!((twice.count(), twice.p50()), (2_000, histogram.p50()));
}

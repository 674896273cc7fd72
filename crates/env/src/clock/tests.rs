use super::*;

#[test]
fn manual_clock_moves_only_when_told() {
    let clock = ManualClock::new(1_000);
    assert_eq!(clock.now(), Duration::ZERO);
    assert_eq!(clock.unix_millis(), 1_000);
    clock.advance(Duration::from_millis(5));
    clock.sleep(Duration::from_secs(3_600));
    assert_eq!(clock.now(), Duration::from_millis(3_600_005));
    assert_eq!(clock.unix_millis(), 3_601_005);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Duration::from_nanos(u64::MAX), "it stops at the end instead of wrapping");
}

#[test]
fn system_clock_never_goes_back() {
    let clock = SystemClock::new();
    let first = clock.now();
    assert!(clock.now() >= first);
    // 2020 is past on every machine that runs this.
    assert!(clock.unix_millis() > ManualClock::default().unix_millis());
}

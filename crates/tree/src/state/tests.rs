//! The register of snapshots and the watermark: INV-VIEW-1 to INV-VIEW-3.

use super::Snapshots;
use crate::history::History;

fn snapshots() -> Snapshots {
    Snapshots::new(History::new(0, 0, None, (0, 0)))
}

#[test]
fn the_watermark_is_capped_by_what_is_visible_and_only_rises() {
    let snapshots = snapshots();
    assert_eq!(snapshots.raise(100, 40).watermark, 40);
    assert_eq!(snapshots.raise(10, 50).watermark, 40, "it never falls");
    assert_eq!(snapshots.raise(u64::MAX, 60).watermark, 60);
}

#[test]
fn live_snapshots_below_the_watermark_are_named_to_whoever_drops() {
    let snapshots = snapshots();
    for bound in [10, 30, 30, 70] {
        snapshots.hold(bound).unwrap();
    }
    let horizon = snapshots.raise(50, 50);
    assert_eq!((horizon.watermark, horizon.snapshots), (50, vec![10, 30]));
    snapshots.release(30);
    assert_eq!(snapshots.raise(50, 50).snapshots, vec![10, 30], "two guards held 30");
    snapshots.release(30);
    snapshots.release(10);
    assert_eq!(snapshots.raise(90, 90).snapshots, vec![70]);
}

#[test]
fn a_snapshot_below_the_watermark_is_refused_unless_another_holds_that_bound() {
    let snapshots = snapshots();
    snapshots.hold(10).unwrap();
    snapshots.raise(50, 50);
    assert!(snapshots.hold(20).is_err());
    assert_eq!(snapshots.hold(10).unwrap(), 10);
    assert_eq!(snapshots.hold(50).unwrap(), 50);
    assert!(snapshots.is_live(10) && !snapshots.is_live(20));
    assert_eq!(snapshots.count(), (3, Some(10)));
}

//! The register of snapshots and the watermark: INV-VIEW-1 to INV-VIEW-3.

use super::Snapshots;
use crate::history::History;

fn snapshots() -> Snapshots {
    Snapshots::new(History::new(0, 0, None, (0, 0)))
}

#[test]
fn the_watermark_is_capped_by_what_is_visible_and_only_rises() {
    let snapshots = snapshots();
    assert_eq!(snapshots.raise(100, 40, 0).watermark, 40);
    assert_eq!(snapshots.raise(10, 50, 0).watermark, 40, "it never falls");
    assert_eq!(snapshots.raise(u64::MAX, 60, 0).watermark, 60);
}

#[test]
fn live_snapshots_below_the_watermark_are_named_to_whoever_drops() {
    let snapshots = snapshots();
    for bound in [10, 30, 30, 70] {
        snapshots.hold(bound, 0).unwrap();
    }
    let horizon = snapshots.raise(50, 50, 0);
    assert_eq!((horizon.watermark, horizon.snapshots), (50, vec![10, 30]));
    snapshots.release(30, 0);
    assert_eq!(snapshots.raise(50, 50, 0).snapshots, vec![10, 30], "two guards held 30");
    snapshots.release(30, 0);
    snapshots.release(10, 0);
    assert_eq!(snapshots.raise(90, 90, 0).snapshots, vec![70]);
}

#[test]
fn a_snapshot_below_the_watermark_is_refused_unless_another_holds_that_bound() {
    let snapshots = snapshots();
    snapshots.hold(10, 0).unwrap();
    snapshots.raise(50, 50, 0);
    assert!(snapshots.hold(20, 0).is_err());
    assert_eq!(snapshots.hold(10, 0).unwrap(), (10, 0));
    assert_eq!(snapshots.hold(50, 0).unwrap(), (50, 0));
    assert!(snapshots.is_live(10) && !snapshots.is_live(20));
    assert_eq!(snapshots.count(), (3, Some(10)));
}

/// INV-TTL-2: what is expired for a job is so for every live snapshot.
#[test]
fn a_job_goes_by_the_earliest_time_of_a_live_snapshot() {
    let snapshots = snapshots();
    assert_eq!(snapshots.raise(10, 10, 100).expired_at, 100, "without one by the clock");
    snapshots.hold(20, 200).unwrap();
    snapshots.hold(20, 150).unwrap();
    snapshots.hold(30, 180).unwrap();
    assert_eq!(snapshots.raise(15, 15, 300).expired_at, 150);
    assert_eq!(snapshots.time_at(20), Some(150), "the earliest of those at the bound");
    snapshots.release(20, 150);
    assert_eq!((snapshots.time_at(20), snapshots.time_at(30)), (Some(200), Some(180)));
    assert_eq!(snapshots.raise(15, 15, 300).expired_at, 180);
    snapshots.release(30, 180);
    snapshots.release(20, 200);
    assert_eq!((snapshots.time_at(20), snapshots.count()), (None, (0, None)));
    assert_eq!(snapshots.raise(15, 15, 300).expired_at, 300);
}

/// INV-TTL-2: a clock that was set back takes no snapshot to where a job has been.
#[test]
fn no_snapshot_is_registered_before_what_a_job_let_go() {
    let snapshots = snapshots();
    snapshots.raise(10, 10, 500);
    assert_eq!(snapshots.hold(20, 400).unwrap(), (20, 500));
    assert_eq!(snapshots.hold(20, 600).unwrap(), (20, 600));
}

/// Everybody reads at the maximum: a snapshot there sets no time for others.
#[test]
fn a_snapshot_at_the_maximum_sets_no_time_for_reads_of_the_latest() {
    let snapshots = snapshots();
    snapshots.hold(u64::MAX, 5).unwrap();
    assert_eq!(snapshots.time_at(esker_mem::seqno::MAX_SEQNO), None);
}

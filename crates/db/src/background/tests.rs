//! Who may start when.

use super::*;

#[test]
fn one_thread_is_always_free_for_flushes_and_level_zero() {
    // INV-LIFE-4
    assert!(may_go_deeper(2, 0, 0));
    assert!(!may_go_deeper(2, 1, 1), "the second thread stays free");
    assert!(may_go_deeper(2, 1, 0), "beside a flush");
    assert!(may_go_deeper(4, 2, 2) && !may_go_deeper(4, 3, 3));
    assert!(may_go_deeper(1, 0, 0) && !may_go_deeper(1, 1, 0), "one thread does one thing");
}

/// A load that ended with `wait_until_idle` was left with six runs in level 0: the write just before it told the timer that
/// the database is not quiet.
#[test]
fn a_write_just_before_does_not_keep_the_trees_from_settling() {
    let mut jobs = Jobs { settlers: 1, ..Jobs::default() };
    assert!(jobs.may_settle(), "the timer has seen that somebody writes");
    jobs.level_zero = 1;
    assert!(!jobs.may_settle(), "something else runs");
    assert!(!Jobs::default().may_settle());
    assert!(Jobs { is_quiet: true, ..Jobs::default() }.may_settle());
}

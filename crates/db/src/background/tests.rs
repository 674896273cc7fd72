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

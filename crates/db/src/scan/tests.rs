//! Where a prefix ends.

use super::*;

#[test]
fn a_prefix_ends_before_the_next_one() {
    let upper = |prefix: &[u8]| prefix_range(prefix).1;
    assert_eq!(upper(b"ab"), Bound::Excluded(b"ac".to_vec()));
    assert_eq!(upper(b"a\xff\xff"), Bound::Excluded(b"b".to_vec()));
    assert_eq!(upper(b"\xff"), Bound::Unbounded);
    assert_eq!(upper(b""), Bound::Unbounded);
    assert_eq!(prefix_range(b"ab").0, Bound::Included(b"ab".to_vec()));
}

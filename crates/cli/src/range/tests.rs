//! Prefixes end where they should.

use std::ops::Bound;

use super::KeyRange;

#[test]
fn a_prefix_ends_before_its_successor() {
    let end = |prefix: &[u8]| KeyRange::of_prefix(prefix.to_vec()).to;
    assert_eq!(end(b"user:"), Bound::Excluded(b"user;".to_vec()));
    assert_eq!(end(b"a\xff\xff"), Bound::Excluded(b"b".to_vec()));
    assert_eq!(end(b"\xff\xff"), Bound::Unbounded);
    assert_eq!(end(b""), Bound::Unbounded);
}

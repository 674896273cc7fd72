//! Counting and refusing.

use super::*;
use crate::error::ErrorKind;

const ONE: KeyspaceId = KeyspaceId(1);
const TWO: KeyspaceId = KeyspaceId(2);

#[test]
fn shares_are_counted_per_keyspace() {
    let mut operations = Operations::default();
    operations.push(ONE, Operation::Put, b"a", b"12");
    operations.push(TWO, Operation::Delete, b"bcd", b"");
    operations.push(ONE, Operation::Put, b"", b"");
    assert_eq!(operations.count, 3);
    assert_eq!(
        operations.shares,
        [
            Share { id: ONE, entries: 2, key_value_bytes: 3 },
            Share { id: TWO, entries: 1, key_value_bytes: 3 }
        ]
    );
}

#[test]
fn the_first_refusal_is_reported_and_nothing_after_it_counts() {
    let mut operations = Operations::default();
    operations.push(ONE, Operation::Put, &[0; MAX_KEY_BYTES], b"longest legal key");
    assert!(operations.check(1 << 20).is_ok());
    operations.push(ONE, Operation::Put, &[0; MAX_KEY_BYTES + 1], b"");
    operations.push(ONE, Operation::Put, b"good", b"");
    let refused = operations.check(1 << 20);
    assert!(matches!(refused, Err(Error::KeyTooLong { len: 65_536 })));
    operations.clear();
    assert!(operations.check(1 << 20).is_ok());
}

#[test]
fn a_batch_has_a_limit_that_a_single_value_may_pass() {
    // INV-COMMIT-9
    let mut operations = Operations::default();
    operations.push(ONE, Operation::Put, b"k", &[7; 1000]);
    assert!(operations.check(100).is_ok());
    operations.push(ONE, Operation::Put, b"l", b"");
    assert_eq!(operations.check(100).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
}

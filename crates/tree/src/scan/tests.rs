//! The range of a prefix.

use std::ops::{Bound, RangeBounds};

use esker_mem::slice::Slice;

use super::prefix_range;

#[test]
fn the_range_of_a_prefix_holds_the_keys_that_begin_with_it_and_no_others() {
    let prefixes: [&[u8]; 6] = [b"", b"a", b"a\xff", b"\xff", b"\xff\xff", b"ab"];
    let keys: [&[u8]; 9] = [b"", b"a", b"a\xff", b"a\xff\xff", b"ab", b"abc", b"b", b"\xff", b"\xff\xff\xff"];
    for prefix in prefixes {
        let range = prefix_range(prefix);
        for key in keys {
            assert_eq!(range.contains(&Slice::new(key)), key.starts_with(prefix), "{key:?} and {prefix:?}");
        }
    }
    assert_eq!(prefix_range(b"a\xff").1, Bound::Excluded(Slice::new(b"b")));
}

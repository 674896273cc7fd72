//! Crates are counted once, and ours not at all.

use crate::footprint::third_party;

#[test]
fn crates_of_others_count_once() {
    let tree = "footprint v0.0.0\nesker v0.1.0\nesker-tree v0.1.0\nrustix v1.1.6\nbitflags v2.13.2\nrustix v1.1.6 (*)\n";
    assert_eq!(third_party(tree), 2);
}

//! Range tombstones: what decodes is in order, and encodes to what was read.

#![no_main]

use esker_format::range_tombstones::{RangeTombstones, RangeTombstonesBuilder};
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let order = KeyOrder::Bytes;
    let Ok(tombstones) = RangeTombstones::decode(&Slice::new(data), &order) else { return };
    let mut builder = RangeTombstonesBuilder::new();
    for fragment in tombstones.fragments() {
        let seqnos = tombstones.seqnos(fragment);
        assert_eq!(tombstones.newest_covering(&fragment.start, u64::MAX, &order), seqnos.first().copied());
        builder.add(&fragment.start, &fragment.end, seqnos);
    }
    let mut out = Vec::new();
    builder.finish(&mut out);
    let again = RangeTombstones::decode(&Slice::from(out), &order).unwrap();
    assert_eq!(again.fragments(), tombstones.fragments());
});

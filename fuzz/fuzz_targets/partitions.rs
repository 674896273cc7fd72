//! Directories of partitions: what decodes has its partitions, and can be searched.

#![no_main]

use esker_format::partitions::Partitions;
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(partitions) = Partitions::decode(&Slice::new(data)) else { return };
    let directory = partitions.directory();
    assert_eq!(directory.len(), partitions.blocks().div_ceil(partitions.per_partition()));
    let mut separator = Vec::new();
    for at in 0..directory.len() {
        let _ = (directory.entry(at), partitions.blocks_of(at));
        directory.separator_into(at, &mut separator);
        assert!(directory.seek(&separator, &KeyOrder::Bytes).is_none_or(|found| found < directory.len()));
    }
});

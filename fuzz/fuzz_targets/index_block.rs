//! Indexes: what decodes can be searched.

#![no_main]

use esker_format::index_block::Index;
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(index) = Index::decode(Slice::new(data)) else { return };
    let mut separator = Vec::new();
    for ordinal in 0..index.len() {
        let _ = index.entry(ordinal);
        index.separator_into(ordinal, &mut separator);
        assert!(index.seek(&separator, &KeyOrder::Bytes).is_none_or(|found| found < index.len()));
    }
});

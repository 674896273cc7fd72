//! The cache keeps to its capacity, whatever is put in and however much of it is resident.

use std::sync::Arc;

use esker_format::data_block::DataBlock;
use esker_format::data_block::builder::DataBlockBuilder;
use esker_mem::kind::Kind;
use esker_mem::slice::Slice;

use super::{Cache, FileKey};

fn block(bytes: usize) -> DataBlock {
    let mut builder = DataBlockBuilder::new(true);
    builder.add(b"key", 1, Kind::Put, &vec![0; bytes]);
    let mut payload = Vec::new();
    builder.finish(&mut payload);
    DataBlock::decode(Slice::from(payload)).unwrap()
}

fn fill(cache: &Cache) {
    let file = FileKey::next();
    for offset in 0..2000 {
        cache.insert(file, offset, block(8 << 10));
        let stats = cache.stats();
        assert!(stats.block_bytes + stats.resident_bytes <= stats.capacity_bytes, "{stats:?}");
    }
}

#[test]
fn blocks_and_resident_metadata_together_stay_within_the_capacity() {
    let cache = Arc::new(Cache::with_capacity_bytes(4 << 20));
    fill(&cache);
    let full = cache.stats().block_bytes;
    assert!(full > 3 << 20, "{full}");
    let resident = cache.hold_resident(3 << 20);
    assert!(cache.stats().block_bytes <= 1 << 20);
    fill(&cache);
    drop(resident);
    fill(&cache);
    assert!(cache.stats().block_bytes > 3 << 20);
    cache.set_capacity_bytes(1 << 20);
    assert!(cache.stats().block_bytes <= 1 << 20);
}

#[test]
fn a_block_is_found_by_its_file_and_offset_alone() {
    let cache = Cache::with_capacity_bytes(4 << 20);
    let (one, other) = (FileKey::next(), FileKey::next());
    cache.insert(one, 7, block(10));
    assert!(cache.get(one, 7).is_some());
    assert!(cache.get(one, 8).is_none() && cache.get(other, 7).is_none());
}

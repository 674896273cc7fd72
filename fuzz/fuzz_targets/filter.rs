//! Filters of every kind: what decodes can be asked; what is built from the input denies nothing of it.

#![no_main]

use esker_format::filter::Filter;
use esker_format::filter::bloom::BloomBuilder;
use esker_mem::slice::Slice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(filter) = Filter::decode(Slice::new(data)) {
        let _ = (filter.may_contain(0), filter.may_contain(u64::MAX));
    }
    let (hashes, _) = data.as_chunks::<8>();
    let mut builder = BloomBuilder::new(f32::from(data.first().copied().unwrap_or(10)));
    hashes.iter().for_each(|hash| builder.add_hash(u64::from_le_bytes(*hash)));
    let mut payload = Vec::new();
    builder.finish(&mut payload);
    let filter = Filter::decode(Slice::from(payload)).unwrap();
    assert!(hashes.iter().all(|hash| filter.may_contain(u64::from_le_bytes(*hash))));
});

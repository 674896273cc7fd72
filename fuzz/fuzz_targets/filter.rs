//! Filters of every kind: what decodes can be asked; what is built from the input denies nothing of it.

#![no_main]

use esker_format::filter::bloom::BloomBuilder;
use esker_format::filter::burr::BurrBuilder;
use esker_format::filter::{Filter, FilterBuilder};
use esker_mem::slice::Slice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(filter) = Filter::decode(Slice::new(data)) {
        for n in 0..64u64 {
            let _ = filter.may_contain(n.wrapping_mul(0x0421_0842_1084_2108));
        }
        let _ = filter.may_contain(u64::MAX);
    }
    let (hashes, _) = data.as_chunks::<8>();
    let width = data.first().copied().unwrap_or(10);
    for mut builder in [
        FilterBuilder::Bloom(BloomBuilder::new(f32::from(width))),
        FilterBuilder::Burr(BurrBuilder::new(width % 20)),
    ] {
        hashes.iter().for_each(|hash| builder.add_hash(u64::from_le_bytes(*hash)));
        let mut payload = Vec::new();
        builder.finish(&mut payload);
        let filter = Filter::decode(Slice::from(payload)).unwrap();
        assert_eq!(filter.kind_id(), builder.kind_id());
        assert!(hashes.iter().all(|hash| filter.may_contain(u64::from_le_bytes(*hash))));
    }
});

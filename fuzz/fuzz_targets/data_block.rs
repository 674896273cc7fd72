//! Data blocks: what decodes can be read in every way.

#![no_main]

use esker_format::data_block::DataBlock;
use esker_format::expiry::is_sound;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::slice::Slice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(block) = DataBlock::decode(Slice::new(data)) else { return };
    let order = KeyOrder::Bytes;
    let (mut key, mut walked) = (Vec::new(), Vec::new());
    block.key_into(0, &mut walked);
    for index in 0..block.len() {
        block.key_into(index, &mut key);
        block.suffix_into(&block.entry(index), &mut walked);
        assert_eq!(key, walked);
        assert_eq!(block.value(index), block.value_slice(index).as_bytes());
        assert!(block.kind(index) != Kind::ExpiringPut || is_sound(block.value(index)));
        let _ = (block.seqno(index), block.kind(index), block.same_key_as_previous(index, &order));
        assert!(block.lower_bound(&key, &order) <= block.len());
        assert!(block.upper_bound(&key, &order) <= block.len());
        assert!(block.find(&key, 1 << 20, &order).is_none_or(|found| found < block.len()));
    }
    if block.verify_order(&order).is_ok() {
        // In a sorted block every entry is found; of operands with one number the first.
        for index in 0..block.len() {
            block.key_into(index, &mut key);
            let found = block.find(&key, block.seqno(index) + 1, &order).expect("is there");
            block.key_into(found, &mut walked);
            assert_eq!((&walked, block.seqno(found)), (&key, block.seqno(index)));
            assert!(found == index || (found < index && block.kind(index) == Kind::Merge));
        }
    }
});

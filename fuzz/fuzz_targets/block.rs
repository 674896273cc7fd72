//! The envelope: raw bytes, and bytes with a checksum made to fit, so that what is behind it is reached too.

#![no_main]

use esker_format::block::{BlockType, decode_block, encode_block};
use esker_format::checksum::checksum64;
use esker_format::codec::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    assert!(decode_block(BlockType::Data, data.to_vec(), 0).is_err() || data.len() >= 20);
    let mut forged = data.to_vec();
    forged.extend(checksum64(data).to_le_bytes());
    let _ = decode_block(BlockType::Data, forged, 0);
    for codec in [Codec::None, Codec::Lz4] {
        let mut stored = Vec::new();
        encode_block(BlockType::Data, data, codec, &mut stored);
        assert_eq!(&decode_block(BlockType::Data, stored, 0).unwrap()[..], data);
    }
});

use super::*;
use crate::block::encode_block;
use crate::checksum::checksum64;
use crate::codec::Codec;

fn of(checksums: &[u64], footer: [u8; FOOTER_BYTES]) -> u64 {
    let mut sum = TableChecksum::default();
    for checksum in checksums {
        sum.add_block(&checksum.to_le_bytes());
    }
    sum.finish(&footer)
}

/// The example of the module, and the list in one piece.
#[test]
fn the_example_is_as_the_text_says() {
    let mut list = Vec::from([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    list.extend([0; FOOTER_BYTES]);
    let sum = of(&[1, 2], [0; FOOTER_BYTES]);
    assert_eq!(sum, checksum64(&list));
    assert_eq!(sum.to_le_bytes(), [0x0c, 0x2e, 0x57, 0x49, 0xfb, 0x97, 0x10, 0xce]);
}

#[test]
fn every_block_counts_in_its_place_and_the_footer_too() {
    let usual = of(&[1, 2, 3], [0; FOOTER_BYTES]);
    let mut footer = [0; FOOTER_BYTES];
    footer[87] = 1;
    for other in [
        of(&[1, 3, 2], [0; FOOTER_BYTES]),
        of(&[1, 2], [0; FOOTER_BYTES]),
        of(&[1, 2, 3], footer),
        of(&[], footer),
    ] {
        assert_ne!(other, usual);
    }
}

#[test]
fn of_a_block_its_own_checksum_is_taken() {
    let mut block = Vec::new();
    encode_block(BlockType::Data, b"payload", Codec::None, &mut block);
    let (covered, checksum) = block.split_at(block.len() - 8);
    assert_eq!(checksum64(covered).to_le_bytes(), checksum);
    let mut sum = TableChecksum::default();
    sum.add_block(&block);
    assert_eq!(sum.finish(&[0; FOOTER_BYTES]), of(&[checksum64(covered)], [0; FOOTER_BYTES]));
}

fn at(offset: u64, len: u64) -> BlockHandle {
    BlockHandle { offset, len }
}

#[test]
fn blocks_come_in_order_without_gaps() {
    let footer = Footer {
        index: Some(at(300, 50)),
        filter: Some(at(250, 50)),
        range_tombstones: None,
        properties: at(350, 50),
    };
    let blocks = blocks_in_order(&footer, [at(0, 100), at(100, 150)], &[], 400).unwrap();
    let types: Vec<_> = blocks.iter().map(|(ty, handle)| (*ty, handle.offset)).collect();
    let expected = [
        (BlockType::Data, 0),
        (BlockType::Data, 100),
        (BlockType::Filter, 250),
        (BlockType::Index, 300),
        (BlockType::Properties, 350),
    ];
    assert_eq!(types, expected);
    for data in
        [vec![at(0, 100)], vec![at(0, 100), at(100, 149)], vec![at(0, 100), at(99, 151)], vec![at(1, 249)]]
    {
        assert!(blocks_in_order(&footer, data.clone(), &[], 400).is_err(), "{data:?}");
    }
    assert!(blocks_in_order(&footer, [at(0, 250)], &[], 401).is_err());
    let partitions = [(BlockType::Filter, at(150, 50)), (BlockType::Filter, at(200, 50))];
    let blocks = blocks_in_order(&footer, [at(0, 150)], &partitions, 400).unwrap();
    assert_eq!(blocks[1..3], partitions);
    assert!(blocks_in_order(&footer, [at(0, 150)], &partitions[..1], 400).is_err());
    assert!(blocks_in_order(&footer, [at(0, u64::MAX), at(100, u64::MAX)], &[], 400).is_err());
}

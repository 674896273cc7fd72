use super::*;
use crate::test_bytes::{damaged, example};
use esker_mem::comparator::KeyOrder;

fn build(partitions: u64, blocks: u32, per_partition: u32) -> Vec<u8> {
    let mut directory = IndexBuilder::new(true);
    for at in 0..partitions {
        let handle = BlockHandle { offset: at * 1000, len: 900 };
        directory.add(format!("key{:04}", at * 10).as_bytes(), handle, at);
    }
    let mut out = Vec::new();
    Partitions::encode(&mut directory, blocks, per_partition, &mut out);
    out
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../partitions.rs"));
    let mut directory = IndexBuilder::new(true);
    directory.add(b"m", BlockHandle { offset: 0, len: 100 }, 5);
    let mut out = Vec::new();
    Partitions::encode(&mut directory, 1, 512, &mut out);
    assert_eq!(out, golden, "{out:02x?}");
    let partitions = Partitions::decode(&Slice::new(&golden)).unwrap();
    assert_eq!((partitions.blocks(), partitions.per_partition(), partitions.blocks_of(0)), (1, 512, 1));
    assert_eq!(partitions.directory().seek(b"m", &KeyOrder::Bytes), Some(0));
}

#[test]
fn partitions_are_found_and_counted() {
    let payload = build(4, 35, 10);
    assert!(Partitions::is_index(&payload) && Partitions::is_filter(&payload));
    let partitions = Partitions::decode(&Slice::new(&payload)).unwrap();
    let sizes: Vec<_> = (0..6).map(|partition| partitions.blocks_of(partition)).collect();
    assert_eq!(sizes, [10, 10, 10, 5, 0, 0]);
    assert_eq!(partitions.directory().seek(b"key0015", &KeyOrder::Bytes), Some(2));
    assert_eq!(partitions.directory().entry(2).handle, BlockHandle { offset: 2000, len: 900 });
    assert!(partitions.memory_bytes() > payload.len());
}

/// What is of another kind is not taken for a directory, and a directory not for what it is none of.
#[test]
fn kinds_are_told_apart() {
    use crate::filter::bloom::BloomBuilder;
    use crate::filter::{Filter, FilterBuilder};
    let mut index = Vec::new();
    let mut builder = IndexBuilder::new(true);
    builder.add(b"m", BlockHandle { offset: 0, len: 100 }, 5);
    builder.finish(&mut index);
    let mut filter = Vec::new();
    FilterBuilder::Bloom(BloomBuilder::new(10.0)).finish(&mut filter);
    assert!(!Partitions::is_index(&index) && !Partitions::is_filter(&filter));
    let payload = Slice::from(build(1, 1, 1));
    assert!(Index::decode(payload.clone()).is_err() && Filter::decode(payload).is_err());
    for other in [index, filter, Vec::new()] {
        assert!(Partitions::decode(&Slice::from(other)).is_err());
    }
}

#[test]
fn counts_that_do_not_fit_are_refused() {
    for (partitions, blocks, per_partition) in [(3, 35, 10), (5, 35, 10), (1, 0, 1), (0, 0, 1), (1, 1, 0)] {
        let payload = build(partitions, blocks, per_partition);
        assert!(Partitions::decode(&Slice::from(payload)).is_err(), "{partitions} {blocks} {per_partition}");
    }
}

/// INV-FMT-1, INV-FMT-4
#[test]
fn damage_never_panics() {
    for sample in [build(1, 1, 512), build(3, 30, 10)] {
        damaged(&sample, |bytes| {
            let Ok(partitions) = Partitions::decode(&Slice::new(bytes)) else { return };
            let directory = partitions.directory();
            assert_eq!(directory.len(), partitions.blocks().div_ceil(partitions.per_partition()));
            let mut separator = Vec::new();
            for at in 0..directory.len() {
                directory.separator_into(at, &mut separator);
                let found = directory.seek(&separator, &KeyOrder::Bytes);
                assert!(found.is_none_or(|found| found < directory.len()));
                let _ = (directory.entry(at), partitions.blocks_of(at));
            }
        });
    }
}

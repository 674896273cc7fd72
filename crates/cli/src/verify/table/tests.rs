//! What checksums cannot see: tables whose every block is whole, and which are wrong all the same.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use esker_format::block::{BlockHandle, BlockType, encode_block};
use esker_format::checksum::key_hash;
use esker_format::codec::Codec;
use esker_format::data_block::builder::DataBlockBuilder;
use esker_format::filter::bloom::BloomBuilder;
use esker_format::index_block::builder::IndexBuilder;
use esker_format::properties::Properties;
use esker_format::table::Footer;
use esker_mem::kind::Kind;
use esker_mem::slice::Slice;
use esker_tree::{ByteOrder, Config, LevelPolicy, SequenceNumberCounter, SharedComparator, UserComparator};

use super::check;
use crate::inspect::table::TableFile;
use crate::verify::findings::Findings;

/// A table to be built, with places to lie in.
struct Planned {
    blocks: Vec<Vec<(&'static str, u64)>>,
    separators: Vec<&'static str>,
    highest_seqnos: Vec<u64>,
    hidden_from_filter: Option<&'static str>,
    bytes_between_blocks: usize,
    properties: Properties,
}

impl Planned {
    /// A sound one: two blocks.
    fn new() -> Self {
        let mut properties = Properties {
            comparator: "esker.bytes".to_owned(),
            format_version: 1,
            data_blocks: 2,
            smallest_key: Slice::new(b"a"),
            largest_key: Slice::new(b"d"),
            lowest_seqno: 2,
            highest_seqno: 9,
            ..Properties::default()
        };
        for _ in 0..4 {
            properties.count(Kind::Put, 1, 1);
        }
        Self {
            blocks: vec![vec![("a", 9), ("b", 5)], vec![("c", 4), ("d", 2)]],
            separators: vec!["b", "d"],
            highest_seqnos: vec![9, 4],
            hidden_from_filter: None,
            bytes_between_blocks: 0,
            properties,
        }
    }

    fn write(&self, path: &Path) {
        let (mut file, mut filter) = (Vec::new(), BloomBuilder::new(10.0));
        let mut index = IndexBuilder::new(true);
        for ((entries, separator), highest) in
            self.blocks.iter().zip(&self.separators).zip(&self.highest_seqnos)
        {
            let mut block = DataBlockBuilder::new(true);
            for (key, seqno) in entries {
                block.add(key.as_bytes(), *seqno, Kind::Put, b"v");
                if self.hidden_from_filter != Some(*key) {
                    filter.add_hash(key_hash(key.as_bytes()));
                }
            }
            let mut payload = Vec::new();
            block.finish(&mut payload);
            let handle = append(&mut file, BlockType::Data, &payload);
            index.add(separator.as_bytes(), handle, *highest);
            file.resize(file.len() + self.bytes_between_blocks, 0);
        }
        let mut payload = Vec::new();
        filter.finish(&mut payload);
        let filter = append(&mut file, BlockType::Filter, &payload);
        payload.clear();
        index.finish(&mut payload);
        let index = append(&mut file, BlockType::Index, &payload);
        payload.clear();
        self.properties.encode(&mut payload);
        let properties = append(&mut file, BlockType::Properties, &payload);
        let footer = Footer { index: Some(index), filter: Some(filter), range_tombstones: None, properties };
        file.extend_from_slice(&footer.encode());
        fs::write(path, file).unwrap();
    }
}

fn append(file: &mut Vec<u8>, ty: BlockType, payload: &[u8]) -> BlockHandle {
    let offset = file.len() as u64;
    let len = encode_block(ty, payload, Codec::None, file);
    BlockHandle { offset, len }
}

/// What `verify` says of the table after `change`, without the path.
fn said(change: impl FnOnce(&mut Planned)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("000001.table");
    let mut planned = Planned::new();
    change(&mut planned);
    planned.write(&path);
    let mut output = Vec::new();
    let mut findings = Findings::new(&mut output, true);
    assert!(check(&path, &mut findings).is_some());
    let problems = findings.finish().unwrap().0;
    let prefix = format!("{}: ", path.display());
    let text = String::from_utf8(output).unwrap();
    let lines: Vec<_> = text.lines().map(|line| line.strip_prefix(&prefix).unwrap().to_owned()).collect();
    assert_eq!(lines.len() as u64, problems);
    lines
}

#[track_caller]
fn finds(rule: &str, change: impl FnOnce(&mut Planned)) {
    let lines = said(change);
    assert!(lines.iter().any(|line| line.contains(rule)), "nobody says {rule:?}: {lines:?}");
}

#[test]
fn a_sound_table_has_no_findings() {
    assert_eq!(said(|_| {}), Vec::<String>::new());
}

#[test]
fn order_across_blocks() {
    finds("entries ascend from block to block", |planned| {
        planned.blocks.swap(0, 1);
        planned.highest_seqnos.swap(0, 1);
    });
    finds("entries ascend from block to block", |planned| planned.blocks[1][0] = ("b", 5));
    // The versions of one key may go on in the next block, newest first.
    assert_eq!(said(|planned| planned.blocks[1][0] = ("b", 4)), Vec::<String>::new());
}

#[test]
fn separators_divide_the_blocks() {
    finds("a separator is not below the last key of its block", |planned| planned.separators[0] = "a");
    finds("a block begins after the separator before it", |planned| planned.separators[0] = "c");
}

#[test]
fn the_index_and_the_filter_know_their_blocks() {
    finds("the index has the highest seqno of each block", |planned| planned.highest_seqnos[1] = 3);
    finds("the filter knows every key", |planned| planned.hidden_from_filter = Some("c"));
    finds("data blocks follow each other without gaps", |planned| planned.bytes_between_blocks = 8);
}

#[test]
fn properties_are_true() {
    finds("properties say 5 entries, and there are 4", |planned| planned.properties.entries = 5);
    finds("properties say 1 tombstones, and there are 0", |planned| planned.properties.deletes = 1);
    finds("properties say 1 data blocks, and there are 2", |planned| planned.properties.data_blocks = 1);
    finds("bounds of sequence numbers", |planned| planned.properties.highest_seqno = 8);
    finds("another largest key", |planned| planned.properties.largest_key = Slice::new(b"e"));
}

/// Descending byte order.
struct Backwards;

impl UserComparator for Backwards {
    fn name(&self) -> &str {
        "test.backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        b.cmp(a)
    }
}

#[test]
fn a_table_in_partitions_is_checked_like_a_whole_one() {
    for order in [Arc::new(ByteOrder) as SharedComparator, Arc::new(Backwards)] {
        let folder = tempfile::tempdir().unwrap();
        let seqno = SequenceNumberCounter::default();
        let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default())
            .comparator(order)
            .data_block_size_policy(LevelPolicy::all(256))
            .index_block_partitioning_policy(LevelPolicy::all(true))
            .filter_block_partitioning_policy(LevelPolicy::all(true))
            .partition_blocks(16)
            .open()
            .unwrap();
        for i in 0..3000 {
            tree.insert(format!("key{i:04}"), "a value", seqno.next()).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
        let path = tree.tables()[0].path.clone();
        drop(tree);
        let problems_of = |path: &Path| {
            let mut output = Vec::new();
            let mut findings = Findings::new(&mut output, true);
            let facts = check(path, &mut findings);
            (facts.map(|facts| facts.entries), findings.finish().unwrap().0)
        };
        assert_eq!(problems_of(&path), (Some(3000), 0));
        // Partitions lie behind the data blocks, up to the directory.
        let table = TableFile::open(&path).unwrap();
        let blocks = table.index().unwrap().unwrap();
        let partitions_at = blocks.entry(blocks.len() - 1).handle.end().unwrap();
        assert!(table.filter().unwrap().unwrap().filters().len() > 5);
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(partitions_at).unwrap() + 10] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(problems_of(&path).1, 1);
    }
}

//! Keys deleted one by one: scans step over them until they meet what they hide, which an idle tree sees to.

use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_tree::{CancelToken, Config, LevelPolicy, Leveled, SeqNo, SequenceNumberCounter, Tree};

fn tree() -> (Tree, SequenceNumberCounter) {
    let seqno = SequenceNumberCounter::default();
    let strategy = Leveled { target_table_bytes: 64 << 10, ..Leveled::default() };
    let tree = Config::new("tree", seqno.clone(), seqno.clone())
        .with_fs(MemFs::new())
        .data_block_size_policy(LevelPolicy::all(1 << 10))
        .compaction_strategy(Arc::new(strategy))
        .open()
        .unwrap();
    (tree, seqno)
}

/// Twenty thousand keys in tables, of which nearly half are deleted in another one.
fn half_deleted() -> (Tree, SequenceNumberCounter) {
    let (tree, seqno) = tree();
    for n in 0..20_000 {
        tree.insert(key(n), [n.to_le_bytes()[0]; 200], seqno.next()).unwrap();
    }
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(64 << 10, SeqNo::MAX).unwrap());
    for n in 100..9_000 {
        tree.remove(key(n), seqno.next()).unwrap();
    }
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    (tree, seqno)
}

fn key(n: u32) -> String {
    format!("key/{n:06}")
}

/// The blocks that a first scan of the deleted keys reads, to step over what is in them.
fn walked_blocks(tree: &Tree) -> u64 {
    let read = tree.metrics().blocks_read.get();
    assert_eq!(tree.range(key(100)..key(9_000), SeqNo::MAX).unwrap().count(), 0);
    tree.metrics().blocks_read.get() - read
}

#[test]
fn an_idle_tree_takes_deletions_to_what_they_hide_even_where_that_is_dear() {
    let (tree, _) = half_deleted();
    assert!(tree.run_count() <= 3, "few enough to be left alone otherwise");
    let before = walked_blocks(&tree);
    assert!(before > 1_000, "{before} blocks");
    assert!(tree.pick_compaction(false).is_none(), "writers come first");
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
    let after = walked_blocks(&tree);
    assert!(
        after < 8 && tree.tombstone_count() == 0,
        "{after} blocks, {} tombstones",
        tree.tombstone_count()
    );
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 11_100);
}

/// A scan that ends before many deleted keys does not step over them to find out that it has ended, be they deleted one by one,
/// or under a range delete of which they are no part.
#[test]
fn a_scan_does_not_step_over_deleted_keys_behind_its_end() {
    let (tree, seqno) = half_deleted();
    for step in 0..2 {
        let read = tree.metrics().blocks_read.get();
        assert_eq!(tree.range(key(0)..key(110), SeqNo::MAX).unwrap().count(), 100);
        assert_eq!(tree.range(key(0)..=key(110), SeqNo::MAX).unwrap().count(), 100);
        assert_eq!(tree.range(key(8_990)..key(9_010), SeqNo::MAX).unwrap().rev().count(), 10);
        assert_eq!(tree.range(key(200)..key(210), SeqNo::MAX).unwrap().count(), 0);
        assert_eq!(tree.range(key(8_000)..key(8_010), SeqNo::MAX).unwrap().rev().count(), 0);
        let read = tree.metrics().blocks_read.get() - read;
        assert!(read < 100, "{read} blocks, step {step}");
        // The same for scans that look at range deletes.
        tree.remove_range(key(15_000), key(15_001), seqno.next()).unwrap();
    }
    let mut range = tree.range(key(0)..key(110), SeqNo::MAX).unwrap();
    assert_eq!((range.by_ref().count(), range.next_back().is_none()), (100, true), "both ends have met");
}

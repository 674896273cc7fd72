//! Points in time: what a snapshot holds, and what is refused below the watermark.

use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_tree::{CancelToken, Config, Error, Leveled, SeqNo, SequenceNumberCounter, Tree};

fn tree(seqno: &SequenceNumberCounter, visible: &SequenceNumberCounter, fs: &Arc<MemFs>) -> Tree {
    let fs = Arc::clone(fs) as esker_env::fs::SharedFs;
    let strategy = Leveled { level_zero_trigger_runs: 2, ..Leveled::default() };
    Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(fs)
        .compaction_strategy(Arc::new(strategy))
        .open()
        .unwrap()
}

fn settle(tree: &Tree) {
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
}

/// INV-VIEW-1: a snapshot's versions survive flushes and compactions; they go when it goes.
#[test]
fn a_snapshot_keeps_what_it_sees_through_flush_and_compaction() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = tree(&seqno, &visible, &Arc::new(MemFs::new()));
    tree.insert("key", "one", seqno.next()).unwrap();
    tree.insert("gone", "value", seqno.next()).unwrap();
    let snapshot = tree.snapshot(seqno.get()).unwrap();
    for round in 0..4 {
        tree.insert("key", format!("round {round}"), seqno.next()).unwrap();
        tree.remove("gone", seqno.next()).unwrap();
        visible.set(seqno.get());
        tree.flush_active_memtable(SeqNo::MAX).unwrap();
        settle(&tree);
        assert_eq!(tree.get("key", snapshot.bound()).unwrap().as_deref(), Some(b"one".as_slice()));
        assert_eq!(tree.len(snapshot.bound()).unwrap(), 2);
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), 1);
    }
    let held = tree.tables().iter().map(|table| table.entries).sum::<u64>();
    drop(snapshot);
    tree.insert("key", "last", seqno.next()).unwrap();
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    settle(&tree);
    let left = tree.tables().iter().map(|table| table.entries).sum::<u64>();
    assert!(left < held, "{left} entries are left of {held}: nothing holds the old versions");
}

/// INV-VIEW-2, INV-VIEW-4: below the watermark reads and writes are refused, not answered wrongly.
#[test]
fn below_the_watermark_reads_and_writes_are_refused() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let fs = Arc::new(MemFs::new());
    let tree = tree(&seqno, &visible, &fs);
    for value in ["one", "two", "three"] {
        tree.insert("key", value, seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(matches!(tree.get("key", 1), Err(Error::SnapshotTooOld { bound: 1, watermark: 3 })));
    assert!(matches!(tree.range::<&str>(.., 2).err(), Some(Error::SnapshotTooOld { .. })));
    assert!(matches!(tree.snapshot(2), Err(Error::SnapshotTooOld { .. })));
    assert!(matches!(tree.insert("key", "late", 2), Err(Error::SeqnoTooOld { seqno: 2, watermark: 3 })));
    assert_eq!(tree.get("key", 3).unwrap().as_deref(), Some(b"three".as_slice()));
    drop(tree);
    let tree = self::tree(&seqno, &visible, &fs);
    assert!(
        matches!(tree.get("key", 1), Err(Error::SnapshotTooOld { .. })),
        "the watermark survives a reopen"
    );
    assert_eq!(tree.get("key", 3).unwrap().as_deref(), Some(b"three".as_slice()));
}

/// The advice of a caller is capped by what is visible: what may still be read stays.
#[test]
fn nothing_that_is_not_visible_yet_is_collected() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = tree(&seqno, &visible, &Arc::new(MemFs::new()));
    tree.insert("key", "visible", seqno.next()).unwrap();
    visible.set(seqno.get());
    tree.insert("key", "not yet", seqno.next()).unwrap();
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    settle(&tree);
    assert_eq!(tree.get("key", visible.get()).unwrap().as_deref(), Some(b"visible".as_slice()));
}

/// An iterator shows one point in time, whatever happens to the tree meanwhile.
#[test]
fn an_iterator_outlives_flushes_compactions_and_the_files_that_it_reads() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = tree(&seqno, &visible, &Arc::new(MemFs::new()));
    for i in 0..2000 {
        tree.insert(format!("key{i:05}"), vec![b'v'; 100], seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(0).unwrap();
    let mut range = tree.iter(seqno.get()).unwrap();
    range.next().unwrap().key().unwrap();
    for i in 0..2000 {
        tree.remove(format!("key{i:05}"), seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    settle(&tree);
    assert!(tree.is_empty(SeqNo::MAX).unwrap());
    let rest: Vec<_> = range.map(|entry| entry.key().unwrap()).collect();
    assert_eq!(rest.len(), 1999);
}

/// INV-READ-2, INV-TREE-1: sequence numbers may cross between memtables: the answer is by number, not by place.
#[test]
fn numbers_that_arrive_out_of_order_are_read_in_order() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = tree(&seqno, &visible, &Arc::new(MemFs::new()));
    tree.insert("key", "newest", 9).unwrap();
    tree.remove("dead", 9).unwrap();
    tree.flush_active_memtable(0).unwrap();
    tree.insert("key", "late", 4).unwrap();
    tree.insert("dead", "late", 4).unwrap();
    assert_eq!(tree.get("key", SeqNo::MAX).unwrap().as_deref(), Some(b"newest".as_slice()));
    for _ in 0..2 {
        visible.set(20);
        settle(&tree);
        assert_eq!(tree.get("key", SeqNo::MAX).unwrap().as_deref(), Some(b"newest".as_slice()));
        assert_eq!(
            tree.get("dead", SeqNo::MAX).unwrap(),
            None,
            "the older put must not outlive its tombstone"
        );
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), 1);
        tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }
}

/// INV-FLUSH-3: nothing is installed before the caller's log is durable that far, and a failure there changes nothing.
#[test]
fn a_flush_waits_for_the_log_and_gives_up_if_it_fails() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = tree(&seqno, &visible, &Arc::new(MemFs::new()));
    for i in 0..10 {
        tree.insert(format!("key{i}"), "value", seqno.next()).unwrap();
    }
    tree.rotate_memtable();
    let failed = tree.flush_oldest(0, |highest| {
        assert_eq!((highest, tree.tables().len(), tree.replay_floor()), (9, 0, 0));
        Err(Error::Cancelled)
    });
    assert!(matches!(failed, Err(Error::Cancelled)));
    assert_eq!((tree.tables().len(), tree.len(SeqNo::MAX).unwrap()), (0, 10));
    let flushed = tree.flush_oldest::<Error>(0, |_| Ok(())).unwrap().unwrap();
    assert_eq!((flushed.entries, flushed.replay_floor), (10, 10));
    assert_eq!((tree.tables().len(), tree.len(SeqNo::MAX).unwrap()), (1, 10));
}

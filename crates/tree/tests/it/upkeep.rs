//! The flush lock, and counts of what there is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use esker_env::memory::MemFs;
use esker_tree::{Config, Error, SeqNo, SequenceNumberCounter, Tree};

fn tree() -> (Tree, SequenceNumberCounter) {
    let seqno = SequenceNumberCounter::default();
    let config = Config::new("tree", seqno.clone(), SequenceNumberCounter::default());
    (config.with_fs(MemFs::new()).open().unwrap(), seqno)
}

fn seal_one(tree: &Tree, seqno: &SequenceNumberCounter) {
    tree.insert("key", "value", seqno.next()).unwrap();
    assert!(tree.rotate_memtable());
}

#[test]
fn get_flush_lock_holds_off_every_flush_but_its_own() {
    let (tree, seqno) = tree();
    seal_one(&tree, &seqno);
    let lock = tree.get_flush_lock();
    let released = AtomicBool::new(false);
    let (began, begin) = mpsc::channel();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            began.send(()).unwrap();
            tree.flush_oldest::<Error>(0, |_| {
                assert!(released.load(Ordering::SeqCst), "flushed under the lock of another");
                Ok(())
            })
        });
        begin.recv().unwrap();
        for _ in 0..20 {
            seal_one(&tree, &seqno);
            let sealed = tree.sealed_memtable_count();
            let bytes = tree.flush(&lock, 0).unwrap().unwrap();
            assert!(bytes > 0 && sealed > 0);
            assert_eq!(tree.sealed_memtable_count(), 0);
        }
        seal_one(&tree, &seqno);
        released.store(true, Ordering::SeqCst);
        drop(lock);
        assert!(other.join().unwrap().unwrap().is_some());
    });
    let lock = tree.get_flush_lock();
    assert_eq!(tree.flush(&lock, 0).unwrap(), None, "nothing is sealed");
    let (stranger, _) = self::tree();
    assert!(matches!(stranger.flush(&lock, 0), Err(Error::ForeignLock)));
}

#[test]
fn counts_tell_what_there_is() {
    let (tree, seqno) = tree();
    assert_eq!((tree.level_count(), tree.run_count(), tree.table_count()), (7, 0, 0));
    assert_eq!((tree.filter_size(), tree.block_index_size(), tree.tombstone_count()), (0, 0, 0));
    assert_eq!((tree.get_highest_seqno(), tree.get_highest_memtable_seqno()), (None, None));
    for part in 0..3 {
        for i in 0..1000 {
            tree.insert(format!("key{part}{i:04}"), [7; 50], seqno.next()).unwrap();
        }
        tree.remove(format!("key{part}0000"), seqno.next()).unwrap();
        if part < 2 {
            tree.flush_active_memtable(0).unwrap();
        } else {
            tree.rotate_memtable();
        }
    }
    tree.remove("last", seqno.next()).unwrap();
    assert_eq!((tree.run_count(), tree.table_count(), tree.level_zero_runs()), (2, 2, 2));
    assert_eq!(
        (tree.level_table_count(0), tree.level_table_count(6), tree.level_table_count(7)),
        (Some(2), Some(0), None)
    );
    assert_eq!((tree.sealed_memtable_count(), tree.tombstone_count()), (1, 4));
    let tables = tree.tables();
    assert_eq!(tree.disk_space(), tables.iter().map(|table| table.size_bytes).sum::<u64>());
    assert_eq!(tree.filter_size(), tables.iter().map(|table| table.filter_bytes).sum::<u64>());
    assert_eq!(tree.block_index_size(), tables.iter().map(|table| table.index_bytes).sum::<u64>());
    assert!(tree.filter_size() > 2000 && tree.block_index_size() > 100);
    let last = seqno.get() - 1;
    assert_eq!((tree.get_highest_seqno(), tree.get_highest_memtable_seqno()), (Some(last), Some(last)));
    assert_eq!(tree.get_highest_persisted_seqno(), Some(2001));
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.major_compact(64 << 20, SeqNo::MAX).unwrap());
    assert_eq!((tree.run_count(), tree.table_count(), tree.level_table_count(6)), (1, 1, Some(1)));
    assert_eq!((tree.get_highest_seqno(), tree.get_highest_memtable_seqno()), (Some(last), None));
    assert_eq!(tree.get_highest_persisted_seqno(), Some(last));
}

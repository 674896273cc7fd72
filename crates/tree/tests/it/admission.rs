//! The storage limit, the writes that ask for room, backpressure, and the settings that change all that in an open tree.

use std::sync::Arc;
use std::time::Duration;

use esker_env::memory::MemFs;
use esker_tree::{
    AppendOperator, Backpressure, Config, Error, ErrorKind, RuntimeConfig, SeqNo, SequenceNumberCounter,
    StorageStatus, Threshold, Tree, WriteBatch,
};

fn config() -> (Config, SequenceNumberCounter) {
    let seqno = SequenceNumberCounter::default();
    let config = Config::new("tree", seqno.clone(), SequenceNumberCounter::default())
        .with_fs(MemFs::new())
        .with_merge_operator(Arc::new(AppendOperator::new(b",")));
    (config, seqno)
}

fn limited(bytes: u64) -> (Tree, SequenceNumberCounter) {
    let (config, seqno) = config();
    let mut runtime = RuntimeConfig::default();
    runtime.storage_limit_bytes = Some(bytes);
    (config.with_runtime_config(runtime).open().unwrap(), seqno)
}

/// Every write that asks.
fn tries(tree: &Tree, seqno: &SequenceNumberCounter) -> Vec<Result<(u64, u64), Error>> {
    let mut batch = WriteBatch::new();
    batch.insert("batch", "value");
    vec![
        tree.try_insert("insert", "value", seqno.next()),
        tree.try_remove("remove", seqno.next()),
        tree.try_remove_weak("weak", seqno.next()),
        tree.try_remove_range("range:a", "range:b", seqno.next()),
        tree.try_remove_prefix("prefix", seqno.next()),
        tree.try_merge("merge", "operand", seqno.next()),
        tree.try_apply_batch(batch, seqno.next()),
    ]
}

#[test]
fn try_writes_are_let_in_below_the_limit_and_refused_at_it() {
    let (tree, seqno) = limited(100 << 10);
    assert!(tries(&tree, &seqno).iter().all(Result::is_ok));
    assert!(tree.write_admission().is_ok() && !tree.is_read_only());
    assert!(tree.has_room_for(2, 50 << 10).is_ok());
    let refused = tree.has_room_for(2, 200 << 10).unwrap_err();
    assert!(matches!(refused, Error::StorageFull { limit: 102_400, .. }));
    assert!(tree.has_room_for(10_000, 0).is_err(), "entries take room beside their bytes");
    let too_much = tree.try_insert("key", vec![0; 200 << 10], seqno.next()).unwrap_err();
    assert!(matches!(too_much, Error::StorageFull { limit: 102_400, .. }), "{too_much}");
    assert_eq!(too_much.kind(), ErrorKind::NoSpace);
    let mut written = 0;
    while tree.try_insert(format!("key{written:05}"), [7; 1000], seqno.next()).is_ok() {
        written += 1;
    }
    assert!((80..=100).contains(&written), "{written} entries of 1000 bytes went into 100 KiB");
    tree.insert("unasked", vec![0; 10 << 10], seqno.next()).unwrap();
    let before = tree.storage_stats();
    for refused in tries(&tree, &seqno) {
        let Err(Error::StorageFull { used, limit }) = refused else { panic!("{refused:?}") };
        assert!(used >= limit);
    }
    assert!(tree.is_read_only() && tree.write_admission().is_err());
    assert_eq!(tree.storage_stats(), before, "what was refused has changed nothing");
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.is_read_only(), "tables count as memtables do");
    assert_eq!(tree.get("key00000", SeqNo::MAX).unwrap().as_deref(), Some([7; 1000].as_slice()));
}

#[test]
fn storage_stats_say_what_is_used_and_what_is_left() {
    let (config, seqno) = config();
    let tree = config.open().unwrap();
    let empty = tree.storage_stats();
    assert_eq!((empty.used, empty.entries, empty.mean_entry_bytes), (0, 0, 0));
    assert_eq!((empty.capacity, empty.available, empty.estimated_remaining_entries), (None, None, None));
    assert_eq!((empty.status, tree.storage_status()), (StorageStatus::Unlimited, StorageStatus::Unlimited));
    for i in 0..1000 {
        tree.insert(format!("key{i:05}"), [7; 92], seqno.next()).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    for i in 0..500 {
        tree.remove(format!("key{i:05}"), seqno.next()).unwrap();
    }
    tree.update_runtime_config(|config| config.storage_limit_bytes = Some(1 << 20));
    let stats = tree.storage_stats();
    assert_eq!((stats.tables, stats.entries, stats.tombstones), (1, 1500, 500));
    assert_eq!(stats.table_bytes, tree.disk_space());
    assert_eq!(stats.used, stats.table_bytes + stats.memtable_bytes);
    assert!(stats.table_bytes > 92_000 && stats.memtable_bytes > 4_000, "{stats:?}");
    assert_eq!(stats.available, Some((1 << 20) - stats.used));
    assert_eq!(stats.mean_entry_bytes, stats.used / 1500);
    assert_eq!(stats.estimated_remaining_entries, Some(stats.available.unwrap() / stats.mean_entry_bytes));
    for (limit, status) in [
        (Some(stats.used), StorageStatus::Full),
        (Some(stats.used + 1), StorageStatus::Low),
        (Some(stats.used * 2), StorageStatus::Ample),
        (Some(0), StorageStatus::Full),
        (None, StorageStatus::Unlimited),
    ] {
        tree.update_runtime_config(|config| config.storage_limit_bytes = limit);
        assert_eq!((tree.storage_status(), tree.storage_stats().status), (status, status), "{limit:?}");
    }
}

#[test]
fn update_runtime_config_changes_the_limit_and_the_admission_of_an_open_tree() {
    let (tree, seqno) = limited(0);
    assert!(tries(&tree, &seqno).iter().all(Result::is_err));
    tree.update_runtime_config(|config| config.storage_admission = false);
    assert!(tries(&tree, &seqno).iter().all(Result::is_ok), "nobody is asked");
    assert!(!tree.is_read_only());
    assert_eq!(tree.storage_stats().status, StorageStatus::Full, "the statistics go on");
    tree.update_runtime_config(|config| config.storage_admission = true);
    assert!(tries(&tree, &seqno).iter().all(Result::is_err));
    tree.update_runtime_config(|config| config.storage_limit_bytes = Some(1 << 20));
    assert!(tries(&tree, &seqno).iter().all(Result::is_ok));
    assert_eq!(tree.runtime_config().storage_limit_bytes, Some(1 << 20));
}

/// INV-RUNTIME-1: changes that come at once are made one after the other.
#[test]
fn update_runtime_config_loses_no_change() {
    let (tree, _) = limited(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    tree.update_runtime_config(|config| {
                        let limit = config.storage_limit_bytes.unwrap();
                        std::thread::yield_now();
                        config.storage_limit_bytes = Some(limit + 1);
                    });
                }
            });
        }
    });
    assert_eq!(tree.runtime_config().storage_limit_bytes, Some(8000));
}

#[test]
fn write_backpressure_follows_its_thresholds_as_they_change() {
    let (config, seqno) = config();
    let mut runtime = RuntimeConfig::default();
    runtime.backpressure.sealed_memtables = Threshold { slowdown: 1, stop: 3 };
    let tree = config.with_runtime_config(runtime).open().unwrap();
    let seal = || {
        tree.insert("key", "value", seqno.next()).unwrap();
        assert!(tree.rotate_memtable());
    };
    assert_eq!(tree.write_backpressure(), Backpressure::None);
    seal();
    let slow = |advice| match advice {
        Backpressure::Slowdown { suggested_delay } => suggested_delay,
        other => panic!("{other:?}"),
    };
    let first = slow(tree.write_backpressure());
    seal();
    let second = slow(tree.write_backpressure());
    assert!(first > Duration::ZERO && first < second && second <= Duration::from_millis(10));
    tree.update_runtime_config(|config| config.backpressure.max_delay = Duration::from_micros(50));
    assert_eq!(slow(tree.write_backpressure()), Duration::from_micros(50));
    seal();
    assert_eq!(tree.write_backpressure(), Backpressure::Stop);
    tree.update_runtime_config(|config| config.backpressure.sealed_memtables = Threshold::NEVER);
    assert_eq!(tree.write_backpressure(), Backpressure::None);
    for _ in 0..3 {
        tree.flush_oldest::<Error>(0, |_| Ok(())).unwrap();
    }
    tree.update_runtime_config(|config| {
        config.backpressure.level_zero_runs = Threshold { slowdown: 2, stop: 3 };
    });
    assert_eq!(tree.write_backpressure(), Backpressure::Stop, "three runs");
    tree.update_runtime_config(|config| {
        config.backpressure.level_zero_runs = Threshold::NEVER;
        config.backpressure.compaction_debt_bytes = Threshold { slowdown: 0, stop: u64::MAX };
    });
    assert_eq!(slow(tree.write_backpressure()), Duration::from_micros(1), "any debt is one");
}

#[test]
fn update_runtime_config_turns_zone_maps_off_and_on() {
    let (config, seqno) = config();
    let tree = config.open().unwrap();
    tree.set_feed_horizon(Some(0)).unwrap();
    for i in 0..5000 {
        tree.insert(format!("key{i:05}"), [7; 40], seqno.next()).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    let blocks: u64 = tree.tables().iter().map(|table| table.data_blocks).sum();
    let metrics = tree.metrics();
    let told = |since| {
        let before = metrics.feed_blocks_read.get();
        let events = tree.scan_since_seqno(since).map(Result::unwrap).count();
        (events, metrics.feed_blocks_read.get() - before)
    };
    assert_eq!(told(4999), (1, 1), "the last write lies in one block");
    tree.update_runtime_config(|config| config.zone_maps = false);
    assert_eq!(told(4999), (1, blocks), "every block is read, and the events are the same");
    tree.update_runtime_config(|config| config.zone_maps = true);
    assert_eq!(told(4999), (1, 1));
}

//! Settings of keyspaces: by level, and while they are open. Each shows its effect.

use std::sync::Arc;
use std::thread;

use esker::{
    BackpressureThresholds, Codec, Database, Durability, Error, ErrorKind, FilterPolicy, FilterPolicyEntry,
    Keyspace, KeyspaceOptions, LevelPolicy, StorageStatus, TableInfo, Threshold,
};
use esker_env::clock::{Clock, ManualClock};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;

const RECORDS: u32 = 20_000;

fn open(fs: &Arc<MemFs>) -> Database {
    Database::builder("/db")
        .fs(Arc::clone(fs) as Arc<dyn Fs>)
        .memory_budget(64 << 20)
        .background_threads(0)
        .open()
        .unwrap()
}

/// The table that a flush writes, and the one that a compaction of everything makes of it.
fn tables_of(options: KeyspaceOptions) -> [TableInfo; 2] {
    let db = open(&Arc::new(MemFs::new()));
    let keyspace = db.keyspace("records", options).unwrap();
    for i in 0..RECORDS {
        keyspace.put(format!("key{i:05}"), "a value that can be compressed a little, a little").unwrap();
    }
    db.flush().unwrap();
    let flushed = one_table(&keyspace);
    db.compact().unwrap();
    check(&keyspace);
    [flushed, one_table(&keyspace)]
}

fn one_table(keyspace: &Keyspace) -> TableInfo {
    let mut tables = keyspace.tables();
    assert_eq!(tables.len(), 1);
    tables.remove(0)
}

fn check(keyspace: &Keyspace) {
    assert_eq!(keyspace.len().unwrap(), RECORDS as usize);
    for i in (0..RECORDS).step_by(37) {
        assert!(keyspace.contains(format!("key{i:05}")).unwrap());
        assert!(!keyspace.contains(format!("key{i:05}a")).unwrap());
    }
}

/// Level 0 one way, all below another.
fn above_and_below<T>(above: T, below: T) -> LevelPolicy<T> {
    LevelPolicy::new([above, below])
}

#[test]
fn data_block_size_policy_differs_by_level() {
    let sizes = above_and_below(1 << 10, 16 << 10);
    let [above, below] = tables_of(KeyspaceOptions::new().data_block_size_policy(sizes));
    assert!(above.data_blocks > 10 * below.data_blocks, "{} {}", above.data_blocks, below.data_blocks);
    let [above, below] = tables_of(KeyspaceOptions::new().block_size_bytes(1 << 10));
    assert_eq!(above.data_blocks, below.data_blocks);
}

#[test]
fn compression_and_index_block_compression_policy_differ_by_level() {
    if !Codec::Lz4.is_available() {
        return;
    }
    let plain =
        || KeyspaceOptions::new().compression(LevelPolicy::all(Codec::None)).block_size_bytes(1 << 10);
    let [whole, whole_below] = tables_of(plain());
    let [above, below] = tables_of(plain().compression(above_and_below(Codec::None, Codec::Lz4)));
    assert_eq!(above.size_bytes, whole.size_bytes);
    assert!(below.size_bytes < whole_below.size_bytes / 2);
    let index = above_and_below(Codec::None, Codec::Lz4);
    let [above, below] = tables_of(plain().index_block_compression_policy(index));
    assert_eq!(above.size_bytes, whole.size_bytes);
    assert!(below.size_bytes < whole_below.size_bytes && below.index_bytes == whole_below.index_bytes);
}

#[test]
fn filter_policy_and_expect_point_read_hits_differ_by_level() {
    let bits = |bits_per_key| FilterPolicyEntry::Bloom { bits_per_key };
    let [above, below] =
        tables_of(KeyspaceOptions::new().filter_policy(FilterPolicy::new([bits(20.0), bits(5.0)])));
    assert!(above.filter_bytes > 3 * below.filter_bytes && below.filter_bytes > 0);
    let [above, below] = tables_of(KeyspaceOptions::new().expect_point_read_hits(true));
    assert!(above.filter_bytes > 0 && below.filter_bytes == 0);
}

#[test]
fn data_block_hash_ratio_policy_differs_by_level() {
    let none = || KeyspaceOptions::new().compression(LevelPolicy::all(Codec::None));
    let with = |ratio| none().data_block_hash_ratio_policy(ratio);
    let data_bytes = |ratio| tables_of(with(ratio)).map(|table| table.properties.data_bytes);
    let [above, below] = data_bytes(above_and_below(0.0, 1.0));
    let ([none_above, none_below], [all_above, _]) =
        (data_bytes(LevelPolicy::all(0.0)), data_bytes(LevelPolicy::all(1.0)));
    // A byte for each entry.
    let bytes = u64::from(RECORDS) / 2;
    assert!(above == none_above && above + bytes < all_above && none_below + bytes < below);
}

#[test]
fn pinning_policies_of_a_keyspace_say_what_its_tables_keep() {
    let pinned = |above, below| above_and_below(above, below);
    let [above, below] = tables_of(
        KeyspaceOptions::new()
            .index_block_pinning_policy(pinned(true, false))
            .filter_block_pinning_policy(pinned(false, true)),
    );
    assert_eq!((above.index_bytes > 0, above.filter_bytes > 0), (true, false));
    assert_eq!((below.index_bytes > 0, below.filter_bytes > 0), (false, true));
}

#[test]
fn partitioning_policies_of_a_keyspace_leave_directories_in_memory() {
    let not_pinned = || {
        let none = || LevelPolicy::all(false);
        KeyspaceOptions::new()
            .block_size_bytes(512)
            .index_block_pinning_policy(none())
            .filter_block_pinning_policy(none())
    };
    let [above, below] = tables_of(
        not_pinned()
            .index_block_partitioning_policy(above_and_below(false, true))
            .filter_block_partitioning_policy(above_and_below(true, false)),
    );
    assert_eq!((above.index_bytes > 0, above.filter_bytes > 0), (false, true));
    assert_eq!((below.index_bytes > 0, below.filter_bytes > 0), (true, false));
    // Smaller partitions have a larger directory.
    let in_parts = |blocks| {
        let options = not_pinned().index_block_partitioning_policy(LevelPolicy::all(true));
        tables_of(options.partition_blocks(blocks))[0].index_bytes
    };
    assert!(in_parts(16) > 4 * in_parts(256));
}

fn is_full(result: Result<(), Error>, name: &str, of: u64) -> bool {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    matches!(&error, Error::StorageFull { keyspace, limit, used } if keyspace == name && *limit == of && *used <= of)
}

#[test]
fn update_runtime_config_limits_the_storage_of_an_open_keyspace() {
    // INV-COMMIT-23
    let db = open(&Arc::new(MemFs::new()));
    let logs = db.keyspace("logs", KeyspaceOptions::new()).unwrap();
    let limit = 1 << 20;
    logs.put("before", vec![0; 600 << 10]).unwrap();
    logs.update_runtime_config(|config| config.storage_limit_bytes = Some(limit)).unwrap();
    assert!(is_full(logs.put("large", vec![0; 500 << 10]), "logs", limit));
    logs.put("small", vec![0; 1 << 10]).unwrap();
    assert_eq!(logs.storage_stats().capacity, Some(limit));
    // Another keyspace has no limit, but a batch is all or nothing.
    db.put("large", vec![0; 2 << 20]).unwrap();
    let mut batch = db.batch();
    batch.put("of the batch", "");
    batch.put_in(&logs, "1", vec![0; 300 << 10]);
    batch.put_in(&logs, "2", vec![0; 300 << 10]);
    assert!(is_full(db.write(batch), "logs", limit));
    assert_eq!((db.get("of the batch").unwrap(), logs.get("1").unwrap()), (None, None));
    // Deletes make room, alone and in a batch.
    logs.put("full", vec![0; 390 << 10]).unwrap();
    assert_eq!(logs.storage_stats().status, StorageStatus::Low);
    assert!(is_full(logs.put("more", vec![0; 40 << 10]), "logs", limit));
    let mut batch = db.batch();
    batch.put("of the batch", "");
    batch.delete_in(&logs, "full");
    db.write(batch).unwrap();
    logs.delete_range("b", "c").unwrap();
    db.flush().unwrap();
    db.compact().unwrap();
    logs.put("more", vec![0; 40 << 10]).unwrap();
    // Without admission the limit is only shown; without a limit nothing is.
    logs.update_runtime_config(|config| config.storage_admission = false).unwrap();
    logs.put("large", vec![0; 2 << 20]).unwrap();
    assert_eq!(logs.storage_stats().status, StorageStatus::Full);
    logs.update_runtime_config(|config| config.storage_admission = true).unwrap();
    assert!(is_full_now(&logs));
    logs.update_runtime_config(|config| config.storage_limit_bytes = None).unwrap();
    logs.put("small", "").unwrap();
    assert_eq!(logs.storage_stats().status, StorageStatus::Unlimited);
}

fn is_full_now(keyspace: &Keyspace) -> bool {
    matches!(keyspace.put("small", ""), Err(Error::StorageFull { .. }))
}

#[test]
fn runtime_config_is_what_a_keyspace_begins_with() {
    let fs = Arc::new(MemFs::new());
    let options = KeyspaceOptions::new()
        .runtime_config(|config| config.storage_limit_bytes = Some(10))
        .runtime_config(|config| config.zone_maps = false);
    let db = open(&fs);
    let keyspace = db.keyspace("small", options).unwrap();
    let config = keyspace.runtime_config();
    assert_eq!((config.storage_limit_bytes, config.zone_maps), (Some(10), false));
    // The number of sealed memtables is no matter: their memory is.
    assert_eq!(config.backpressure.sealed_memtables, Threshold::NEVER);
    let defaults = BackpressureThresholds::default();
    assert_eq!(config.backpressure.level_zero_runs, defaults.level_zero_runs);
    assert!(is_full_now(&keyspace));
    drop((keyspace, db));
    // It is not stored.
    open(&fs).keyspace("small", KeyspaceOptions::new()).unwrap().put("key", "a value").unwrap();
}

#[test]
fn update_runtime_config_of_a_keyspace_loses_no_change() {
    // INV-RUNTIME-1
    let db = open(&Arc::new(MemFs::new()));
    let keyspace = db.keyspace("counted", KeyspaceOptions::new()).unwrap();
    keyspace.update_runtime_config(|config| config.storage_limit_bytes = Some(0)).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let change = keyspace.update_runtime_config(|config| {
                        config.storage_limit_bytes = config.storage_limit_bytes.map(|bytes| bytes + 1);
                    });
                    change.unwrap();
                }
            });
        }
    });
    assert_eq!(keyspace.runtime_config().storage_limit_bytes, Some(400));
    db.drop_keyspace("counted").unwrap();
    let dropped = keyspace.update_runtime_config(|config| config.zone_maps = false);
    assert!(matches!(dropped, Err(Error::KeyspaceDropped { .. })));
}

#[test]
fn update_runtime_config_sets_when_writers_slow_down() {
    let clock = Arc::new(ManualClock::default());
    let db = Database::builder("/db")
        .fs(Arc::new(MemFs::new()))
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .memory_budget(64 << 20)
        .background_threads(0)
        .open()
        .unwrap();
    let keyspace = db.keyspace("slow", KeyspaceOptions::new()).unwrap();
    let write = || {
        for i in 0..100 {
            db.put_with(format!("key{i}"), vec![0; 10 << 10], Durability::Buffered).unwrap();
        }
        db.stats().slowed_down
    };
    keyspace.put("key", "value").unwrap();
    db.flush().unwrap();
    assert!(write().is_zero());
    // One run in level 0 is as far behind as can be.
    keyspace
        .update_runtime_config(|config| {
            config.backpressure.level_zero_runs = Threshold { slowdown: 0, stop: 1 };
        })
        .unwrap();
    let slowed = write();
    assert!(!slowed.is_zero());
    keyspace.update_runtime_config(|config| config.backpressure = BackpressureThresholds::default()).unwrap();
    assert_eq!(write(), slowed);
}

#[test]
fn zone_maps_say_whether_feeds_skip_blocks() {
    let fs = Arc::new(MemFs::new());
    let skipped = |zone_maps| {
        let db = open(&fs);
        let keyspace = db.default_keyspace();
        keyspace.update_runtime_config(|config| config.zone_maps = zone_maps).unwrap();
        let since = db.stats().visible_seqno - 1;
        let told = db.changes_since(since).map(|changes| changes.take(1).count());
        assert_eq!(told.ok(), Some(1));
        let counters = db.stats().keyspaces[0].counters.clone();
        counters.iter().find(|counter| counter.name == "feed_blocks_skipped").unwrap().value
    };
    let db = open(&fs);
    db.set_feed_horizon(Some(1)).unwrap();
    for i in 0..RECORDS {
        db.put(format!("key{i:05}"), "a value").unwrap();
    }
    db.flush().unwrap();
    drop(db);
    assert!(skipped(true) > 10);
    assert_eq!(skipped(false), 0);
}

//! What a tree says of itself: levels, tables, versions of a key, estimates of ranges, counters.

use std::sync::Arc;

use esker_env::fs::SharedFs;
use esker_env::memory::MemFs;
use esker_tree::{
    Cache, CancelToken, Config, Kind, LevelPolicy, Leveled, SeqNo, SequenceNumberCounter, Tree, VersionPlace,
};

use crate::model::Reversed;

fn config() -> Config {
    let seqno = SequenceNumberCounter::default();
    let strategy = Leveled { level_zero_trigger_runs: 2, ..Leveled::default() };
    Config::new("tree", seqno.clone(), seqno)
        .with_shared_fs(Arc::new(MemFs::new()) as SharedFs)
        .data_block_size_policy(LevelPolicy::all(1 << 10))
        .compaction_strategy(Arc::new(strategy))
}

fn settle(tree: &Tree) {
    while let Some(job) = tree.pick_compaction(true) {
        job.run(0, &CancelToken::default()).unwrap();
    }
}

/// Keys in a scattered order, so that every run covers the whole range.
fn key(i: u64) -> String {
    format!("key{:016x}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A part in the last level, one in level 0, a sealed memtable and the active one.
fn spread_over_places(config: Config, entries: u64) -> Tree {
    let tree = config.open().unwrap();
    for i in 0..entries {
        tree.insert(key(i), vec![b'v'; 40], i).unwrap();
        if i == entries * 6 / 10 {
            tree.flush_active_memtable(0).unwrap();
            tree.major_compact(256 << 10, 0).unwrap();
        } else if i == entries * 8 / 10 {
            tree.flush_active_memtable(0).unwrap();
        } else if i == entries * 9 / 10 {
            tree.rotate_memtable();
        }
    }
    tree
}

#[test]
fn level_segment_stats_add_up_to_the_tables() {
    let tree = spread_over_places(config(), 20_000);
    let (levels, tables) = (tree.level_segment_stats(), tree.tables());
    assert!(levels.iter().filter(|level| level.tables > 0).count() >= 2);
    for (at, level) in levels.iter().enumerate() {
        let of_level: Vec<_> = tables.iter().filter(|table| table.level == at).collect();
        assert_eq!((level.level, level.tables, level.segments.len()), (at, of_level.len(), of_level.len()));
        assert_eq!(level.entries, of_level.iter().map(|table| table.entries).sum::<u64>());
        assert_eq!(level.size_bytes, of_level.iter().map(|table| table.size_bytes).sum::<u64>());
        for (segment, table) in level.segments.iter().zip(of_level) {
            assert_eq!((segment.id, segment.run, segment.entries), (table.id, table.run, table.entries));
            assert_eq!(
                (segment.lowest_seqno, segment.highest_seqno),
                (table.lowest_seqno, table.highest_seqno)
            );
        }
    }
    assert_eq!(tree.disk_space(), tables.iter().map(|table| table.size_bytes).sum::<u64>());
}

#[test]
fn tables_say_what_their_files_say() {
    let tree = spread_over_places(config(), 20_000);
    for table in tree.tables() {
        let properties = &table.properties;
        assert_eq!((table.entries, table.data_blocks), (properties.entries, properties.data_blocks));
        assert_eq!(properties.puts, properties.entries);
        assert_eq!(table.smallest, properties.smallest_key);
        assert!(properties.data_bytes < table.size_bytes);
        assert_eq!(table.created_unix_millis, properties.created_unix_millis);
    }
}

#[test]
fn trace_shows_every_version_with_its_place() {
    let tree = config().open().unwrap();
    tree.insert("key", "oldest", 1).unwrap();
    tree.insert("other", "x", 2).unwrap();
    tree.flush_active_memtable(0).unwrap();
    tree.major_compact(1 << 20, 0).unwrap();
    tree.remove("key", 3).unwrap();
    tree.insert("key", "old", 4).unwrap();
    tree.flush_active_memtable(0).unwrap();
    tree.remove_weak("key", 5).unwrap();
    tree.rotate_memtable();
    tree.insert("key", "new", 6).unwrap();
    let versions = tree.trace("key").unwrap().versions;
    let seen: Vec<_> = versions.iter().map(|v| (v.seqno, v.kind, v.value_bytes)).collect();
    let expected = [
        (6, Kind::Put, 3),
        (5, Kind::SingleDelete, 0),
        (4, Kind::Put, 3),
        (3, Kind::Delete, 0),
        (1, Kind::Put, 6),
    ];
    assert_eq!(seen, expected);
    let tables = tree.tables();
    let table = |at: usize| VersionPlace::Table {
        level: tables[at].level,
        run: tables[at].run,
        table: tables[at].id,
    };
    assert!(matches!(versions[0].place, VersionPlace::Memtable { sealed: false, .. }));
    assert!(matches!(versions[1].place, VersionPlace::Memtable { sealed: true, .. }));
    assert_eq!([versions[2].place, versions[3].place, versions[4].place], [table(0), table(0), table(1)]);
    assert_eq!(tables[0].level, 0);
    assert_eq!(tree.trace("other").unwrap().versions.len(), 1);
    assert!(tree.trace("absent").unwrap().versions.is_empty());
}

#[test]
fn trace_lists_the_range_tombstones_over_a_key_with_their_places() {
    let tree = config().open().unwrap();
    tree.insert("key", "value", 1).unwrap();
    tree.remove_range("a", "m", 2).unwrap();
    tree.remove_range("k", "z", 3).unwrap();
    tree.remove_range("x", "z", 4).unwrap();
    tree.flush_active_memtable(0).unwrap();
    tree.remove_range("key", "l", 5).unwrap();
    tree.rotate_memtable();
    tree.remove_range("b", "key", 6).unwrap();
    tree.remove_range("b", "key ", 7).unwrap();
    let trace = tree.trace("key").unwrap();
    assert_eq!(trace.versions.len(), 1);
    let seen: Vec<_> = trace.range_tombstones.iter().map(|range| range.seqno).collect();
    assert_eq!(seen, [7, 5, 3, 2], "not the one that ends at the key");
    let span = |at: usize| {
        let range = &trace.range_tombstones[at];
        [&range.start, &range.end].map(|key| String::from_utf8(key.to_vec()).unwrap())
    };
    assert_eq!((span(0), span(1)), (["b", "key "].map(str::to_owned), ["key", "l"].map(str::to_owned)));
    assert_eq!(
        (span(2), span(3)),
        (["k", "m"].map(str::to_owned), ["k", "m"].map(str::to_owned)),
        "a fragment"
    );
    let places: Vec<_> = trace.range_tombstones.iter().map(|range| range.place).collect();
    assert!(matches!(places[0], VersionPlace::Memtable { sealed: false, .. }));
    assert!(matches!(places[1], VersionPlace::Memtable { sealed: true, .. }));
    let table = &tree.tables()[0];
    assert_eq!(places[2], VersionPlace::Table { level: table.level, run: table.run, table: table.id });
    assert_eq!(places[2], places[3]);
    assert!(tree.trace("z").unwrap().range_tombstones.is_empty());
}

/// Every range from a tenth of the keys up, and small ones: within 15 % where the range holds a hundred keys or more.
fn check_estimates(tree: &Tree, entries: u64) {
    let mut keys: Vec<String> = (0..entries).map(key).collect();
    keys.sort();
    for width in [100, 300, 1000, 5000, entries as usize / 2, entries as usize - 1] {
        for part in 0..8 {
            let from = (entries as usize - 1 - width) * part / 7;
            let (from, to) = (keys[from].as_str(), keys[from + width].as_str());
            let about = |what: u64| (what as f64 / width as f64 - 1.0).abs();
            let stats = tree.approximate_range_stats(from..to).unwrap();
            assert!(about(stats.key_count) < 0.15, "{width} keys are estimated as {stats:?}");
            let cardinality = tree.approximate_range_cardinality(from..to).unwrap();
            assert!(about(cardinality.rows) < 0.15, "{width} rows are estimated as {cardinality:?}");
            let share = cardinality.selectivity * entries as f64;
            assert!(about(share as u64) < 0.15, "{width} of {entries} is {cardinality:?}");
        }
    }
}

#[test]
fn approximate_range_stats_are_within_fifteen_percent_on_uniform_data() {
    const ENTRIES: u64 = 60_000;
    check_estimates(&spread_over_places(config(), ENTRIES), ENTRIES);
}

#[test]
fn approximate_range_stats_count_bytes() {
    const ENTRIES: u64 = 60_000;
    let tree = spread_over_places(config(), ENTRIES);
    tree.flush_active_memtable(0).unwrap();
    let data: u64 = tree.tables().iter().map(|table| table.properties.data_bytes).sum();
    let all = tree.approximate_range_stats::<&str>(..).unwrap();
    assert_eq!((all.bytes, all.key_count), (data, ENTRIES));
    let half = tree.approximate_range_stats("key8"..).unwrap();
    assert!((half.bytes as f64 / data as f64 - 0.5).abs() < 0.05, "{half:?} of {data}");
}

#[test]
fn approximate_range_cardinality_leaves_out_what_was_deleted() {
    let tree = spread_over_places(config(), 20_000);
    for i in 0..10_000 {
        tree.remove(key(i), 20_000 + i).unwrap();
    }
    let all = tree.approximate_range_cardinality::<&str>(..).unwrap();
    assert!((all.rows as f64 / 10_000.0 - 1.0).abs() < 0.15, "{all:?}");
    assert!((all.selectivity - 1.0).abs() < f64::EPSILON);
    let none = tree.approximate_range_cardinality("z".."a").unwrap();
    assert_eq!((none.rows, none.selectivity), (0, 0.0));
    assert_eq!(tree.approximate_range_stats("x".."y").unwrap().key_count, 0);
}

/// Clusters: half the keys stand in a small part of the range. And an order of the user's own.
#[test]
fn approximate_range_stats_hold_where_keys_are_clustered_or_reversed() {
    let tree = config().open().unwrap();
    for i in 0..40_000u64 {
        let key = if i % 2 == 0 { 1 << 40 | i } else { i << 44 };
        tree.insert(key.to_be_bytes(), "v", i).unwrap();
    }
    let cluster = (1u64 << 40).to_be_bytes()..(1u64 << 41).to_be_bytes();
    let stats = tree.approximate_range_stats(cluster).unwrap();
    assert!((stats.key_count as f64 / 20_000.0 - 1.0).abs() < 0.15, "{stats:?}");

    let tree = config().comparator(Arc::new(Reversed)).open().unwrap();
    for i in 0..10_000u64 {
        tree.insert(i.to_be_bytes(), "v", i).unwrap();
        if i == 5000 {
            tree.flush_active_memtable(0).unwrap();
        }
    }
    let stats = tree.approximate_range_stats(8000u64.to_be_bytes()..2000u64.to_be_bytes()).unwrap();
    assert!((stats.key_count as f64 / 6000.0 - 1.0).abs() < 0.15, "{stats:?}");
}

#[test]
fn metrics_list_every_counter() {
    let tree = spread_over_places(config(), 5_000);
    settle(&tree);
    assert!(tree.get(key(1), SeqNo::MAX).unwrap().is_some());
    let all = tree.metrics().all();
    let value = |name: &str| all.iter().find(|of| of.name == name).map(|of| of.value);
    assert_eq!(value("flushes"), Some(tree.metrics().flushes.get()));
    assert!(value("flushes") > Some(1) && value("blocks_read") > Some(0));
    assert!(all.iter().all(|of| of.about.ends_with('.')), "{all:?}");
}

/// From the run on that the strategy waits for there is debt, of what those runs hold at least; compactions pay it.
#[test]
fn compaction_debt_is_what_compactions_have_yet_to_write() {
    let tree = config().open().unwrap();
    for round in 0..2 {
        assert_eq!(tree.compaction_debt(), 0, "before round {round}");
        for i in 0..500 {
            tree.insert(key(i), vec![b'v'; 40], round * 500 + i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
    }
    assert!(tree.compaction_debt() >= tree.disk_space(), "{} bytes", tree.compaction_debt());
    settle(&tree);
    assert_eq!((tree.compaction_debt(), tree.level_zero_runs()), (0, 0));
}

/// Blocks come with reads and go with their tables; what is resident is there as long as its table is.
#[test]
fn cache_stats_tell_blocks_and_what_stays_resident() {
    let cache = Arc::new(Cache::with_capacity_bytes(16 << 20));
    let tree = config().use_cache(Arc::clone(&cache)).open().unwrap();
    let empty = tree.cache_stats();
    assert_eq!(
        (empty.capacity_bytes, empty.blocks, empty.block_bytes, empty.resident_bytes),
        (16 << 20, 0, 0, 0)
    );
    for i in 0..2_000 {
        tree.insert(key(i), vec![b'v'; 40], i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    let flushed = tree.cache_stats();
    assert!(flushed.resident_bytes >= tree.filter_size() + tree.block_index_size(), "{flushed:?}");
    for i in 0..2_000 {
        assert!(tree.contains_key(key(i), SeqNo::MAX).unwrap());
    }
    let read = tree.cache_stats();
    assert_eq!(read.blocks, tree.tables()[0].data_blocks);
    assert!(read.block_bytes >= 2_000 * 40 && read.block_bytes + read.resident_bytes <= read.capacity_bytes);
    assert_eq!(read, cache.stats());
    drop(tree);
    assert_eq!((cache.stats().blocks, cache.stats().resident_bytes), (0, 0));
}

#[test]
fn live_snapshots_are_counted_until_they_are_let_go() {
    let tree = config().open().unwrap();
    tree.insert("key", "value", 4).unwrap();
    assert_eq!(tree.live_snapshots(), (0, None));
    let (late, early) = (tree.snapshot(9).unwrap(), tree.snapshot(5).unwrap());
    assert_eq!(tree.live_snapshots(), (2, Some(5)));
    let again = early.clone();
    drop(early);
    assert_eq!(tree.live_snapshots().1, Some(5), "a clone holds it as well");
    drop(again);
    assert_eq!(tree.live_snapshots(), (1, Some(9)));
    drop(late);
    assert_eq!(tree.live_snapshots(), (0, None));
}

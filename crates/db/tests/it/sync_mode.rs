//! How far syncs go: of the log, of tables, of everything.

use std::sync::Arc;

use esker::{Database, Durability, LogMapping, SyncMode};
use esker_env::fs::Fs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;

fn builder(fs: &FaultFs) -> esker::Builder {
    Database::builder("/db")
        .fs(Arc::new(fs.clone()) as Arc<dyn Fs>)
        .background_threads(0)
        .default_durability(Durability::Sync)
}

/// The syncs of files whose name ends so, and how many of them go all the way.
fn syncs(fs: &FaultFs, ending: &str) -> (usize, usize) {
    let is_of = |line: &&String| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("sync") && words.next().is_some_and(|path| path.ends_with(ending))
    };
    let trace = fs.trace();
    let found: Vec<&String> = trace.iter().filter(is_of).collect();
    (found.len(), found.iter().filter(|line| line.contains("(all)")).count())
}

#[test]
fn sync_mode_goes_to_log_tables_and_manifests() {
    for mapping in [LogMapping::Never, LogMapping::Always] {
        for mode in [SyncMode::Normal, SyncMode::Full] {
            let fs = FaultFs::new();
            let db = builder(&fs).sync_mode(mode).log_mapping(mapping).open().unwrap();
            let before = syncs(&fs, ".log");
            db.put("key", "value").unwrap();
            db.put("another", "value").unwrap();
            let (all, full) = syncs(&fs, ".log");
            let (all, full) = (all - before.0, full - before.1);
            match mode {
                SyncMode::Normal => assert!(all >= 2 && full == 0, "{mapping:?}: {full} of {all}"),
                SyncMode::Full => assert!(full >= 2, "{mapping:?}: {full} of {all}"),
            }
            db.flush().unwrap();
            for ending in [".table", ".manifest"] {
                let (all, full) = syncs(&fs, ending);
                let expected = if mode == SyncMode::Full { all } else { 0 };
                assert!(all > 0 && full == expected, "{ending}, {mode:?}: {full} of {all}");
            }
            db.put("last", "value").unwrap();
            let crashed = fs.crash(CrashPolicy::LoseUnsynced);
            drop(db);
            // What a recovery makes durable again, it does so as far as it is told.
            let db = builder(&crashed).sync_mode(mode).log_mapping(mapping).open().unwrap();
            assert_eq!(db.len().unwrap(), 3);
        }
    }
}

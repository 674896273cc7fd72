//! What a tree asks of the file system for its files.

use std::sync::Arc;

use esker_env::fs::SharedFs;
use esker_testkit::fault_fs::FaultFs;
use esker_tree::{
    Config, IngestMode, IngestOptions, LevelPolicy, LevelRoute, SequenceNumberCounter, SyncMode, TableWriter,
    Tree,
};

pub(crate) fn config(fs: &SharedFs) -> Config {
    Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs))
        .data_block_size_policy(LevelPolicy::all(256))
}

fn fill(tree: &Tree, from: u64) {
    for i in from..from + 300 {
        tree.insert(format!("key{i:05}"), format!("value {from}"), i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
}

/// A tree that has done everything that makes a file: flushed, compacted, ingested, been doubled.
pub(crate) fn busy(fs: &FaultFs, change: impl FnOnce(Config) -> Config) -> Tree {
    let shared: SharedFs = Arc::new(fs.clone());
    let config = change(config(&shared).manifest_rotate_bytes(64));
    let mut writer = TableWriter::create("/sorted.table", &config).unwrap();
    writer.write("a", "1").unwrap();
    writer.finish().unwrap();
    let deep = LevelRoute { levels: 6..7, path: "deep".into(), fs: Arc::clone(&shared) };
    let tree = config.level_routes(vec![deep]).open().unwrap();
    fill(&tree, 0);
    assert!(tree.major_compact(1 << 20, 0).unwrap());
    fill(&tree, 100);
    let copy = IngestOptions { mode: IngestMode::Copy, verify: true };
    tree.ingest_files(["/sorted.table"], copy).unwrap();
    tree.create_checkpoint("/double").unwrap();
    tree
}

fn lines(fs: &FaultFs, kind: &str) -> Vec<String> {
    let is_of = |line: &String| line.split_whitespace().nth(1) == Some(kind);
    fs.trace().into_iter().filter(is_of).collect()
}

#[test]
fn sync_mode_goes_to_every_file() {
    for (mode, is_full) in [(SyncMode::Normal, false), (SyncMode::Full, true)] {
        let fs = FaultFs::new();
        let _tree = busy(&fs, |config| config.sync_mode(mode));
        let syncs = lines(&fs, "sync");
        let of = |name: &str| syncs.iter().filter(|line| line.contains(name)).count();
        assert!(of(".table") >= 5 && of("CURRENT") >= 2 && of(".manifest") >= 2, "{syncs:#?}");
        assert!(syncs.iter().all(|line| line.contains("(all)") == is_full), "{mode:?}: {syncs:#?}");
    }
}

#[test]
fn disable_cow_on_table_files_shows_in_how_tables_are_made() {
    for yes in [true, false] {
        let fs = FaultFs::new();
        let _tree = busy(&fs, |config| config.disable_cow_on_table_files(yes));
        let created = lines(&fs, "create");
        let (tables, others): (Vec<_>, Vec<_>) = created.iter().partition(|line| line.contains(".table"));
        assert!(tables.len() >= 4 && others.len() >= 3, "{created:#?}");
        assert!(tables.iter().all(|line| line.contains("(in place)") == yes), "{yes}: {tables:#?}");
        assert!(others.iter().all(|line| !line.contains("(in place)")), "{others:#?}");
    }
    // Without a word, it is so.
    let fs = FaultFs::new();
    let _tree = busy(&fs, |config| config);
    assert!(lines(&fs, "create").iter().any(|line| line.contains("(in place)")));
}

//! Trees are checked wherever their tables lie.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use esker_env::os::OsFs;
use esker_tree::{Config, LevelRoute, SequenceNumberCounter};

use super::check;
use crate::verify::findings::Findings;

fn problems_of(folder: &Path) -> u64 {
    let mut output = Vec::new();
    let mut findings = Findings::new(&mut output, true);
    check(folder, &mut findings);
    findings.finish().unwrap().0
}

#[test]
fn tables_in_the_folders_of_level_routes_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (own, cold) = (folder.path().join("own"), folder.path().join("cold"));
    let routes = vec![LevelRoute { levels: 1..7, path: cold.clone(), fs: Arc::new(OsFs::new()) }];
    let seqno = SequenceNumberCounter::default();
    let config = Config::new(&own, seqno.clone(), SequenceNumberCounter::default()).level_routes(routes);
    let tree = config.open().unwrap();
    for i in 0..1000 {
        tree.insert(format!("key{i:04}"), "a value", seqno.next()).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.major_compact(64 << 20, 0).unwrap());
    tree.insert("key", "a value", seqno.next()).unwrap();
    tree.flush_active_memtable(0).unwrap();
    let paths: Vec<_> = tree.tables().into_iter().map(|table| table.path).collect();
    assert!(paths.len() == 2 && paths[0].starts_with(&own) && paths[1].starts_with(&cold));
    drop(tree);
    assert_eq!(problems_of(&own), 0);
    for path in &paths {
        let whole = fs::read(path).unwrap();
        let mut damaged = whole.clone();
        damaged[10] ^= 1;
        fs::write(path, damaged).unwrap();
        assert!(problems_of(&own) > 0);
        fs::write(path, whole).unwrap();
    }
    fs::remove_file(&paths[1]).unwrap();
    assert!(problems_of(&own) > 0);
}

//! The table of `docs/API.md` names a test for each item of the interface: each exists.

use std::path::Path;

#[test]
fn every_test_that_the_table_of_the_interface_names_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(folder.join("../../docs/API.md")).unwrap();
    let mut sources = String::new();
    for entry in std::fs::read_dir(folder.join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            sources += &std::fs::read_to_string(path).unwrap();
        }
    }
    let rows = table.lines().filter(|line| line.starts_with("| ") && *line != "| item | test |");
    let mut tests = 0;
    for row in rows {
        let named = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}()")), "there is no test {name}: {row}");
            tests += 1;
        }
    }
    assert!(tests > 60, "{tests} tests in the table");
}

//! A whole run of few keys, as a user starts it: every workload ends well and gives what tables and plots are made of, and a
//! run that was broken off goes on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the harness with few keys and little time, in a folder of the test's own.
fn bench(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esker-bench"));
    command.args(words.split_whitespace());
    command.args("--keys 2000 --reps 1 --row-seconds 0.02 --sustained-seconds 1".split(' '));
    command.arg("--dir").arg(folder.join("databases")).arg("--out").arg(folder.join("tiny.jsonl"));
    command.output().expect("it is built")
}

fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _was_there = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("cargo made its parent");
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_workload_fills_the_tables_and_the_plots() {
    let folder = fresh_folder("every");
    let output = bench(&folder, "--engines esker");
    let (table, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}");
    for row in [
        "| fillrandom |",
        "| YCSB E, 2 threads |",
        "| scan reverse, entries |",
        "| put p99.9, sustained, µs |",
    ] {
        assert!(table.contains(row), "{row} is missing: {table}");
    }
    for row in ["| reopen after a kill, ms |", "| groups of 40: read zipfian |", "| sync put, 8 threads |"] {
        assert!(table.contains(row), "{row} is missing: {table}");
    }
    assert!(!table.contains("failed") && !table.contains("NaN") && !table.contains("inf"), "{table}");
    assert_eq!(std::fs::read_to_string(folder.join("tiny.md")).expect("it was written"), table);
    for plot in ["throughput", "put-latency", "read-latency", "sustained-p99.9", "sustained-longest"] {
        let svg = std::fs::read_to_string(folder.join(format!("tiny-{plot}.svg"))).expect(plot);
        assert!(svg.starts_with("<svg") && svg.contains("esker") && !svg.contains("NaN"), "{plot}: {svg}");
    }
    assert!(!folder.join("tiny-scaling.svg").exists(), "nothing was scaled");
    let left = std::fs::read_dir(folder.join("databases")).expect("it was made").count();
    assert_eq!(left, 0, "databases are left on the disk");
}

#[test]
fn a_run_goes_on_where_it_was_broken_off_and_what_cannot_be_is_said() {
    let folder = fresh_folder("resume");
    let output = bench(&folder, "--engines esker,redb --workloads batch");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let before = std::fs::read_to_string(folder.join("tiny.jsonl")).expect("it was written");

    let output = bench(&folder, "--engines esker,redb --workloads batch,recovery --resume");
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("batch, 2000 keys"), "it was there already: {told}");
    let after = std::fs::read_to_string(folder.join("tiny.jsonl")).expect("it was written");
    assert!(after.starts_with(&before), "what was there stays");
    let table = text(&output.stdout);
    let reopen =
        table.lines().find(|line| line.starts_with("| reopen after a kill")).expect("it was measured");
    assert!(reopen.ends_with("| not supported |"), "redb loses what it did not sync: {reopen}");

    let output = bench(&folder, "--engines esker --workloads batch --resume --cache-mib 32");
    assert!(!output.status.success(), "other settings in one file");
    assert_eq!(after, std::fs::read_to_string(folder.join("tiny.jsonl")).expect("it stays"));
}

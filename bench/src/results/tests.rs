//! A run that was broken off goes on with what it has, and never mixes settings.

use std::path::PathBuf;

use clap::Parser as _;

use crate::args::Arguments;
use crate::results::{ELAPSED, Results, Run, Writer, without_places};
use crate::row::{Reading, Row};

fn row(workload: &str, row: &str, value: f64) -> Row {
    Row {
        engine: "esker".into(),
        workload: workload.into(),
        row: row.into(),
        repetition: 0,
        keys: 1_000,
        second: None,
        reading: Reading::Value(value),
    }
}

fn run(words: &[&str]) -> Run {
    Run::new(&Arguments::parse_from(std::iter::once(&"bench").chain(words)))
}

/// A file of its own for a test, without a file yet.
fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("esker-bench-results-{name}-{}.jsonl", std::process::id()));
    let _was_there = std::fs::remove_file(&path);
    path
}

#[test]
fn a_broken_off_run_keeps_what_was_finished() {
    let path = file("resume");
    let mut writer = Writer::open(&path, run(&[]), true).expect("a new file");
    writer.append(vec![row("read", "readrandom", 5.0), row("read", ELAPSED, 1.0)]).expect("room");
    writer.append(vec![row("ycsb", "ycsb a", 7.0)]).expect("room");
    drop(writer);
    let mut torn = std::fs::read(&path).expect("it is there");
    torn.extend_from_slice(b"{\"engine\":\"esk");
    std::fs::write(&path, torn).expect("room");

    let writer = Writer::open(&path, run(&["--reps", "9"]), true).expect("the settings are the same");
    assert!(writer.results.has("esker", "read", 0, 1_000));
    assert!(!writer.results.has("esker", "ycsb", 0, 1_000), "it has no end");
    assert!(!writer.results.has("esker", "read", 1, 1_000));
    assert_eq!(Results::read(&path).expect("whole lines alone are left").rows.len(), 2);

    let refusal = Writer::open(&path, run(&["--row-seconds", "9"]), true).err().expect("other settings");
    assert!(refusal.to_string().contains("other settings"), "{refusal}");

    let writer = Writer::open(&path, run(&["--row-seconds", "9"]), false).expect("a fresh one asks nothing");
    assert!(writer.results.rows.is_empty());
    std::fs::remove_file(&path).expect("it is there");
}

#[test]
fn files_from_before_there_was_a_first_line_are_read() {
    let old =
        br#"{"engine":"esker","workload":"read","row":"readrandom","repetition":0,"keys":1000,"value":5.0}"#;
    let results = Results::parse(&[old.as_slice(), b"\n"].concat()).expect("an old line");
    assert_eq!(results, Results { run: None, rows: vec![row("read", "readrandom", 5.0)] });
}

#[test]
fn the_command_line_is_kept_without_places() {
    let kept = |line: &str| without_places(line.split_whitespace().map(str::to_owned)).join(" ");
    assert_eq!(kept("--quick --dir /a --out=b --resume --reps 2"), "--quick --reps 2");
    assert_eq!(kept("--keys 9 --out /a"), "--keys 9");
}

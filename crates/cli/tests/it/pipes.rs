//! Output into pipes: only results, and a reader who leaves is no error.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{Place, args, command, esker, on};

/// More than any pipe holds.
fn large() -> Place {
    let place = Place::new();
    let rows: String = (0..20_000).map(|row| format!("key{row:06},{row:0>100}\n")).collect();
    let file = place.file("rows.csv", format!("key,value\n{rows}"));
    esker(args(&["import"]).then(place.db()).then(file)).done();
    place
}

#[test]
fn a_reader_that_leaves_is_a_quiet_success() {
    let place = large();
    for line in [&["scan"][..], &["export", "-", "--format", "csv"], &["export", "-", "--format", "jsonl"]] {
        let line = args(&line[..1]).then(place.db()).and(&line[1..]);
        let mut child = command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        // The reader is dropped: the pipe is closed while most is unwritten.
        let run = child.wait_with_output().unwrap();
        assert_eq!((run.status.code(), String::from_utf8_lossy(&run.stderr).as_ref()), (Some(0), ""));
    }
}

#[test]
fn no_progress_where_nobody_looks() {
    let place = large();
    let run = on(&place, "export", &["-", "--format", "tsv"]);
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.iter().filter(|byte| **byte == b'\n').count(), 20_001);
    assert!(run.stdout.starts_with(b"key\tvalue\nkey000000\t"));
    assert!(!run.stdout.contains(&0x1b));
}

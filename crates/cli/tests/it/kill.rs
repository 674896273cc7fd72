//! Processes killed in the middle of their work.

use std::process::Stdio;

use crate::harness::{Place, args, command, esker, on};

/// An import that is killed while it waits for more rows has kept the batches it wrote, whole, and nothing of the next one.
#[test]
fn a_killed_import_leaves_whole_batches() {
    let place = Place::with(&[("0", "seen")]);
    let line = args(&["import"]).then(place.db()).and(&["-", "--format", "tsv", "--batch", "10"]);
    let mut child = command(line).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let rows: String = (0..100_005).map(|row| format!("k{row:06}\tv\n")).collect();
    std::io::Write::write_all(&mut stdin, format!("key\tvalue\n{rows}").as_bytes()).unwrap();
    // All but what the pipe and the buffers hold has been read; the rest may or may not be written when the kill comes.
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdin);

    let keys = on(&place, "scan", &["--prefix", "k", "--keys-only"]).done();
    let found: Vec<&str> = keys.lines().collect();
    assert_eq!(found.len() % 10, 0, "half a batch");
    assert!(found.iter().enumerate().all(|(row, key)| *key == format!("k{row:06}")), "a hole");
    assert_eq!(on(&place, "get", &["0"]).done(), "seen\n");
    assert_eq!(esker(args(&["verify", "-q"]).then(place.db())).done(), "");
}

/// What `put` said is done is there after the next process was killed: each `put` is a process of its own.
#[test]
fn a_put_that_returned_survives_the_kill_of_another_writer() {
    let place = Place::new();
    on(&place, "put", &["k", "v"]).done();
    let line = args(&["tour-writer"]).then(place.db()).then(place.path().join("noted")).and(&["0"]);
    let mut child = command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let noted = || std::fs::read(place.path().join("noted")).unwrap_or_default();
    while noted().len() < 8 {
        assert!(child.try_wait().unwrap().is_none(), "the writer ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let acknowledged = u64::from_le_bytes(noted().try_into().unwrap());
    let count: u64 = on(&place, "count", &[]).done().trim().parse().unwrap();
    assert!(count > acknowledged, "{count} keys, {acknowledged} acknowledged and one from before");
    assert_eq!(on(&place, "get", &["k"]).done(), "v\n");
}

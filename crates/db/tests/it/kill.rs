//! A real process, killed under load: what it acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use esker::{Database, Durability};

const DIRECTORY: &str = "ESKER_KILL_TEST_DIRECTORY";

fn open(path: &std::path::Path) -> Database {
    Database::builder(path)
        .memory_budget(4 << 20)
        .memtable_bytes(128 << 10)
        .log_segment_bytes(256 << 10)
        .max_wal_bytes(1 << 20)
        .open()
        .unwrap()
}

/// The child: writes numbers in order, and says so after each acknowledgement. Does nothing unless it is the child.
#[test]
fn child_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let db = open(directory.as_ref());
    let first = db.len().unwrap() as u64;
    let mut out = std::io::stdout().lock();
    for number in first.. {
        let durability = if number % 50 == 0 { Durability::Sync } else { Durability::Os };
        db.put_with(number.to_be_bytes(), vec![number as u8; 300], durability).unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0u64;
    for round in 0..6u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child_that_is_killed", "--exact", "--nocapture"])
            .env(DIRECTORY, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        let mut wanted = 300 + round * 777;
        for number in numbers {
            acknowledged = number;
            if wanted == 0 {
                child.kill().unwrap();
            }
            wanted = wanted.saturating_sub(1);
        }
        child.wait().unwrap();
        let db = open(folder.path());
        let mut expected = 0u64;
        for entry in db.iter() {
            let (key, value) = entry.unwrap();
            assert_eq!(&*key, expected.to_be_bytes(), "a prefix without holes");
            assert_eq!(&*value, vec![expected as u8; 300]);
            expected += 1;
        }
        assert!(expected > acknowledged, "{acknowledged} was acknowledged, {expected} are there");
    }
    assert!(acknowledged > 3000);
}

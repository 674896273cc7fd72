//! `put`, `get`, `delete`, `scan`, `count`.

use crate::harness::{Place, args, esker, esker_reading, on};

#[test]
fn a_value_is_there_for_the_next_process() {
    let place = Place::new();
    assert_eq!(on(&place, "put", &["user:1", "alice"]).done(), "");
    assert_eq!(on(&place, "get", &["user:1"]).done(), "alice\n");
    assert_eq!(on(&place, "get", &["user:1", "--raw"]).done(), "alice");
    assert_eq!(on(&place, "put", &["user:1", "bob"]).done(), "");
    assert_eq!(on(&place, "get", &["user:1"]).done(), "bob\n");
    assert_eq!(on(&place, "delete", &["user:1", "user:2"]).done(), "");
    assert_eq!(on(&place, "get", &["user:1"]).refused(1), "there is no key user:1");
}

/// Each process begins a segment of the log, and a value that no table holds yet pins all since; they must not gather for ever.
#[test]
fn many_small_commands_leave_a_short_log() {
    let place = Place::new();
    for number in 0..40 {
        on(&place, "put", &[&format!("key{number:02}"), "value"]).done();
    }
    let names = std::fs::read_dir(place.db()).unwrap().map(|entry| entry.unwrap().path());
    let segments = names.filter(|path| path.extension().is_some_and(|ending| ending == "log")).count();
    assert!(segments <= 20, "{segments} segments");
    assert_eq!(on(&place, "count", &[]).done(), "40\n");
}

#[test]
fn empty_keys_and_values_are_keys_and_values() {
    let place = Place::new();
    on(&place, "put", &["", ""]).done();
    assert_eq!(on(&place, "get", &[""]).done(), "\n");
    assert_eq!(on(&place, "count", &[]).done(), "1\n");
}

#[test]
fn hexadecimal_reaches_every_byte() {
    let place = Place::new();
    on(&place, "put", &["--hex", "00ff", "0a0D"]).done();
    assert_eq!(on(&place, "get", &["--hex", "00FF"]).done(), "0a0d\n");
    assert_eq!(on(&place, "scan", &["--hex"]).done(), "00ff\t0a0d\n");
    assert_eq!(on(&place, "scan", &[]).done(), "\\x00\\xff\t\\n\\r\n");
    assert_eq!(on(&place, "scan", &["--hex", "--prefix", "00"]).done(), "00ff\t0a0d\n");
    assert_eq!(on(&place, "get", &["--hex", "00fg"]).refused(2), "the key: \"00fg\" is not hexadecimal");
}

#[test]
fn a_value_may_come_from_a_file_or_a_pipe() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let file = place.file("bytes", &bytes);
    esker(args(&["put"]).then(place.db()).and(&["a", "--value-file"]).then(&file)).done();
    esker_reading(args(&["put"]).then(place.db()).and(&["b", "--value-file", "-"]), &bytes).done();
    assert_eq!(on(&place, "get", &["a", "--raw"]).stdout, bytes);
    assert_eq!(on(&place, "get", &["b", "--raw"]).stdout, bytes);
}

#[test]
fn ranges_go_both_ways_and_stop_where_asked() {
    let place = Place::with(&[("a", "1"), ("b", "2"), ("ba", "3"), ("bb", "4"), ("c", "5")]);
    assert_eq!(on(&place, "scan", &[]).done(), "a\t1\nb\t2\nba\t3\nbb\t4\nc\t5\n");
    assert_eq!(on(&place, "scan", &["--prefix", "b", "--keys-only"]).done(), "b\nba\nbb\n");
    assert_eq!(on(&place, "scan", &["--from", "b", "--to", "bb"]).done(), "b\t2\nba\t3\n");
    assert_eq!(on(&place, "scan", &["--reverse", "--limit", "2"]).done(), "c\t5\nbb\t4\n");
    assert_eq!(on(&place, "scan", &["--reverse", "--prefix", "b", "-n", "1"]).done(), "bb\t4\n");
    assert_eq!(on(&place, "scan", &["--from", "z", "--to", "a"]).done(), "");
    assert_eq!(on(&place, "scan", &["--limit", "0"]).done(), "");
    assert_eq!(on(&place, "count", &[]).done(), "5\n");
    assert_eq!(on(&place, "count", &["--prefix", "b"]).done(), "3\n");
    assert_eq!(on(&place, "count", &["--from", "b", "--limit", "2"]).done(), "2\n");
}

#[test]
fn keyspaces_are_apart_and_are_created_on_demand_only() {
    let place = Place::new();
    on(&place, "put", &["k", "default"]).done();
    on(&place, "put", &["k", "other", "--keyspace", "users", "--create-keyspace"]).done();
    assert_eq!(on(&place, "get", &["k"]).done(), "default\n");
    assert_eq!(on(&place, "get", &["k", "--keyspace", "users"]).done(), "other\n");
    on(&place, "delete", &["k", "-k", "users"]).done();
    assert_eq!(on(&place, "count", &["-k", "users"]).done(), "0\n");
    assert_eq!(on(&place, "count", &[]).done(), "1\n");
    let line = on(&place, "put", &["k", "v", "-k", "typo"]).refused(2);
    assert_eq!(line, "there is no keyspace \"typo\"; there are: default, users");
}

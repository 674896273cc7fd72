//! What cannot be done is said in one line, ends with the right code, and harms nothing.

use std::process::Stdio;

use crate::harness::{Place, Run, args, command, esker, everything, on};

const READING: [&[&str]; 6] =
    [&["get", "k"], &["scan"], &["count"], &["export", "-", "--format", "csv"], &["stats"], &["delete", "k"]];

/// Every command of `READING` on this database, with `options` behind it.
fn read_all(place: &Place, options: &[&str]) -> Vec<Run> {
    let run = |line: &&[&str]| on(place, line[0], &[&line[1..], options].concat());
    READING.iter().map(run).collect()
}

#[test]
fn a_missing_directory_is_not_created_by_reading() {
    let place = Place::new();
    for run in read_all(&place, &[]) {
        let line = run.refused(3);
        assert!(line.starts_with("there is no database at "), "{line}");
        assert!(!place.db().exists());
    }
    assert!(on(&place, "verify", &[]).refused(3).starts_with("there is no database at "));
    assert!(!place.db().exists());
}

#[test]
fn a_directory_that_is_not_ours_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.db()).unwrap();
    std::fs::write(place.db().join("thesis.doc"), "years of work").unwrap();
    let before = everything(&place.db());
    for run in read_all(&place, &[]) {
        run.refused(3);
    }
    let line = on(&place, "put", &["k", "v"]).refused(3);
    assert!(line.contains("thesis.doc"), "{line}");
    on(&place, "verify", &[]).refused(3);
    assert_eq!(everything(&place.db()), before);
}

#[test]
fn a_file_is_not_a_database() {
    let place = Place::new();
    std::fs::write(place.db(), "text").unwrap();
    for run in read_all(&place, &[]) {
        run.refused(3);
    }
    on(&place, "put", &["k", "v"]).refused(3);
    assert_eq!(std::fs::read(place.db()).unwrap(), b"text");
}

#[test]
fn an_oversized_key_is_refused_before_anything_is_created() {
    let place = Place::new();
    let key = "k".repeat(65_536);
    let wanted = "a key of 65536 bytes is over the limit of 65,535";
    assert_eq!(on(&place, "put", &[&key, "v"]).refused(2), wanted);
    assert!(!place.db().exists());
    let place = Place::with(&[("a", "1")]);
    assert_eq!(on(&place, "put", &[&key, "v"]).refused(2), wanted);
    assert_eq!(on(&place, "get", &[&key]).refused(2), wanted);
    assert_eq!(on(&place, "delete", &[&key]).refused(2), wanted);
    on(&place, "put", &[&key[..65_535], "v"]).done();
    assert_eq!(on(&place, "count", &[]).done(), "2\n");
}

/// The file is a hole: it takes no room, and it is refused before it is read.
#[test]
fn an_oversized_value_is_refused_before_it_is_read() {
    let place = Place::new();
    let file = place.file("hole", "");
    std::fs::File::options().write(true).open(&file).unwrap().set_len(1 << 32).unwrap();
    let line = esker(args(&["put"]).then(place.db()).and(&["k", "--value-file"]).then(&file)).refused(2);
    assert_eq!(line, "a value of 4294967296 bytes is over the limit of 4,294,967,295");
    assert!(!place.db().exists());
}

/// `/dev/full` takes no byte.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let place = Place::with(&[("a", "1")]);
    let line = on(&place, "export", &["/dev/full", "--format", "csv"]).refused(3);
    assert_eq!(line, "cannot write /dev/full: No space left on device");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let run = command(args(&["scan"]).then(place.db())).stdout(full).output().unwrap();
    assert_eq!(run.status.code(), Some(3));
    assert_eq!(run.stderr, b"esker: cannot write the output: No space left on device\n");
}

#[test]
fn an_unknown_keyspace_is_named_with_those_there_are() {
    let place = Place::with(&[("a", "1")]);
    for run in read_all(&place, &["--keyspace", "nope"]) {
        assert_eq!(run.refused(2), "there is no keyspace \"nope\"; there are: default");
    }
    let fresh = Place::new();
    on(&fresh, "put", &["k", "v", "--keyspace", "nope"]).refused(3);
    assert!(!fresh.db().exists(), "no database for the sake of a keyspace that may not be created");
}

#[test]
fn a_second_opener_is_refused() {
    let place = Place::with(&[("a", "1")]);
    let noted = place.path().join("noted");
    let line = args(&["tour-writer"]).then(place.db()).then(&noted).and(&["0"]);
    let mut first = command(line).stdout(Stdio::null()).spawn().unwrap();
    // It notes its first write once it has the database open.
    while std::fs::metadata(&noted).map_or(0, |noted| noted.len()) == 0 {
        assert!(first.try_wait().unwrap().is_none(), "the first opener ended by itself");
        std::thread::yield_now();
    }
    for second in [on(&place, "get", &["a"]), on(&place, "put", &["k", "v"]), on(&place, "verify", &[])] {
        let line = second.refused(3);
        assert!(line.ends_with("LOCK is held by another opener"), "{line}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(on(&place, "get", &["a"]).done(), "1\n");
    on(&place, "get", &["k"]).refused(1);
}

#[test]
fn an_unwritable_path_is_named() {
    let place = Place::new();
    let file = place.file("file", "");
    let line = esker(args(&["put"]).then(file.join("a.db")).and(&["k", "v"])).refused(3);
    assert!(line.contains("file"), "{line}");
    let place = Place::with(&[("a", "1")]);
    let out = place.path().join("missing").join("out.csv");
    let line = esker(args(&["export"]).then(place.db()).then(&out)).refused(3);
    assert!(line.starts_with(&format!("cannot write {}", out.display())), "{line}");
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    for line in [&["put"][..], &["frobnicate"], &["scan", "db", "--prefix", "a", "--from", "b"], &[]] {
        let run = esker(args(line));
        assert_eq!(run.code, Some(2), "{line:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty());
    }
    assert!(esker(args(&["--help"])).done().contains("Exit codes:"));
    assert!(esker(args(&["--version"])).done().starts_with("esker "));
}

//! `stats`, `verify`, `dump`: what they show of sound files, of damaged ones, and of those of a later version.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Place, Run, args, esker, everything, on};

/// A database with tables, and something in its log.
fn database(rows: u32) -> Place {
    let place = Place::new();
    let lines: String = (0..rows).map(|row| format!("key{row:06}\tvalue of {row}\n")).collect();
    let file = place.file("rows.tsv", format!("key\tvalue\n{lines}"));
    esker(args(&["import"]).then(place.db()).then(file)).done();
    on(&place, "put", &["later", "in the log"]).done();
    on(&place, "delete", &["key000000"]).done();
    place
}

fn files(place: &Place, ending: &str) -> Vec<PathBuf> {
    let paths = everything(&place.db()).into_iter().map(|(path, _)| path);
    let found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    assert!(!found.is_empty(), "no file ends with {ending}");
    found
}

fn dump(path: &Path, options: &[&str]) -> Run {
    esker(args(&["dump"]).then(path).and(options))
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn stats_are_tables_for_people_and_json_for_programs() {
    let place = database(1_000);
    let table = on(&place, "stats", &[]).done();
    assert!(table.contains("keyspace default") && table.contains("memtable, active"), "{table}");
    assert!(table.contains("1,000"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&on(&place, "stats", &["--json"]).done()).unwrap();
    let keyspace = &json["keyspaces"][0];
    assert_eq!(keyspace["name"], "default");
    let entries =
        keyspace["levels"].as_array().unwrap().iter().map(|level| level["entries"].as_u64().unwrap());
    assert_eq!(entries.sum::<u64>(), 1_000);
    assert_eq!(keyspace["memtables"]["active_entries"], 2);
    assert!(keyspace["counters"]["blocks_read"].is_u64());
    let prometheus = on(&place, "stats", &["--prometheus"]).done();
    assert!(prometheus.contains("\nesker_memtable_entries{keyspace=\"default\"} 2\n"), "{prometheus}");
}

#[test]
fn a_sound_database_is_called_sound_and_left_as_it_is() {
    let place = database(20_000);
    let before = everything(&place.db());
    let said = on(&place, "verify", &[]).done();
    assert!(said.starts_with("sound: ") && said.contains("20,000 entries"), "{said}");
    assert_eq!(on(&place, "verify", &["--quiet"]).done(), "");
    assert!(everything(&place.db()) == before, "verify changed something");
}

#[test]
fn every_kind_of_file_can_be_dumped() {
    let place = database(100);
    let table = dump(&files(&place, ".table")[0], &["--entries"]).done();
    for wanted in [
        "footer",
        "properties",
        "esker.bytes",
        "filter",
        "index: 1 data block",
        "key000007 @8 put value of 7",
    ] {
        assert!(table.contains(wanted), "no {wanted:?} in:\n{table}");
    }
    let hex = dump(&files(&place, ".table")[0], &["--entries", "--hex"]).done();
    assert!(hex.contains("6b65793030303030 37".replace(' ', "").as_str()), "{hex}");
    let tree_manifest = files(&place, ".manifest").pop().unwrap();
    let manifest = dump(&tree_manifest, &[]).done();
    assert!(manifest.contains("+ table") && manifest.contains("100 entries"), "{manifest}");
    let catalog = dump(&files(&place, ".catalog")[0], &[]).done();
    assert!(catalog.contains("+ keyspace 1: default, ordered by esker.bytes"), "{catalog}");
    for current in files(&place, "CURRENT") {
        assert!(dump(&current, &[]).done().starts_with("CURRENT: "));
    }
    let logs: String = files(&place, ".log").iter().map(|log| dump(log, &["--entries"]).done()).collect();
    assert!(logs.contains("put later = in the log") && logs.contains("delete key000000"), "{logs}");
    assert!(!logs.contains("!!"));
}

#[test]
fn what_is_no_file_of_ours_is_not_dumped() {
    let place = Place::new();
    let file = place.file("thesis.doc", "years of work");
    assert!(dump(&file, &[]).refused(4).contains("thesis.doc is no file of a database"));
    assert!(dump(&place.path().join("nothing"), &[]).refused(3).ends_with("No such file or directory"));
    assert!(dump(place.path(), &[]).refused(3).ends_with("it is a directory"));
}

#[test]
fn a_damaged_table_is_named_and_the_rest_stays_readable() {
    let place = database(20_000);
    let table = files(&place, ".table").remove(0);
    change(&table, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    });
    let run = on(&place, "verify", &[]);
    let said = String::from_utf8(run.stdout).unwrap();
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{said}");
    let first = said.lines().next().unwrap();
    assert!(first.starts_with(&format!("{}: ", table.display())) && first.contains(" at byte "), "{said}");
    assert!(said.lines().last().unwrap().starts_with("1 problem; read: "), "{said}");

    let run = dump(&table, &["--entries"]);
    let shown = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert_eq!(shown.matches("!! ").count(), 1);
    assert!(shown.contains("key000001 @") && shown.contains("key019999 @"), "the other blocks are shown");

    assert_eq!(on(&place, "get", &["key000001"]).done(), "value of 1\n");
    assert_eq!(on(&place, "get", &["key019999"]).done(), "value of 19999\n");
    let run = on(&place, "scan", &[]);
    assert_eq!(run.code, Some(4));
    assert!(run.stderr.lines().count() == 1 && run.stderr.contains(".table"), "{}", run.stderr);
}

#[test]
fn a_truncated_table_is_named() {
    let place = database(5_000);
    let table = files(&place, ".table").remove(0);
    change(&table, |bytes| bytes.truncate(bytes.len() / 2));
    let run = on(&place, "verify", &["-q"]);
    let said = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, Some(1));
    assert!(said.contains(&table.display().to_string()), "{said}");
    assert_eq!(dump(&table, &[]).code, Some(4));
    for line in [on(&place, "get", &["key000001"]).refused(4), on(&place, "put", &["k", "v"]).refused(4)] {
        assert!(line.contains(".table"), "{line}");
    }
}

/// Each `put` is synced and each opening begins a new segment, which says where the one before it ends: so a bad frame in an old
/// segment is no torn tail.
#[test]
fn a_damaged_log_is_named_and_nothing_is_made_of_it() {
    let place = Place::new();
    on(&place, "put", &["first", "value"]).done();
    on(&place, "put", &["second", "value"]).done();
    let holds = |log: &PathBuf| fs::read(log).unwrap().windows(5).any(|bytes| bytes == b"first");
    let log = files(&place, ".log").into_iter().find(holds).unwrap();
    change(&log, |bytes| {
        let at = bytes.windows(5).position(|bytes| bytes == b"first").unwrap();
        bytes[at] = b'F';
    });
    let logs = || files(&place, ".log").into_iter().map(|log| fs::read(log).unwrap()).collect::<Vec<_>>();
    let before = logs();
    for line in [on(&place, "get", &["second"]).refused(4), on(&place, "put", &["k", "v"]).refused(4)] {
        assert!(line.contains(&log.display().to_string()), "{line}");
    }
    let run = on(&place, "verify", &["-q"]);
    let said = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.code, Some(1));
    assert!(said.contains(&format!("{}: no frame at byte 64", log.display())), "{said}");
    assert!(logs() == before, "a refused opening changed the log");
}

#[test]
fn a_lost_table_is_named() {
    let place = database(100);
    let table = files(&place, ".table").remove(0);
    fs::remove_file(&table).unwrap();
    let run = on(&place, "verify", &["-q"]);
    assert_eq!(run.code, Some(1));
    assert!(String::from_utf8(run.stdout).unwrap().contains(&table.display().to_string()));
    let run = on(&place, "get", &["key000001"]);
    assert!(matches!(run.code, Some(3 | 4)) && run.stderr.lines().count() == 1, "{}", run.stderr);
}

/// The version of each structure is raised, as a later program would write it; its checksum stays behind, which must not turn
/// "too new" into "damaged".
#[test]
fn a_later_format_is_refused_as_such() {
    let later = |ending: &str, at: &dyn Fn(usize) -> usize| {
        let place = database(100);
        let file = files(&place, ending).pop().unwrap();
        change(&file, |bytes| {
            let at = at(bytes.len());
            bytes[at] = 99;
        });
        let line = on(&place, "get", &["key000001"]).refused(4);
        assert!(line.contains("99") || line.contains("version"), "{ending}: {line}");
        let run = on(&place, "verify", &["-q"]);
        assert_eq!(run.code, Some(1), "{ending}");
        let shown = String::from_utf8(dump(&file, &[]).stdout).unwrap();
        assert!(shown.contains("!!") && shown.contains("version 99"), "{ending}: {shown}");
    };
    later(".table", &|len| len - 12);
    later(".manifest", &|_| 8);
    later(".catalog", &|_| 8);
    later("CURRENT", &|_| 8);
    later(".log", &|_| 8);
}

/// A file that came back from a backup: sound in itself, with the same keys and counts.
#[test]
fn a_sound_table_that_is_not_the_one_that_was_written_is_found() {
    let filled = |word: &str| {
        let place = Place::new();
        let lines: String = (0..2_000).map(|row| format!("key{row:06}\t{word} of {row:06}\n")).collect();
        let file = place.file("rows.tsv", format!("key\tvalue\n{lines}"));
        esker(args(&["import"]).then(place.db()).then(file)).done();
        place
    };
    let (place, other) = (filled("value"), filled("VALUE"));
    let (tables, others) = (files(&place, ".table"), files(&other, ".table"));
    assert_eq!(tables.len(), 1);
    let length = |path: &Path| fs::metadata(path).unwrap().len();
    assert_eq!(length(&tables[0]), length(&others[0]), "or the length gives it away");
    on(&place, "verify", &["-q"]).done();
    fs::copy(&others[0], &tables[0]).unwrap();
    let run = on(&place, "verify", &["-q"]);
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.code == Some(1) && said.contains("another checksum"), "{said}");
}

/// Whatever is done to a file, `dump` and `verify` end with a code of theirs: no panic, no endless loop.
#[test]
fn no_damage_makes_the_inspectors_panic() {
    let place = database(300);
    for (path, bytes) in everything(&place.db()) {
        if path.ends_with("LOCK") {
            continue;
        }
        // The front and the end of long files: a log is mostly zeros.
        let len = bytes.len();
        let places = (0..len.min(400)).step_by(13).chain((len.saturating_sub(300)..len).step_by(17));
        for at in places {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x81;
            fs::write(&path, damaged).unwrap();
            let code = dump(&path, &["--entries"]).code;
            assert!(matches!(code, Some(0 | 4)), "{}, byte {at}: {code:?}", path.display());
            if at % 5 == 0 {
                let code = on(&place, "verify", &["-q"]).code;
                assert!(matches!(code, Some(0 | 1 | 3)), "{}, byte {at}: {code:?}", path.display());
            }
        }
        for keep in [0, 1, 7, 31, 63, 64, 65, len / 2, len.saturating_sub(1)] {
            fs::write(&path, &bytes[..keep.min(len)]).unwrap();
            let code = dump(&path, &[]).code;
            assert!(matches!(code, Some(0 | 4)), "{}, {keep} bytes: {code:?}", path.display());
            assert!(matches!(on(&place, "verify", &["-q"]).code, Some(0 | 1 | 3)));
        }
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(on(&place, "verify", &["-q"]).code, Some(0));
}

/// The numbers in an ingested file are not those that it is read with.
#[test]
fn a_database_with_ingested_tables_is_called_sound() {
    let place = database(100);
    let db = ::esker::Database::open(place.db()).unwrap();
    let mut load = db.default_keyspace().ingestion().unwrap();
    for row in 0..50 {
        load.write(format!("loaded{row:02}"), "value").unwrap();
    }
    load.finish().unwrap();
    db.close().unwrap();
    drop(db);
    let said = on(&place, "verify", &[]).done();
    assert!(said.starts_with("sound: ") && said.contains("150 entries"), "{said}");
}

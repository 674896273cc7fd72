//! The tables say what the rows say, and a missed target is seen.

use crate::report::rows::{ALL, Unit};
use crate::report::table::{all, figure};
use crate::results::Results;
use crate::row::{Absence, EVERY_ROW, Reading, Row};

fn row(engine: &str, workload: &str, row: &str, value: f64) -> Row {
    Row {
        engine: engine.into(),
        workload: workload.into(),
        row: row.into(),
        repetition: 0,
        keys: 1_000,
        second: None,
        reading: Reading::Value(value),
    }
}

fn results(rows: &[Row]) -> Results {
    Results { run: None, rows: rows.to_vec() }
}

#[test]
fn figures_are_short() {
    assert_eq!(figure(2_345_678.0, Unit::PerSecond), "2.35M");
    assert_eq!(figure(234_567.0, Unit::PerSecond), "235k");
    assert_eq!(figure(2_345.0, Unit::PerSecond), "2.3k");
    assert_eq!(figure(12.345, Unit::Micros), "12.35");
    assert_eq!(figure(1_234.5, Unit::Micros), "1234");
    assert_eq!(figure(425.3, Unit::Mib), "425");
}

#[test]
fn a_missing_figure_is_a_dash_and_a_missed_target_is_bold() {
    let rows = [
        row("esker", "read", "readrandom", 900.0),
        row("rocksdb", "read", "readrandom", 100.0),
        row("heed", "read", "readrandom", 800.0),
        row("esker", "read", "fillrandom", 500.0),
        row("heed", "read", "fillrandom", 100.0),
        row("esker", "sustained", "put p99.9", 10.0),
        row("rocksdb", "sustained", "put p99.9", 20.0),
    ];
    let text = all(&results(&rows));
    assert!(text.contains("| readrandom | 900 | 100 | 800 |"), "{text}");
    assert!(text.contains("| fillrandom | 500 | – | 100 |"), "{text}");
    assert!(text.contains("≥ 5 × RocksDB: 9.00, **≥ 1.3 × LMDB: 1.12**"), "{text}");
    assert!(text.contains("**≤ 0.25 × RocksDB: 0.50**"), "less is better in latencies: {text}");
    assert!(!text.contains("scan"), "rows without figures are left out: {text}");
}

#[test]
fn what_was_cut_or_cannot_be_done_is_said() {
    let with = |reading, row| Row { reading, ..row };
    let rows = [
        row("esker", "lz4", "readrandom", 900.0),
        with(Reading::Cut(100.0), row("rocksdb", "lz4", "readrandom", 0.0)),
        with(Reading::Absent(Absence::Unsupported), row("heed", "lz4", EVERY_ROW, 0.0)),
        with(Reading::Absent(Absence::Failed), row("fjall", "lz4", EVERY_ROW, 0.0)),
    ];
    let text = all(&results(&rows));
    assert!(text.contains("| lz4: readrandom | 900 | 100 ‡ | not supported | failed |"), "{text}");
    assert!(text.contains("‡ time was up first"), "{text}");
    assert!(text.contains("| lz4: readrandom | 9.00 | – | – |"), "{text}");
}

#[test]
fn what_an_engine_promises_is_read_from_the_file() {
    let rows = [row("esker", "sync", "sync put", 100.0), row("a peer", "sync", "sync put", 900.0)];
    let run = serde_json::from_str(
        r#"{"command": "cargo xtask bench", "machine": "2 × Z80",
            "settings": {"cache_mib": 1, "row_seconds": 1.0, "load_seconds": 1, "sustained_seconds": 1},
            "engines": [{"engine": "a peer", "os": false, "device": false, "note": "syncs nothing"}]}"#,
    );
    let text = all(&Results { run: Some(run.expect("as a file has it")), rows: rows.to_vec() });
    assert!(text.contains("`cargo xtask bench` on 2 × Z80."), "{text}");
    assert!(text.contains("| | esker | a peer † |") && text.contains("| 900 † |"), "{text}");
    assert!(text.contains("a peer †: syncs nothing."), "{text}");
    assert!(!text.contains("× best"), "what is not synced is no peer in synced rows: {text}");
}

#[test]
fn a_scaling_run_has_a_table_by_keys_and_no_other() {
    let at = |engine: &str, keys, reading| Row {
        keys,
        reading,
        ..row(engine, "scaling", "fillrandom settled", 0.0)
    };
    let rows = [
        at("esker", 1_000_000, Reading::Value(900_000.0)),
        at("esker", 3_000_000, Reading::Value(800_000.0)),
        at("heed", 1_000_000, Reading::Value(100_000.0)),
        at("heed", 3_000_000, Reading::Cut(50_000.0)),
    ];
    let text = all(&results(&rows));
    assert!(text.contains("| | 1 | 3 |\n|---|--:|--:|\n| esker | 900k | 800k |"), "{text}");
    assert!(text.contains("| heed | 100k | not in time |"), "{text}");
    assert!(!text.contains("Ratios"), "{text}");
}

#[test]
fn tied_keys_are_compared_with_our_own_plain_ones() {
    let rows = [
        row("esker", "read", "readrandom", 1_000.0),
        row("esker", "group40", "readrandom", 500.0),
        row("fjall", "group40", "readrandom", 100.0),
    ];
    assert!(all(&results(&rows)).contains("**≥ 0.6 × own plain keys: 0.50**"));
}

#[test]
fn every_row_belongs_to_a_workload_and_stands_once() {
    for (at, spec) in ALL.iter().enumerate() {
        let known = crate::workload::ALL.iter().any(|workload| workload.name == spec.workload);
        assert!(known || spec.workload == crate::workload::SCALING, "{}", spec.workload);
        assert!(
            !ALL[..at].iter().any(|other| (other.workload, other.row) == (spec.workload, spec.row)),
            "{}",
            spec.title
        );
    }
}

//! What a database shows of itself: the report for people, and the text for Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use esker::{Database, KeyspaceOptions};

fn filled(folder: &std::path::Path) -> Database {
    let db = Database::builder(folder).background_threads(0).open().unwrap();
    let odd = db.keyspace("with \"quotes\" and \\", KeyspaceOptions::default()).unwrap();
    for i in 0..1000 {
        db.put(format!("key{i}"), "value").unwrap();
        odd.put(format!("key{i}"), "value").unwrap();
    }
    db.flush().unwrap();
    db.put("one more", "value").unwrap();
    db
}

#[test]
fn report_shows_the_shape_of_every_keyspace() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(folder.path());
    let _held = db.snapshot().unwrap();
    let report = db.report();
    assert_eq!(report.matches("\nkeyspace ").count() + 1, 2, "{report}");
    assert!(report.starts_with("keyspace default\n"), "{report}");
    let level = report.lines().find(|line| line.trim_start().starts_with("level 0")).unwrap();
    let words: Vec<_> = level.split_whitespace().collect();
    assert_eq!(words[..6], ["level", "0", "1", "1", "1000", "0"], "{report}");
    let visible = format!("visible: {} ", db.stats().visible_seqno);
    for part in ["active memtable", "flushes 1", "live snapshots: 1", "cache: ", "log: ", &visible] {
        assert!(report.contains(part), "{part} is missing:\n{report}");
    }
}

/// One sample: name, labels, value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Parses the exposition format, strictly: families stand together, `HELP` and `TYPE` come first, nothing twice.
fn parse(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'));
    let (mut samples, mut seen, mut families) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let (mut helped, mut family) = (String::new(), (String::new(), String::new()));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, about) = help.split_once(' ').unwrap();
            assert!(!about.is_empty() && families.insert(name.to_owned()), "{line}");
            name.clone_into(&mut helped);
        } else if let Some(ty) = line.strip_prefix("# TYPE ") {
            let (name, ty) = ty.split_once(' ').unwrap();
            assert!(name == helped && ["gauge", "counter"].contains(&ty), "{line}");
            assert_eq!(ty == "counter", name.ends_with("_total"), "{line}");
            family = (name.to_owned(), ty.to_owned());
        } else {
            let (name, labels, value) = sample(line);
            assert_eq!(name, family.0, "{line}");
            let ok = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.starts_with("esker_") && name.chars().all(ok), "{line}");
            assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
            samples.push((name, labels, value));
        }
    }
    samples
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let value = value.parse().unwrap();
    let Some((name, mut rest)) = series.split_once('{') else {
        return (series.to_owned(), BTreeMap::new(), value);
    };
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (label, quoted) = rest.trim_start_matches(',').split_once("=\"").unwrap();
        let (mut text, mut chars) = (String::new(), quoted.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => text.push(other),
            }
        };
        assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
        rest = &quoted[end + 1..];
    }
    (name.to_owned(), labels, value)
}

#[test]
fn prometheus_is_a_valid_exposition_of_what_stats_say() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(folder.path());
    let samples = parse(&db.prometheus());
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = samples.iter().find(|sample| sample.0 == name && sample.1 == labels);
        found.unwrap_or_else(|| panic!("{name} {labels:?}")).2
    };
    let stats = db.stats();
    assert_eq!(value("esker_visible_seqno", &[]), stats.visible_seqno as f64);
    assert_eq!(value("esker_read_only", &[]), 0.0);
    for keyspace in &stats.keyspaces {
        let label = ("keyspace", keyspace.name.as_str());
        assert_eq!(value("esker_level_entries", &[label, ("level", "0")]), 1000.0);
        assert_eq!(value("esker_level_entries", &[label, ("level", "6")]), 0.0);
        assert_eq!(value("esker_flushes_total", &[label]), 1.0);
        for counter in &keyspace.counters {
            value(&format!("esker_{}_total", counter.name), &[label]);
        }
    }
    assert_eq!(value("esker_memtable_entries", &[("keyspace", "default")]), 1.0);
    assert!(value("esker_log_written_bytes_total", &[]) > 10_000.0);
}

//! Values that expire: read in every way, at every place that they come to, up to the very millisecond of their expiry.

use std::sync::Arc;
use std::time::Duration;

use esker_env::fs::SharedFs;
use esker_env::memory::MemFs;
use esker_tree::{
    AppendOperator, Clock, Config, Error, ErrorKind, Kind, ManualClock, Range, ScanSinceEvent, SeqNo,
    SequenceNumberCounter, Slice, TableWriter, Tree, WriteBatch,
};

struct Setup {
    fs: Arc<MemFs>,
    clock: Arc<ManualClock>,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
    tree: Tree,
}

/// The clock's time when a setup begins.
const START: u64 = 1_000_000;

impl Setup {
    fn new() -> Self {
        let (fs, clock) = (Arc::new(MemFs::new()), Arc::new(ManualClock::new(START)));
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let tree = config(&fs, &clock, &seqno, &visible).open().unwrap();
        Self { fs, clock, seqno, visible, tree }
    }

    fn config(&self) -> Config {
        config(&self.fs, &self.clock, &self.seqno, &self.visible)
    }

    fn insert(&self, key: &str, value: &str) {
        self.tree.insert(key, value, self.seqno.next()).unwrap();
        self.visible.set(self.seqno.get());
    }

    /// For `millis` from now on.
    fn insert_for(&self, key: &str, value: &str, millis: u64) {
        let expires_at = self.clock.unix_millis() + millis;
        self.tree.insert_with_expiry(key, value, expires_at, self.seqno.next()).unwrap();
        self.visible.set(self.seqno.get());
    }

    fn merge(&self, key: &str, operand: &str) {
        self.tree.merge(key, operand, self.seqno.next()).unwrap();
        self.visible.set(self.seqno.get());
    }

    fn wait(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    fn get(&self, key: &str) -> Option<String> {
        self.tree.get(key, SeqNo::MAX).unwrap().map(|value| text(&value))
    }

    fn keys(&self) -> Vec<String> {
        entries(self.tree.iter(SeqNo::MAX).unwrap()).into_iter().map(|(key, _)| key).collect()
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }

    fn compact(&self) {
        self.flush();
        assert!(self.tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    }

    fn entries_in_tables(&self) -> u64 {
        self.tree.tables().iter().map(|table| table.entries).sum()
    }
}

fn config(
    fs: &Arc<MemFs>,
    clock: &Arc<ManualClock>,
    seqno: &SequenceNumberCounter,
    visible: &SequenceNumberCounter,
) -> Config {
    Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(Arc::clone(fs) as SharedFs)
        .with_clock(Arc::clone(clock) as Arc<dyn Clock>)
        .with_merge_operator(Arc::new(AppendOperator::new(b",")))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn entries(range: impl Iterator<Item = esker_tree::EntryGuard>) -> Vec<(String, String)> {
    let entries = range.map(|entry| entry.into_inner().unwrap());
    entries.map(|(key, value)| (text(&key), text(&value))).collect()
}

/// Where the entries of a test lie.
const PLACES: [&str; 3] = ["memtable", "level 0", "last level"];

fn bring_to(setup: &Setup, place: &str) {
    match place {
        "memtable" => {}
        "level 0" => setup.flush(),
        _ => setup.compact(),
    }
}

/// INV-TTL-1: every way to read a key, one millisecond before its expiry and at it.
#[test]
fn insert_with_expiry_shows_the_value_until_the_very_millisecond() {
    for place in PLACES {
        let setup = Setup::new();
        setup.insert_for("a", "short", 100);
        setup.insert_for("b", "", 100);
        setup.insert("c", "stays");
        setup.insert_for("d", "a value that does not fit into a slice by itself", 100);
        bring_to(&setup, place);
        let tree = &setup.tree;
        setup.wait(99);
        assert_eq!(setup.get("a").as_deref(), Some("short"), "{place}");
        assert_eq!(setup.get("b").as_deref(), Some(""), "{place}");
        assert_eq!(tree.get_latest(b"a", || SeqNo::MAX).unwrap().as_deref(), Some(b"short".as_slice()));
        assert_eq!(tree.get_pinned("d", SeqNo::MAX).unwrap().unwrap().len(), 48);
        assert_eq!(tree.size_of("a", SeqNo::MAX).unwrap(), Some(5), "without the expiry");
        assert_eq!(tree.size_of("b", SeqNo::MAX).unwrap(), Some(0));
        assert!(tree.contains_key("b", SeqNo::MAX).unwrap());
        assert!(tree.contains_prefix("d", SeqNo::MAX).unwrap());
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), 4);
        assert_eq!(setup.keys(), ["a", "b", "c", "d"]);
        let values = tree.multi_get(["d", "none", "a"], SeqNo::MAX).unwrap();
        assert_eq!(values[2].as_deref(), Some(b"short".as_slice()));
        assert_eq!(values[0].as_ref().unwrap().len(), 48);
        setup.wait(1);
        for key in ["a", "b", "d"] {
            assert_eq!(setup.get(key), None, "{place}");
            assert_eq!(tree.get_latest(key.as_bytes(), || SeqNo::MAX).unwrap(), None);
            assert!(tree.get_pinned(key, SeqNo::MAX).unwrap().is_none());
            assert_eq!(tree.size_of(key, SeqNo::MAX).unwrap(), None);
            assert_eq!(tree.size_of_latest(key.as_bytes(), || SeqNo::MAX).unwrap(), None);
            assert!(!tree.contains_key(key, SeqNo::MAX).unwrap());
            assert!(!tree.contains_key_latest(key.as_bytes(), || SeqNo::MAX).unwrap());
            assert!(!tree.contains_prefix(key, SeqNo::MAX).unwrap());
        }
        assert_eq!(tree.multi_get(["d", "c", "a"], SeqNo::MAX).unwrap().iter().flatten().count(), 1);
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), 1);
        assert_eq!(&*tree.first_key_value(SeqNo::MAX).unwrap().unwrap().0, b"c");
        assert_eq!(&*tree.last_key_value(SeqNo::MAX).unwrap().unwrap().0, b"c");
        assert!(!tree.is_empty(SeqNo::MAX).unwrap());
    }
}

/// INV-TTL-1: an expired value hides what is older, as a deletion does, wherever either lies.
#[test]
fn an_expired_value_hides_older_ones() {
    for place in PLACES {
        for newer_place in PLACES {
            let setup = Setup::new();
            setup.insert("key", "old");
            bring_to(&setup, place);
            setup.insert_for("key", "new", 10);
            bring_to(&setup, newer_place);
            assert_eq!(setup.get("key").as_deref(), Some("new"));
            setup.wait(10);
            assert_eq!(setup.get("key"), None, "{place}, {newer_place}");
            assert!(setup.keys().is_empty());
            setup.insert("key", "again");
            assert_eq!(setup.get("key").as_deref(), Some("again"));
            assert_eq!(setup.keys(), ["key"]);
        }
    }
}

#[test]
fn insert_with_ttl_counts_from_now_and_refuses_none() {
    let setup = Setup::new();
    let tree = &setup.tree;
    tree.insert_with_ttl("a", "1", Duration::from_millis(5), setup.seqno.next()).unwrap();
    tree.insert_with_ttl("b", "2", Duration::from_nanos(1), setup.seqno.next()).unwrap();
    tree.insert_with_ttl("c", "3", Duration::MAX, setup.seqno.next()).unwrap();
    let refused = tree.insert_with_ttl("d", "4", Duration::ZERO, setup.seqno.get()).unwrap_err();
    assert!(matches!(refused, Error::ZeroTtl) && refused.kind() == ErrorKind::InvalidInput);
    assert_eq!(setup.keys(), ["a", "b", "c"]);
    setup.wait(1);
    assert_eq!(setup.keys(), ["a", "c"]);
    setup.wait(4);
    assert_eq!(setup.keys(), ["c"]);
    tree.insert_with_expiry("e", "5", START, setup.seqno.next()).unwrap();
    tree.insert_with_expiry("c", "6", 0, setup.seqno.next()).unwrap();
    assert!(setup.keys().is_empty(), "an expiry in the past is a delete");
}

#[test]
fn try_insert_with_expiry_asks_for_room() {
    let setup = Setup::new();
    setup.tree.update_runtime_config(|config| config.storage_limit_bytes = Some(1));
    let refused = setup.tree.try_insert_with_expiry("a", "1", u64::MAX, setup.seqno.next()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NoSpace);
    setup.tree.update_runtime_config(|config| config.storage_limit_bytes = None);
    setup.tree.try_insert_with_expiry("a", "1", u64::MAX, setup.seqno.next()).unwrap();
    assert_eq!(setup.get("a").as_deref(), Some("1"));
}

/// INV-TTL-1: a range goes by the time at which it was made, both ways, however long it takes.
#[test]
fn a_range_keeps_the_time_at_which_it_was_made() {
    for place in PLACES {
        let setup = Setup::new();
        for (number, key) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            if number % 2 == 0 { setup.insert_for(key, key, 10) } else { setup.insert(key, key) }
        }
        bring_to(&setup, place);
        let made = || setup.tree.range("a"..="f", SeqNo::MAX).unwrap();
        let (early, mut early_back, mut both) = (made(), made(), made());
        let batch = setup.tree.batch_range_scan(["a"..="b", "e"..="e"], SeqNo::MAX).unwrap();
        setup.wait(10);
        let keys = |range: Range| entries(range).into_iter().map(|(key, _)| key).collect::<String>();
        assert_eq!(keys(early), "abcdef", "{place}");
        let mut backward = String::new();
        while let Some((key, value)) = early_back.next_back_ref().unwrap() {
            assert_eq!(key, value);
            backward.push_str(&text(key));
        }
        assert_eq!(backward, "fedcba");
        assert_eq!(batch.map(|(_, entry)| text(&entry.key().unwrap())).collect::<String>(), "abe");
        // To and fro over what needs a stop at every other key.
        both.seek_to(b"c").unwrap();
        assert_eq!(both.peek_key().unwrap(), Some(b"c".as_slice()));
        let mut step = |front: bool| {
            let entry = if front { both.next() } else { both.next_back() };
            entry.map(|entry| text(&entry.key().unwrap()))
        };
        let steps: Vec<_> = [true, false, true, false, true].map(&mut step).into_iter().flatten().collect();
        assert_eq!(steps, ["c", "f", "d", "e"]);
        assert_eq!(keys(made()), "bdf", "{place}");
        let reversed: Vec<_> = made().rev().map(|entry| text(&entry.key().unwrap())).collect();
        assert_eq!(reversed, ["f", "d", "b"]);
    }
}

/// A long run of values that all glides would take: none may step onto one that has expired.
#[test]
fn a_scan_does_not_glide_over_what_has_expired() {
    let setup = Setup::new();
    for number in 0..500 {
        let key = format!("key{number:04}");
        if number % 7 == 3 { setup.insert_for(&key, "soon", 50) } else { setup.insert(&key, "always") }
    }
    for place in PLACES {
        bring_to(&setup, place);
        assert_eq!(setup.tree.at_time(START + 49).len(SeqNo::MAX).unwrap(), 500, "{place}");
        let later = setup.tree.at_time(START + 50);
        assert_eq!(later.len(SeqNo::MAX).unwrap(), 429, "{place}");
        let forward = entries(later.iter(SeqNo::MAX).unwrap());
        assert!(forward.iter().all(|(_, value)| value == "always"), "{place}");
        let mut backward = entries(later.iter(SeqNo::MAX).unwrap().rev());
        backward.reverse();
        assert_eq!(forward, backward, "{place}");
    }
}

/// INV-TTL-1, INV-TTL-2: a snapshot sees what had not expired when it was taken, whatever the clock shows and whatever has been
/// compacted since; when it is gone, so is that.
#[test]
fn a_snapshot_keeps_its_time_through_compactions() {
    let setup = Setup::new();
    setup.insert_for("key", "value", 100);
    setup.insert_for("short", "value", 10);
    setup.wait(10);
    let snapshot = setup.tree.snapshot(setup.seqno.get()).unwrap();
    assert_eq!(snapshot.time(), START + 10);
    setup.wait(500);
    let later = setup.tree.snapshot(setup.seqno.get()).unwrap();
    for place in PLACES {
        bring_to(&setup, place);
        let bound = snapshot.bound();
        assert_eq!(setup.get("key"), None, "{place}");
        // Reads at the bound go by the first of the two that hold it.
        assert_eq!(setup.tree.get("key", bound).unwrap().as_deref(), Some(b"value".as_slice()), "{place}");
        assert_eq!(setup.tree.get("short", bound).unwrap(), None);
        assert_eq!(setup.tree.multi_get(["key", "short"], bound).unwrap().iter().flatten().count(), 1);
        assert_eq!(entries(setup.tree.iter(bound).unwrap()), [("key".into(), "value".into())]);
        assert_eq!(setup.tree.get_latest(b"key", || bound).unwrap(), None, "the latest is now");
        let (first, second) = (setup.tree.at_time(snapshot.time()), setup.tree.at_time(later.time()));
        assert!(first.contains_key("key", bound).unwrap() && !second.contains_key("key", bound).unwrap());
        assert_eq!((first.len(bound).unwrap(), second.len(bound).unwrap()), (1, 0));
    }
    assert_eq!(setup.entries_in_tables(), 1, "what had expired for both is gone");
    let again = snapshot.clone();
    drop(snapshot);
    setup.compact();
    assert_eq!(setup.tree.get("key", again.bound()).unwrap().as_deref(), Some(b"value".as_slice()));
    drop(again);
    setup.compact();
    assert_eq!(setup.entries_in_tables(), 0, "it had expired for the later one");
    assert_eq!(setup.tree.get("key", later.bound()).unwrap(), None);
}

/// INV-TTL-2: what a compaction has let go comes back for nobody, though the clock is set back.
#[test]
fn a_clock_that_is_set_back_brings_nothing_back() {
    let setup = Setup::new();
    setup.insert("key", "old");
    setup.compact();
    setup.insert_for("key", "new", 10);
    setup.wait(20);
    setup.flush();
    let traced = setup.tree.trace("key").unwrap();
    assert_eq!(
        (traced.versions[0].kind, traced.versions[0].value_bytes, traced.versions[0].expires_at),
        (Kind::ExpiringPut, 0, Some(0))
    );
    assert_eq!(traced.versions[1].expires_at, None);
    let back = setup.tree.at_time(START);
    assert_eq!(back.get("key", SeqNo::MAX).unwrap(), None);
    assert!(back.is_empty(SeqNo::MAX).unwrap());
}

/// INV-TTL-4: operands lie upon a value until it expires, and upon nothing from then on, whether or not anything was compacted.
#[test]
fn merge_onto_an_expiring_value_outlives_it() {
    for (base, operands) in PLACES.into_iter().flat_map(|base| PLACES.map(|operands| (base, operands))) {
        let setup = Setup::new();
        setup.insert_for("key", "base", 100);
        bring_to(&setup, base);
        setup.merge("key", "one");
        setup.merge("key", "two");
        bring_to(&setup, operands);
        let snapshot = setup.tree.snapshot(setup.seqno.get()).unwrap();
        let whole = || -> Vec<Option<String>> {
            let tree = &setup.tree;
            let scanned = |range: Range| entries(range).pop().map(|(_, value)| value);
            let multi = tree.multi_get(["key"], SeqNo::MAX).unwrap().pop().flatten();
            let mut back = tree.iter(SeqNo::MAX).unwrap();
            let back = back.next_back().map(|entry| text(&entry.value().unwrap()));
            vec![
                setup.get("key"),
                multi.map(|value| text(&value)),
                scanned(tree.iter(SeqNo::MAX).unwrap()),
                back,
            ]
        };
        assert_eq!(whole(), vec![Some("base,one,two".to_owned()); 4], "{base}, {operands}");
        setup.wait(100);
        assert_eq!(whole(), vec![Some("one,two".to_owned()); 4], "{base}, {operands}");
        let at_snapshot = || setup.tree.get("key", snapshot.bound()).unwrap().map(|value| text(&value));
        assert_eq!(at_snapshot().as_deref(), Some("base,one,two"));
        setup.compact();
        assert_eq!(at_snapshot().as_deref(), Some("base,one,two"), "{base}, {operands}");
        assert_eq!(whole(), vec![Some("one,two".to_owned()); 4]);
        drop(snapshot);
        setup.compact();
        assert_eq!(whole(), vec![Some("one,two".to_owned()); 4]);
        assert_eq!(setup.entries_in_tables(), 1, "the base is gone, and the operands are one value");
    }
}

/// INV-TTL-3: a weak delete meets its put and both go, expired or not.
#[test]
fn remove_weak_annihilates_with_an_expiring_value() {
    for wait in [0, 50] {
        let setup = Setup::new();
        setup.insert_for("key", "value", 50);
        setup.flush();
        setup.wait(wait);
        setup.tree.remove_weak("key", setup.seqno.next()).unwrap();
        setup.visible.set(setup.seqno.get());
        assert_eq!(setup.get("key"), None);
        setup.compact();
        assert_eq!(setup.entries_in_tables(), 0, "after {wait} ms");
        assert!(setup.keys().is_empty());
    }
}

#[test]
fn remove_range_covers_what_expires() {
    let setup = Setup::new();
    for key in ["a", "b", "c"] {
        setup.insert_for(key, "old", 100);
    }
    setup.flush();
    setup.tree.remove_range("a", "c", setup.seqno.next()).unwrap();
    setup.insert_for("b", "new", 50);
    setup.visible.set(setup.seqno.get());
    assert_eq!(setup.keys(), ["b", "c"]);
    setup.wait(50);
    assert_eq!(setup.keys(), ["c"]);
    setup.compact();
    assert_eq!((setup.keys(), setup.entries_in_tables()), (vec!["c".to_owned()], 1));
}

#[test]
fn an_expired_value_goes_with_the_last_compaction() {
    let setup = Setup::new();
    setup.insert_for("a", "1", 10);
    setup.insert_for("b", "2", 1_000);
    setup.insert("c", "3");
    setup.compact();
    let table = &setup.tree.tables()[0];
    assert_eq!((table.entries, table.expiring, table.tombstones), (3, 2, 0));
    let properties = &table.properties;
    assert_eq!((properties.earliest_expiry, properties.latest_expiry), (START + 10, START + 1_000));
    let levels = setup.tree.level_segment_stats();
    assert_eq!(levels.iter().map(|level| level.expiring).sum::<u64>(), 2);
    // All is in its place already, but for what has expired.
    setup.wait(10);
    setup.compact();
    assert_eq!((setup.entries_in_tables(), setup.tree.tables()[0].expiring), (2, 1));
    setup.wait(1_000);
    setup.compact();
    assert_eq!((setup.entries_in_tables(), setup.tree.tables()[0].expiring), (1, 0));
    assert_eq!(setup.keys(), ["c"]);
    assert_eq!(setup.tree.metrics().entries_expired.get(), 2);
}

/// A strategy takes what has expired for tombstones: a table of the last level in which much has is rewritten by itself, once.
#[test]
fn tables_full_of_expired_values_are_compacted_once_nobody_sees_them() {
    let setup = Setup::new();
    for number in 0..400 {
        let key = format!("key{number:04}");
        if number % 2 == 0 {
            setup.insert_for(&key, "soon", 10 + number);
        } else {
            setup.insert(&key, "always");
        }
    }
    setup.compact();
    let settle = || {
        let mut jobs = 0;
        while let Some(job) = setup.tree.pick_compaction(true) {
            job.run(SeqNo::MAX, &esker_tree::CancelToken::default()).unwrap();
            jobs += 1;
            assert!(jobs < 10, "it never ends");
        }
        jobs
    };
    assert_eq!((settle(), setup.entries_in_tables()), (0, 400));
    let snapshot = setup.tree.snapshot(setup.seqno.get()).unwrap();
    setup.wait(250);
    assert_eq!((settle(), setup.entries_in_tables()), (0, 400), "a snapshot sees them");
    drop(snapshot);
    assert_eq!((settle(), setup.entries_in_tables()), (1, 279));
    setup.wait(1_000);
    assert_eq!((settle(), setup.entries_in_tables()), (1, 200));
    assert_eq!(setup.tree.len(SeqNo::MAX).unwrap(), 200);
}

#[test]
fn insert_with_expiry_survives_a_reopening() {
    let setup = Setup::new();
    setup.insert_for("a", "1", 10);
    setup.insert_for("b", "2", 20);
    setup.flush();
    let Setup { fs, clock, seqno, visible, tree } = setup;
    drop(tree);
    let tree = config(&fs, &clock, &seqno, &visible).open().unwrap();
    let setup = Setup { fs, clock, seqno, visible, tree };
    assert_eq!(setup.keys(), ["a", "b"]);
    setup.wait(10);
    assert_eq!(setup.keys(), ["b"]);
    assert!(setup.tree.verify().damage.is_empty());
    setup.wait(10);
    assert!(setup.keys().is_empty());
}

#[test]
fn apply_batch_takes_values_that_expire() {
    let setup = Setup::new();
    let mut batch = WriteBatch::new();
    batch.insert_with_expiry("a", "1", START + 10);
    batch.insert("b", "2");
    setup.tree.apply_batch(batch.clone(), setup.seqno.next()).unwrap();
    assert_eq!(setup.keys(), ["a", "b"]);
    setup.wait(10);
    assert_eq!(setup.keys(), ["b"]);
    batch.insert_with_expiry("a", "twice", START);
    let refused = setup.tree.apply_batch(batch, setup.seqno.next()).unwrap_err();
    assert!(matches!(refused, Error::DuplicateKey { .. }));
}

#[test]
fn overlay_insert_with_expiry_hides_the_tree_until_then_and_after() {
    let setup = Setup::new();
    setup.insert("a", "tree");
    setup.insert("b", "tree");
    let writes = setup.tree.overlay_memtable();
    writes.insert_with_expiry("a", "mine", START + 10).unwrap();
    writes.insert_with_expiry("c", "mine", START + 20).unwrap();
    writes.merge("c", "more").unwrap();
    let mine = setup.tree.overlaid(writes.at(SeqNo::MAX)).unwrap();
    let seen = || {
        let scanned = entries(mine.iter(SeqNo::MAX).unwrap());
        let keys = ["a", "b", "c"];
        let got = keys.map(|key| mine.get(key, SeqNo::MAX).unwrap().map(|value| text(&value)));
        let multi = mine.multi_get(keys, SeqNo::MAX).unwrap();
        let multi: Vec<_> = multi.into_iter().map(|value| value.map(|value| text(&value))).collect();
        assert_eq!(got.to_vec(), multi);
        assert_eq!(
            keys.map(|key| mine.contains_key(key, SeqNo::MAX).unwrap()),
            got.clone().map(|v| v.is_some())
        );
        assert_eq!(
            keys.map(|key| mine.size_of(key, SeqNo::MAX).unwrap()),
            got.clone().map(|value| value.map(|value| value.len() as u32))
        );
        let found = keys.iter().zip(got).filter_map(|(key, value)| Some(((*key).to_owned(), value?)));
        assert_eq!(found.collect::<Vec<_>>(), scanned);
        scanned.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seen(), "a=mine b=tree c=mine,more");
    let early = mine.iter(SeqNo::MAX).unwrap();
    setup.wait(10);
    assert_eq!(seen(), "b=tree c=mine,more");
    setup.wait(10);
    assert_eq!(seen(), "b=tree c=more");
    assert_eq!(entries(early).len(), 3, "by the time at which it was made");
}

#[test]
fn ingestion_and_table_files_take_values_that_expire() {
    let setup = Setup::new();
    let mut load = setup.tree.ingestion().unwrap();
    load.write_with_expiry("a", "1", START + 10).unwrap();
    load.write("b", "2").unwrap();
    load.finish().unwrap();
    let mut file = TableWriter::create("file.table", &setup.config()).unwrap();
    file.write_with_expiry("c", "3", START + 20).unwrap();
    file.finish().unwrap();
    setup.tree.ingest_files(["file.table"], esker_tree::IngestOptions::default()).unwrap();
    assert_eq!(setup.keys(), ["a", "b", "c"]);
    assert_eq!(setup.tree.tables().iter().map(|table| table.expiring).sum::<u64>(), 2);
    setup.wait(10);
    assert_eq!(setup.keys(), ["b", "c"]);
    setup.wait(10);
    assert_eq!(setup.keys(), ["b"]);
    assert!(setup.tree.verify().damage.is_empty());
}

/// The feed tells the value and when it expires, from memory and from tables, though it has expired meanwhile.
#[test]
fn scan_since_seqno_tells_values_that_expire() {
    let setup = Setup::new();
    setup.tree.set_feed_horizon(Some(0)).unwrap();
    setup.insert_for("a", "1", 10);
    setup.insert("b", "2");
    for place in PLACES {
        bring_to(&setup, place);
        let told: Vec<_> = setup.tree.scan_since_seqno(0).map(Result::unwrap).collect();
        let (key, value) = (Slice::from("a"), Slice::from("1"));
        let first = ScanSinceEvent::ExpiringInsert { key, value, expires_at: START + 10, seqno: 0 };
        assert_eq!((told.len(), told[0].seqno()), (2, 0));
        assert_eq!(told[0], first, "{place}");
        setup.wait(20);
    }
    assert_eq!(setup.get("a"), None);
}

#[test]
fn trace_tells_the_length_of_a_value_and_its_expiry() {
    let setup = Setup::new();
    setup.insert_for("a", "12345", 10);
    let traced = setup.tree.trace("a").unwrap();
    assert_eq!((traced.versions[0].value_bytes, traced.versions[0].expires_at), (5, Some(START + 10)));
}

#[test]
fn a_checkpoint_keeps_expiries() {
    let setup = Setup::new();
    setup.insert_for("a", "1", 10);
    setup.tree.create_checkpoint(std::path::Path::new("copy")).unwrap();
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let copy = Config::new("copy", seqno, visible)
        .with_shared_fs(Arc::clone(&setup.fs) as SharedFs)
        .with_clock(Arc::clone(&setup.clock) as Arc<dyn Clock>)
        .with_merge_operator(Arc::new(AppendOperator::new(b",")))
        .open()
        .unwrap();
    assert_eq!(copy.get("a", SeqNo::MAX).unwrap().as_deref(), Some(b"1".as_slice()));
    setup.wait(10);
    assert_eq!(copy.get("a", SeqNo::MAX).unwrap(), None);
}

//! The change feed: every write once, in order, whatever flushes and compactions have made of the tree.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_tree::{
    AppendOperator, CancelToken, Config, Error, ErrorKind, LevelPolicy, Leveled, Result, ScanSince,
    ScanSinceEvent, SeqNo, SequenceNumberCounter, Tree, WriteBatch,
};

fn config(fs: &Arc<MemFs>, seqno: &SequenceNumberCounter, visible: &SequenceNumberCounter) -> Config {
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        target_table_bytes: 16 << 10,
        base_level_bytes: 32 << 10,
        level_multiplier: 4,
    };
    Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(Arc::clone(fs) as SharedFs)
        .data_block_size_policy(LevelPolicy::all(1 << 10))
        .compaction_strategy(Arc::new(strategy))
}

/// A tree, its generators, and all that was written.
struct Written {
    fs: Arc<MemFs>,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
    tree: Tree,
    log: Vec<Write>,
}

impl Written {
    fn new(change: impl FnOnce(Config) -> Config) -> Self {
        let fs = Arc::new(MemFs::new());
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let tree = change(config(&fs, &seqno, &visible)).open().unwrap();
        Self { fs, seqno, visible, tree, log: Vec::new() }
    }

    /// Overwrites and deletes a few hundred keys again and again.
    fn write(&mut self, count: u64) {
        for _ in 0..count {
            let seqno = self.seqno.next();
            let key = format!("key{:04}", seqno.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55);
            match seqno % 8 {
                0 => self.tree.remove(&key, seqno).map(|_| self.log.push((1, key, String::new()))).unwrap(),
                _ => {
                    let value = format!("value {seqno:030}");
                    self.tree.insert(&key, &value, seqno).unwrap();
                    self.log.push((0, key, value));
                }
            }
        }
        self.visible.set(self.seqno.get());
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }

    fn settle(&self) {
        while let Some(job) = self.tree.pick_compaction(true) {
            job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
        }
    }

    /// INV-FEED-4: exactly the writes from `since` on.
    fn check(&self, since: u64) {
        let told = told(self.tree.scan_since_seqno(since)).unwrap();
        let expected: Vec<_> = (since..).zip(self.log[since as usize..].iter().cloned()).collect();
        assert!(told == expected, "{} events from {since}, not {}", told.len(), expected.len());
    }

    fn reopen(self, change: impl FnOnce(Config) -> Config) -> Self {
        drop(self.tree);
        let tree = change(config(&self.fs, &self.seqno, &self.visible)).open().unwrap();
        Self { tree, ..self }
    }
}

/// 1 for a delete, key, value.
type Write = (u8, String, String);

fn told(events: ScanSince) -> Result<Vec<(SeqNo, Write)>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    events
        .map(|event| {
            Ok(match event? {
                ScanSinceEvent::Insert { key, value, seqno } => (seqno, (0, text(&key), text(&value))),
                ScanSinceEvent::PointTombstone { key, seqno, weak: false } => {
                    (seqno, (1, text(&key), String::new()))
                }
                other => panic!("nobody wrote {other:?}"),
            })
        })
        .collect()
}

#[test]
fn scan_since_seqno_tells_every_write_in_order_from_memory_and_tables() {
    let mut written = Written::new(|config| config);
    written.tree.set_feed_horizon(Some(0)).unwrap();
    for _ in 0..6 {
        written.write(1500);
        written.flush();
        written.settle();
    }
    written.write(700);
    written.tree.rotate_memtable();
    written.write(300);
    assert!(written.tree.level_segment_stats().iter().filter(|level| level.tables > 0).count() >= 2);
    for since in [0, 1, 1499, 5000, 8999, 9000, 9699, 9700, 9999, 10_000] {
        written.check(since);
    }
    let part = told(written.tree.scan_seqnos(1200..1300)).unwrap();
    assert_eq!((part.len(), part[0].0, part[99].0), (100, 1200, 1299));
    assert!(told(written.tree.scan_since_seqno(SeqNo::MAX)).unwrap().is_empty());
}

/// INV-FEED-3: the counter shows that blocks without newer writes were not read, and that no more than those were left out.
#[test]
fn scan_since_seqno_skips_blocks_that_the_index_shows_to_be_older() {
    let fs = Arc::new(MemFs::new());
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = config(&fs, &seqno, &visible).open().unwrap();
    tree.set_feed_horizon(Some(0)).unwrap();
    for i in 0..20_000 {
        tree.insert(format!("key{i:06}"), vec![b'v'; 40], seqno.next()).unwrap();
    }
    for i in 5_000..5_100 {
        tree.insert(format!("key{i:06}"), "new", seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    let blocks: u64 = tree.tables().iter().map(|table| table.data_blocks).sum();
    assert_eq!(tree.scan_since_seqno(20_000).count(), 100);
    let (read, skipped) = (tree.metrics().feed_blocks_read.get(), tree.metrics().feed_blocks_skipped.get());
    assert_eq!(read + skipped, blocks);
    // A hundred keys with two versions of some 50 bytes each, in blocks of 1 KiB.
    assert!((5..20).contains(&read), "{read} of {blocks} blocks were read");
    assert_eq!(tree.scan_since_seqno(0).count(), 20_100);
    assert_eq!(tree.metrics().feed_blocks_read.get(), read + blocks);
}

/// INV-FEED-3: the numbers that the index of an ingested table says count from the one that it was ingested with.
#[test]
fn scan_since_seqno_tells_what_was_ingested_and_passes_it_over_when_it_is_older() {
    let mut written = Written::new(|config| config);
    written.tree.set_feed_horizon(Some(0)).unwrap();
    written.write(100);
    written.flush();
    let mut load = written.tree.ingestion().unwrap();
    let keys: Vec<String> = (0..1000).map(|number| format!("loaded{number:04}")).collect();
    keys.iter().for_each(|key| load.write(key, key).unwrap());
    let at = load.finish().unwrap().seqno.unwrap();
    assert_eq!(at, 100);
    let mut events = told(written.tree.scan_since_seqno(at)).unwrap();
    events.sort();
    let loaded: Vec<_> = keys.iter().map(|key| (at, (0, key.clone(), key.clone()))).collect();
    assert!(events == loaded, "{} events", events.len());
    assert!(written.tree.metrics().feed_blocks_read.get() > 10);
    let read = written.tree.metrics().feed_blocks_read.get();
    assert_eq!(written.tree.scan_since_seqno(at + 1).count(), 0);
    assert_eq!(written.tree.metrics().feed_blocks_read.get(), read);
}

/// INV-FEED-4: more than fits the memory, over several passes of merging; the temporary files go.
#[test]
fn scan_since_seqno_sorts_outside_of_memory() {
    let mut written = Written::new(|config| config.feed_memory_bytes(1));
    written.tree.set_feed_horizon(Some(0)).unwrap();
    for _ in 0..8 {
        written.write(5_000);
        written.flush();
    }
    let temporary = |fs: &MemFs| {
        let names = fs.read_dir(Path::new("tree")).unwrap();
        names.iter().filter(|entry| entry.name.to_str().unwrap().ends_with(".tmp")).count()
    };
    let mut events = written.tree.scan_since_seqno(0);
    events.next().unwrap().unwrap();
    assert!(temporary(&written.fs) > 1, "nothing was spilled");
    drop(events);
    assert_eq!(temporary(&written.fs), 0);
    written.check(0);
    written.check(39_000);
    assert_eq!(temporary(&written.fs), 0);
    // What a crash left is deleted.
    written.fs.open(Path::new("tree/000777.table.tmp"), &OpenOptions::create_new()).unwrap();
    let written = written.reopen(|config| config);
    assert_eq!(temporary(&written.fs), 0);
    written.check(0);
}

fn oldest(events: ScanSince) -> Option<SeqNo> {
    let mut events = events;
    match events.next() {
        Some(Err(Error::HistoryGone { oldest })) => {
            assert!(events.next().is_none());
            Some(oldest)
        }
        _ => None,
    }
}

/// INV-FEED-2: without a horizon what a flush was allowed to touch is gone, also after a reopen.
#[test]
fn scan_since_seqno_refuses_what_may_be_gone() {
    let mut written = Written::new(|config| config);
    written.write(1000);
    written.tree.flush_active_memtable(400).unwrap();
    written.write(100);
    assert_eq!(written.tree.oldest_history(), 400);
    assert_eq!(oldest(written.tree.scan_since_seqno(399)), Some(400));
    assert_eq!(Error::HistoryGone { oldest: 400 }.kind(), ErrorKind::Outdated);
    written.check(400);
    written.flush();
    let mut written = written.reopen(|config| config);
    assert_eq!(oldest(written.tree.scan_since_seqno(1099)), Some(1100));
    assert!(matches!(written.tree.set_feed_horizon(Some(1099)), Err(Error::HistoryGone { oldest: 1100 })));
    assert!(matches!(written.tree.feed_cursor(1099), Err(Error::HistoryGone { oldest: 1100 })));
    written.write(10);
    written.check(1100);
    assert_eq!(written.tree.feed_horizon(), None);
}

/// INV-FEED-1: through flushes, compactions into the last level, and a reopen.
#[test]
fn set_feed_horizon_keeps_history_and_lets_go_of_it() {
    let mut written = Written::new(|config| config);
    written.tree.set_feed_horizon(Some(1500)).unwrap();
    for _ in 0..4 {
        written.write(1000);
        written.flush();
        written.settle();
    }
    written.tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    let kept: u64 = written.tree.tables().iter().map(|table| table.entries).sum();
    assert_eq!((written.tree.oldest_history(), written.tree.feed_horizon()), (1500, Some(1500)));
    assert_eq!(oldest(written.tree.scan_since_seqno(1499)), Some(1500));
    written.check(1500);
    let mut written = written.reopen(|config| config);
    assert_eq!(written.tree.feed_horizon(), Some(1500), "found again");
    written.write(10);
    written.flush();
    written.tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    written.check(1500);
    written.tree.set_feed_horizon(Some(4000)).unwrap();
    assert!(matches!(written.tree.set_feed_horizon(Some(1499)), Err(Error::HistoryGone { oldest: 1500 })));
    let mut written = written.reopen(|config| config);
    written.write(10);
    written.flush();
    written.tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    written.check(4000);
    written.tree.set_feed_horizon(None).unwrap();
    let mut written = written.reopen(|config| config);
    assert_eq!(written.tree.feed_horizon(), None);
    written.write(10);
    written.flush();
    written.tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    let left: u64 = written.tree.tables().iter().map(|table| table.entries).sum();
    assert!(
        left <= 512 && left < kept / 3,
        "{left} of {kept} entries are left: nothing keeps the old versions"
    );
    assert_eq!(written.tree.oldest_history(), 4030);
}

/// A strategy that wants to drop what the horizon keeps would pick the same job for ever.
#[test]
fn set_feed_horizon_gives_compactions_no_work_that_they_cannot_do() {
    let mut written = Written::new(|config| config);
    written.tree.set_feed_horizon(Some(0)).unwrap();
    for _ in 0..6 {
        written.write(2000);
        written.flush();
    }
    let mut jobs = 0;
    while let Some(job) = written.tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
        jobs += 1;
        assert!(jobs < 200, "compactions find no end");
    }
    written.check(0);
}

#[test]
fn feed_cursor_keeps_history_from_its_place_on() {
    let mut written = Written::new(|config| config);
    written.write(500);
    let first = written.tree.feed_cursor(100).unwrap();
    let second = written.tree.feed_cursor(300).unwrap();
    for _ in 0..3 {
        written.write(500);
        written.flush();
        written.settle();
    }
    assert_eq!(told(first.events()).unwrap().len(), 1900);
    written.check(100);
    first.advance(1000);
    first.advance(50);
    assert_eq!((first.place(), written.tree.feed_horizon()), (1000, Some(300)));
    drop(second);
    written.write(500);
    written.flush();
    written.tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    assert_eq!(written.tree.oldest_history(), 1000);
    assert_eq!(told(first.events()).unwrap()[0].0, 1000);
    // The process ends: the cursor's place is found again, and holds until the caller sets another.
    drop(first);
    let mut written = written.reopen(|config| config);
    assert_eq!(written.tree.feed_horizon(), Some(1000));
    let again = written.tree.feed_cursor(1000).unwrap();
    written.tree.set_feed_horizon(None).unwrap();
    written.write(500);
    written.flush();
    assert_eq!(told(again.events()).unwrap().len(), 2000);
    // What is not published is not told yet.
    written.visible.set(2000);
    assert_eq!(told(again.events()).unwrap().len(), 1000);
}

#[test]
fn feed_history_bytes_caps_what_is_kept() {
    let mut written = Written::new(|config| config.feed_history_bytes(100 << 10));
    let cursor = written.tree.feed_cursor(0).unwrap();
    written.write(1000);
    written.flush();
    assert_eq!(written.tree.feed_horizon(), Some(0));
    written.check(0);
    for _ in 0..5 {
        written.write(1000);
        written.flush();
    }
    let horizon = written.tree.feed_horizon().unwrap();
    assert!((1000..6000).contains(&horizon) && horizon.is_multiple_of(1000), "{horizon}");
    written.write(1000);
    written.flush();
    assert_eq!(oldest(cursor.events()), Some(written.tree.oldest_history()));
    written.check(written.tree.oldest_history());
    // After a reopen what is kept is counted again.
    drop(cursor);
    let horizon = written.tree.feed_horizon();
    assert_eq!(horizon, None);
}

/// A view is taken before history is asked: no job that is installed in between makes a hole.
#[test]
fn scan_since_seqno_races_compactions_without_holes() {
    let mut written = Written::new(|config| config);
    written.write(2000);
    let (tree, done) = (written.tree.clone(), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=20 {
                tree.flush_active_memtable(round * 100).unwrap();
                tree.major_compact(1 << 20, round * 100).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let since = written.tree.oldest_history();
            match told(written.tree.scan_since_seqno(since)) {
                Ok(events) => assert_eq!(events.len() as u64, 2000 - since),
                Err(error) => assert!(matches!(error, Error::HistoryGone { .. }), "{error}"),
            }
        }
    });
}

/// INV-FEED-2: no horizon keeps what is erased.
#[test]
fn scan_since_seqno_knows_what_clear_and_drop_range_erased() {
    let mut written = Written::new(|config| config);
    written.tree.set_feed_horizon(Some(0)).unwrap();
    written.write(500);
    written.flush();
    written.tree.clear().unwrap();
    written.write(10);
    written.check(500);
    let mut written = written.reopen(|config| config);
    assert_eq!(
        (oldest(written.tree.scan_since_seqno(499)), written.tree.feed_horizon()),
        (Some(500), Some(500))
    );
    written.write(90);
    written.flush();
    assert_eq!(written.tree.drop_range::<&str>(..).unwrap().tables, 1);
    assert_eq!(oldest(written.tree.scan_since_seqno(599)), Some(600));
}

/// INV-FEED-1, for operands: they are not folded while a feed may want them. And what else writes there are.
#[test]
fn scan_since_seqno_tells_operands_weak_deletes_and_batches() {
    let written = Written::new(|config| config.with_merge_operator(Arc::new(AppendOperator::new("+"))));
    let tree = &written.tree;
    tree.set_feed_horizon(Some(0)).unwrap();
    tree.insert("key", "base", written.seqno.next()).unwrap();
    tree.merge("key", "a", written.seqno.next()).unwrap();
    tree.merge("key", "b", written.seqno.next()).unwrap();
    tree.insert("weak", "x", written.seqno.next()).unwrap();
    tree.remove_weak("weak", written.seqno.next()).unwrap();
    let mut batch = WriteBatch::new();
    batch.insert("one", "1");
    batch.merge("key", "c");
    batch.merge("key", "d");
    batch.remove("two");
    tree.apply_batch(batch, written.seqno.next()).unwrap();
    written.visible.set(written.seqno.get());
    let events = || {
        let events: Vec<_> = tree.scan_since_seqno(1).map(|event| event.unwrap()).collect();
        let operands = events.iter().filter_map(|event| match event {
            ScanSinceEvent::MergeOperand { operand, .. } => Some(operand.to_vec()),
            _ => None,
        });
        // Also those of the batch, which have one number.
        assert_eq!(operands.collect::<Vec<_>>(), [b"a", b"b", b"c", b"d"]);
        let mut lines: Vec<_> = events.iter().map(|event| (event.seqno(), format!("{event:?}"))).collect();
        lines.sort();
        lines
    };
    let expected = events();
    assert_eq!(expected.iter().map(|(seqno, _)| *seqno).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 5, 5, 5]);
    assert!(
        expected[3].1.ends_with("weak: true }") && expected[7].1.ends_with("weak: false }"),
        "{expected:?}"
    );
    assert!(expected[2].1.starts_with("Insert") && expected[4].1.starts_with("Insert"), "{expected:?}");
    written.flush();
    assert_eq!(events(), expected);
    tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    assert_eq!(events(), expected);
    assert_eq!(tree.get("key", SeqNo::MAX).unwrap().as_deref(), Some(b"base+a+b+c+d".as_slice()));
}

/// INV-FEED-4: tables hold clipped pieces of range deletes; a feed tells each once and whole.
#[test]
fn scan_since_seqno_tells_each_range_delete_once() {
    let mut written = Written::new(|config| config);
    written.tree.set_feed_horizon(Some(0)).unwrap();
    let range = |from: u64, to: u64| (format!("key{from:04}"), format!("key{to:04}"));
    let mut deletes = Vec::new();
    let told = |tree: &Tree, since: SeqNo| -> Vec<(SeqNo, String, String)> {
        let mut last = 0;
        let events = tree.scan_since_seqno(since).filter_map(|event| {
            let event = event.unwrap();
            assert!(event.seqno() >= last);
            last = event.seqno();
            let ScanSinceEvent::RangeTombstone { start, end, seqno } = event else { return None };
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            Some((seqno, text(&start), text(&end)))
        });
        events.collect()
    };
    for round in 0..6u64 {
        written.write(800);
        for (from, to) in [(0, 512), (round * 40, round * 40 + 100), (300, 301)] {
            let (seqno, (start, end)) = (written.seqno.next(), range(from, to));
            written.tree.remove_range(&start, &end, seqno).unwrap();
            written.log.push((2, start.clone(), end.clone()));
            deletes.push((seqno, start, end));
        }
        written.visible.set(written.seqno.get());
        assert_eq!(told(&written.tree, 0), deletes, "in memory, round {round}");
        written.flush();
        assert_eq!(told(&written.tree, 0), deletes, "in tables, round {round}");
        written.settle();
        assert_eq!(told(&written.tree, 0), deletes, "compacted, round {round}");
    }
    written.tree.major_compact(4 << 10, SeqNo::MAX).unwrap();
    assert!(written.tree.tables().len() > 8);
    assert_eq!(told(&written.tree, 0), deletes);
    assert_eq!(told(&written.tree, deletes[9].0), deletes[9..]);
    assert_eq!(written.tree.scan_since_seqno(0).count(), written.log.len());
}

/// INV-FEED-7: all of an ingestion or nothing, whatever history is gone.
#[test]
fn ingested_tables_tell_an_ingestion_as_long_as_they_are_as_they_came() {
    let written = Written::new(|config| config.with_merge_operator(Arc::new(AppendOperator::new(","))));
    let tree = &written.tree;
    tree.insert("b", "old", written.seqno.next()).unwrap();
    let mut load = tree.ingestion().unwrap();
    load.write_range_tombstone("a", "c").unwrap();
    load.write("a", "1").unwrap();
    load.write_merge("b", "2").unwrap();
    load.write_tombstone("c").unwrap();
    let seqno = load.finish().unwrap().seqno.unwrap();
    tree.insert("z", "later", written.seqno.next()).unwrap();
    written.visible.set(written.seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(matches!(tree.scan_seqnos(seqno..seqno + 1).next(), Some(Err(Error::HistoryGone { .. }))));
    assert!(tree.ingested_tables(seqno, 2).is_none(), "not all of them");
    assert!(tree.ingested_tables(seqno + 1, 1).is_none());
    let tables = tree.ingested_tables(seqno, 1).unwrap();
    assert!(tables.file_bytes() > 0);
    let told = || tables.events().map(|event| event.unwrap()).collect::<Vec<_>>();
    let before = told();
    assert_eq!(before.len(), 4);
    assert!(matches!(&before[0], ScanSinceEvent::RangeTombstone { seqno: at, .. } if *at == seqno));
    let has = |wanted: fn(&ScanSinceEvent) -> bool| before.iter().filter(|event| wanted(event)).count();
    assert_eq!(has(|event| matches!(event, ScanSinceEvent::Insert { .. })), 1);
    assert_eq!(has(|event| matches!(event, ScanSinceEvent::MergeOperand { .. })), 1);
    assert_eq!(has(|event| matches!(event, ScanSinceEvent::PointTombstone { .. })), 1);
    tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    assert!(tree.ingested_tables(seqno, 1).is_none());
    assert_eq!(told(), before, "whoever has them keeps their files");
}

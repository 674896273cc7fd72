//! A replica that is built from the change feed equals its source: over everything that changes a database, from log and from
//! tables, followed without a pause and resumed at any place.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker::{
    AppendOperator, Change, ChangeOperation, Changes, Database, Durability, Error, IngestMode, IngestOptions,
    Keyspace, KeyspaceOptions, Result,
};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a feed has told, applied number by number.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) keyspaces: BTreeMap<String, Map>,
    /// Where to go on.
    next: u64,
    /// Changes with one number, of which more may come.
    open: Vec<Change>,
}

impl Replica {
    /// Takes up to `most` changes. Those with one number are applied when all of them are there.
    pub(crate) fn follow(&mut self, changes: &mut Changes, most: usize) -> Result<usize> {
        for told in 0..most {
            let Some(change) = changes.next() else { return Ok(told) };
            let change = change?;
            assert!(change.seqno >= self.next, "{change:?} comes again, behind {}", self.next);
            let seqno = change.seqno;
            assert!(self.open.first().is_none_or(|open| open.seqno == seqno), "{:?}, {change:?}", self.open);
            self.open.push(change);
            if changes.next_seqno() > seqno {
                self.next = changes.next_seqno();
                for change in std::mem::take(&mut self.open) {
                    self.apply(change);
                }
            }
        }
        Ok(most)
    }

    /// Where to go on with a feed that begins anew: what was not told whole will be told again.
    fn resume(&mut self) -> u64 {
        self.open.clear();
        self.next
    }

    fn apply(&mut self, change: Change) {
        let map = self.keyspaces.entry(change.keyspace.to_string()).or_default();
        match change.operation {
            ChangeOperation::Put { key, value } => drop(map.insert(key.to_vec(), value.to_vec())),
            ChangeOperation::Delete { key } | ChangeOperation::SingleDelete { key } => {
                drop(map.remove(&*key));
            }
            ChangeOperation::Merge { key, operand } => match map.get_mut(&*key) {
                Some(value) => value.extend([b",", &*operand].concat()),
                None => drop(map.insert(key.to_vec(), operand.to_vec())),
            },
            ChangeOperation::DeleteRange { start, end } => {
                map.retain(|key, _| key[..] < *start || key[..] >= *end);
            }
            ChangeOperation::Clear => map.clear(),
            other => panic!("{other:?}"),
        }
    }

    /// What the database holds at one moment, and where its feed goes on from there.
    fn copy(db: &Database, keyspaces: &[Keyspace]) -> Self {
        let snapshot = db.snapshot().unwrap();
        let copied = keyspaces.iter().map(|keyspace| {
            let entries = snapshot.scan_in::<&[u8]>(keyspace, ..).map(|entry| entry.unwrap());
            let map = entries.map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            (keyspace.name().to_owned(), map)
        });
        Self { keyspaces: copied.collect(), next: snapshot.seqno(), open: Vec::new() }
    }

    pub(crate) fn assert_equals(&self, keyspace: &Keyspace, what: &str) {
        let source: Map = keyspace
            .iter()
            .map(|entry| entry.unwrap())
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect();
        let nothing = Map::new();
        let replica = self.keyspaces.get(keyspace.name()).unwrap_or(&nothing);
        let text =
            |map: &Map, key: &Vec<u8>| map.get(key).map(|value| String::from_utf8_lossy(value).into_owned());
        for key in source.keys().chain(replica.keys()) {
            let (of_source, of_replica) = (text(&source, key), text(replica, key));
            let key = String::from_utf8_lossy(key);
            assert_eq!(of_source, of_replica, "{what}: {key} of {}: source and replica", keyspace.name());
        }
    }
}

/// How a run goes.
#[derive(Clone, Copy, Debug)]
struct Style {
    threads: usize,
    /// History is kept in tables, and the feed is dropped and resumed at will; else it lives as long as the database is open.
    horizon: bool,
    /// Whether keyspaces are cleared and ranges dropped: then history in tables may be gone.
    erases: bool,
    max_wal_bytes: u64,
}

struct Run {
    fs: Arc<MemFs>,
    style: Style,
    random: SeededRandom,
    db: Database,
    keyspaces: Vec<Keyspace>,
    changes: Option<Changes>,
    replica: Replica,
    /// How often each kind of step was taken, and how often the replica had to be made anew.
    files: u64,
    ingestions: usize,
    clears: usize,
    begun_anew: usize,
    resumed: usize,
}

fn open(fs: &Arc<MemFs>, style: Style) -> (Database, Vec<Keyspace>) {
    let appending = || KeyspaceOptions::new().merge_operator(Arc::new(AppendOperator::new(",")));
    let db = Database::builder("/db")
        .fs(Arc::clone(fs) as Arc<dyn Fs>)
        .background_threads(style.threads)
        .memory_budget(8 << 20)
        .memtable_bytes(16 << 10)
        .log_segment_bytes(8 << 10)
        .max_wal_bytes(style.max_wal_bytes)
        .keyspace_resolver(move |_| appending())
        .open()
        .unwrap();
    let keyspaces = vec![db.default_keyspace(), db.keyspace("other", appending()).unwrap()];
    (db, keyspaces)
}

impl Run {
    fn new(seed: u64, style: Style) -> Self {
        let fs = Arc::new(MemFs::new());
        let (db, keyspaces) = open(&fs, style);
        if style.horizon {
            db.set_feed_horizon(Some(0)).unwrap();
        }
        let changes = Some(db.changes_since(0).unwrap());
        Self {
            fs,
            style,
            random: SeededRandom::new(seed),
            db,
            keyspaces,
            changes,
            replica: Replica::default(),
            files: 0,
            ingestions: 0,
            clears: 0,
            begun_anew: 0,
            resumed: 0,
        }
    }

    fn below(&self, limit: u64) -> u64 {
        self.random.next_u64() % limit
    }

    fn key(&self) -> String {
        format!("{:03}", self.below(300))
    }

    fn value(&self) -> String {
        format!("{:x}", self.random.next_u64()).repeat(self.below(8) as usize + 1)
    }

    fn range(&self) -> (String, String) {
        let (a, b) = (self.key(), self.key());
        if a <= b { (a, b) } else { (b, a) }
    }

    fn step(&mut self) {
        let keyspace = self.keyspaces[self.below(2) as usize].clone();
        match self.below(100) {
            0..40 => keyspace.put(self.key(), self.value()).unwrap(),
            40..50 => keyspace.delete(self.key()).unwrap(),
            50..58 => keyspace.merge(self.key(), self.value()).unwrap(),
            58..62 => {
                let (start, end) = self.range();
                keyspace.delete_range(start, end).unwrap();
            }
            62..68 => {
                let mut batch = self.db.batch();
                for _ in 0..self.below(30) {
                    batch.put_in(&self.keyspaces[self.below(2) as usize], self.key(), self.value());
                }
                batch.commit().unwrap();
            }
            68..73 => self.load(&keyspace),
            73..76 => self.ingest_files(&keyspace),
            76..78 if self.style.erases => {
                keyspace.clear().unwrap();
                self.clears += 1;
            }
            78..80 if self.style.erases => {
                let (start, end) = self.range();
                keyspace.drop_range(start..end).unwrap();
            }
            80..83 => self.db.flush().unwrap(),
            83..85 => self.db.compact().unwrap(),
            85..87 => self.db.persist(Durability::Sync).unwrap(),
            87..94 => self.follow(self.below(60) as usize),
            94..97 => self.catch_up(),
            97..99 => self.resume(),
            _ => self.reopen(),
        }
    }

    /// A bulk load of some values, operands and tombstones, and of a range delete before them.
    fn load(&mut self, keyspace: &Keyspace) {
        let mut load = keyspace.ingestion().unwrap();
        let keys: std::collections::BTreeSet<String> = (0..self.below(40)).map(|_| self.key()).collect();
        if self.below(3) == 0 {
            let (start, end) = self.range();
            load.write_range_tombstone(start, end).unwrap();
        }
        for key in &keys {
            match self.below(6) {
                0 => load.write_tombstone(key).unwrap(),
                1 => load.write_merge(key, self.value()).unwrap(),
                _ => load.write(key, self.value()).unwrap(),
            }
        }
        self.ingestions += usize::from(load.finish().unwrap().seqno.is_some());
    }

    /// Two files of neighbouring keys, as one ingestion.
    fn ingest_files(&mut self, keyspace: &Keyspace) {
        let from = self.below(200);
        let mut paths = Vec::new();
        for at in [from, from + 50] {
            self.files += 1;
            paths.push(format!("/{}.table", self.files));
            let mut writer = keyspace.table_writer(&paths[paths.len() - 1]).unwrap();
            for key in at..at + 1 + self.below(40) {
                writer.write(format!("{key:03}"), self.value()).unwrap();
            }
            writer.finish().unwrap();
        }
        let options = IngestOptions { mode: IngestMode::Move, ..IngestOptions::default() };
        keyspace.ingest_files(&paths, options).unwrap();
        self.ingestions += 1;
    }

    /// Begins a feed where the replica stands, or with a new copy where the history is gone.
    fn begin(&mut self) {
        let opened = self.db.changes_since(self.replica.resume());
        match opened {
            Ok(changes) => self.changes = Some(changes),
            Err(error) => self.begin_anew(&error),
        }
    }

    fn begin_anew(&mut self, error: &Error) {
        assert!(matches!(error, Error::HistoryGone { .. }), "{error}");
        self.begun_anew += 1;
        self.replica = Replica::copy(&self.db, &self.keyspaces);
        self.changes = Some(self.db.changes_since(self.replica.next).unwrap());
    }

    fn follow(&mut self, most: usize) {
        let mut changes = self.changes.take().unwrap();
        match self.replica.follow(&mut changes, most) {
            Ok(_) => self.changes = Some(changes),
            Err(error) => {
                let again = changes.next().unwrap().unwrap_err();
                assert_eq!(again.to_string(), error.to_string(), "nothing is told behind an error");
                self.begin_anew(&error);
            }
        }
    }

    fn catch_up(&mut self) {
        self.follow(usize::MAX);
        for keyspace in &self.keyspaces {
            self.replica.assert_equals(keyspace, &format!("{:?}", self.style));
        }
    }

    /// Drops the feed, amid an ingestion perhaps, and goes on where it was.
    fn resume(&mut self) {
        if self.style.horizon {
            self.changes = None;
            self.resumed += 1;
            self.begin();
        }
    }

    fn reopen(&mut self) {
        if !self.style.horizon {
            // What follows without a horizon may find that a compaction has taken what it wants.
            self.catch_up();
        }
        self.changes = None;
        self.keyspaces.clear();
        self.db.close().unwrap();
        (self.db, self.keyspaces) = open(&self.fs, self.style);
        self.begin();
    }
}

/// INV-FEED-7, INV-ERASE-9, INV-ERASE-8: ingestions, clears and dropped ranges are told in their place.
#[test]
fn changes_since_makes_a_replica_that_equals_its_source() {
    let alive = Style { threads: 0, horizon: false, erases: true, max_wal_bytes: 64 << 20 };
    let styles = [
        alive,
        Style { threads: 2, ..alive },
        Style { horizon: true, erases: false, max_wal_bytes: 64 << 10, ..alive },
        Style { threads: 2, horizon: true, erases: false, max_wal_bytes: 64 << 10 },
        Style { horizon: true, max_wal_bytes: 64 << 10, ..alive },
    ];
    for (number, style) in styles.into_iter().enumerate() {
        for seed in 0..4 {
            let mut run = Run::new(seed * 100 + number as u64, style);
            for _ in 0..800 {
                run.step();
            }
            run.catch_up();
            assert!(run.ingestions > 20, "{style:?}: {} ingestions", run.ingestions);
            if style.erases {
                assert!(run.clears > 4, "{style:?}: {} clears", run.clears);
            }
            // A feed that lives, and one whose history is kept, are told everything.
            if !style.horizon || !style.erases {
                assert_eq!(run.begun_anew, 0, "{style:?}, seed {seed}");
            }
            assert_eq!(style.horizon, run.resumed > 0, "{style:?}");
        }
    }
}

/// INV-FEED-7: without a horizon, an ingestion is told from its tables as long as they are as they came, and never passed over once
/// they are gone.
#[test]
fn changes_since_tells_an_ingestion_from_its_tables_or_says_that_it_is_gone() {
    let fs = Arc::new(MemFs::new());
    let style = Style { threads: 0, horizon: false, erases: false, max_wal_bytes: 64 << 20 };
    let (db, keyspaces) = open(&fs, style);
    db.put("a", "before").unwrap();
    let load = |db: &Database, value: &str| {
        let mut load = db.default_keyspace().ingestion().unwrap();
        load.write("a", value).unwrap();
        load.write_tombstone("b").unwrap();
        load.write("c", value).unwrap();
        load.finish().unwrap().seqno.unwrap()
    };
    let seqno = load(&db, "loaded");
    // A flush lets history go.
    db.put("z", "after").unwrap();
    db.flush().unwrap();
    let mut changes = db.changes_since(seqno).unwrap();
    let mut told: Vec<Change> = changes.by_ref().take(2).map(|change| change.unwrap()).collect();
    assert_eq!(changes.next_seqno(), seqno, "more of the ingestion is to come");
    told.extend(changes.by_ref().take(1).map(|change| change.unwrap()));
    assert_eq!(changes.next_seqno(), seqno + 1);
    assert!(told.iter().all(|change| change.seqno == seqno));
    told.sort_by_key(|change| format!("{:?}", change.operation));
    let key = |key: &str| esker::Slice::from(key.as_bytes().to_vec());
    let value = || key("loaded");
    let expected = [
        ChangeOperation::Delete { key: key("b") },
        ChangeOperation::Put { key: key("a"), value: value() },
        ChangeOperation::Put { key: key("c"), value: value() },
    ];
    assert_eq!(told.into_iter().map(|change| change.operation).collect::<Vec<_>>(), expected);
    assert_eq!(changes.by_ref().count(), 1);

    // A live feed keeps the tables, whatever becomes of them.
    let seqno = load(&db, "again");
    db.compact().unwrap();
    let mut late = db.changes_since(seqno).unwrap();
    let mut replica = Replica { next: seqno, ..Replica::default() };
    assert_eq!(replica.follow(&mut changes, usize::MAX).unwrap(), 3);
    drop(changes);
    assert_eq!(late.by_ref().count(), 3, "it has the tables by the feed that was there before");
    drop(late);
    let gone = db.changes_since(seqno).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(gone, Error::HistoryGone { oldest } if oldest > seqno), "{gone}");
    drop(keyspaces);
}

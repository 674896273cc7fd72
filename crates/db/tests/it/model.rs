//! Random operations against a model, over several keyspaces, with flushes, compactions, snapshots and reopenings in
//! between, for several option sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker::{Database, Durability, Keyspace, KeyspaceOptions, Snapshot};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};

const KEYSPACES: usize = 3;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
type Model = [Map; KEYSPACES];

#[derive(Clone, Copy, Debug)]
struct Options {
    threads: usize,
    memtable_bytes: usize,
    segment_bytes: u64,
    durability: Durability,
}

struct Run {
    fs: Arc<MemFs>,
    options: Options,
    random: SeededRandom,
    db: Database,
    keyspaces: Vec<Keyspace>,
    model: Model,
    snapshots: Vec<(Snapshot, Model)>,
}

fn open(fs: &Arc<MemFs>, options: Options) -> (Database, Vec<Keyspace>) {
    let db = Database::builder("/db")
        .fs(Arc::clone(fs) as Arc<dyn Fs>)
        .background_threads(options.threads)
        .memory_budget(8 << 20)
        .memtable_bytes(options.memtable_bytes)
        .log_segment_bytes(options.segment_bytes)
        .max_wal_bytes(options.segment_bytes * 8)
        .default_durability(options.durability)
        .open()
        .unwrap();
    let mut keyspaces = vec![db.default_keyspace()];
    for number in 1..KEYSPACES {
        keyspaces.push(db.keyspace(&format!("{number}"), KeyspaceOptions::new()).unwrap());
    }
    (db, keyspaces)
}

impl Run {
    fn new(seed: u64, options: Options) -> Self {
        let fs = Arc::new(MemFs::new());
        let (db, keyspaces) = open(&fs, options);
        let model = Model::default();
        Self { fs, options, random: SeededRandom::new(seed), db, keyspaces, model, snapshots: Vec::new() }
    }

    fn below(&self, limit: u64) -> usize {
        (self.random.next_u64() % limit) as usize
    }

    fn key(&self) -> Vec<u8> {
        format!("tenant/{:02}/object/{:03}", self.below(4), self.below(120)).into_bytes()
    }

    fn value(&self) -> Vec<u8> {
        vec![self.random.next_u64() as u8; self.below(300)]
    }

    fn step(&mut self) {
        let number = self.below(KEYSPACES as u64);
        match self.below(100) {
            0..45 => {
                let (key, value) = (self.key(), self.value());
                self.keyspaces[number].put(&key, &value).unwrap();
                self.model[number].insert(key, value);
            }
            45..60 => {
                let key = self.key();
                self.keyspaces[number].delete(&key).unwrap();
                self.model[number].remove(&key);
            }
            60..70 => self.batch(),
            70..85 => {
                let key = self.key();
                let found = self.keyspaces[number].get(&key).unwrap();
                assert_eq!(found.as_deref(), self.model[number].get(&key).map(Vec::as_slice));
            }
            85..93 => self.scan(number),
            93..95 => {
                self.snapshots.push((self.db.snapshot().unwrap(), self.model.clone()));
                if self.snapshots.len() > 3 {
                    self.snapshots.remove(0);
                }
            }
            95 => self.db.flush().unwrap(),
            96 => self.db.compact().unwrap(),
            97..99 => self.check_snapshots(),
            _ => self.reopen(),
        }
    }

    fn batch(&mut self) {
        let mut batch = self.db.batch();
        for _ in 0..self.below(20) {
            let number = self.below(KEYSPACES as u64);
            let key = self.key();
            if self.below(3) == 0 {
                batch.delete_in(&self.keyspaces[number], &key);
                self.model[number].remove(&key);
            } else {
                let value = self.value();
                batch.put_in(&self.keyspaces[number], &key, &value);
                self.model[number].insert(key, value);
            }
        }
        batch.commit().unwrap();
    }

    fn scan(&self, number: usize) {
        let (mut from, mut to) = (self.key(), self.key());
        if from > to {
            std::mem::swap(&mut from, &mut to);
        }
        let expected = self.model[number].range(from.clone()..to.clone());
        let found = self.keyspaces[number].scan(from..to);
        if self.below(2) == 0 {
            assert_same(found, expected);
        } else {
            assert_same(found.rev(), expected.rev());
        }
    }

    fn check_snapshots(&self) {
        for (snapshot, model) in &self.snapshots {
            for (keyspace, map) in self.keyspaces.iter().zip(model) {
                assert_same(snapshot.scan_in::<&[u8]>(keyspace, ..), map.iter());
            }
        }
    }

    fn reopen(&mut self) {
        self.snapshots.clear();
        self.keyspaces.clear();
        self.db.close().unwrap();
        (self.db, self.keyspaces) = open(&self.fs, self.options);
        for (keyspace, map) in self.keyspaces.iter().zip(&self.model) {
            assert_same(keyspace.iter(), map.iter());
        }
    }
}

fn assert_same<'a>(
    mut found: impl Iterator<Item = esker::Result<(esker::UserKey, esker::UserValue)>>,
    expected: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
) {
    for (key, value) in expected {
        let (found_key, found_value) = found.next().expect("an entry is missing").unwrap();
        assert_eq!((&*found_key, &*found_value), (key.as_slice(), value.as_slice()));
    }
    assert!(found.next().is_none(), "an entry too many");
}

#[test]
fn the_database_is_a_map_of_maps() {
    let usual =
        Options { threads: 2, memtable_bytes: 1 << 20, segment_bytes: 1 << 20, durability: Durability::Os };
    let sets = [
        usual,
        Options { threads: 0, memtable_bytes: 16 << 10, ..usual },
        Options { memtable_bytes: 16 << 10, segment_bytes: 8 << 10, ..usual },
        Options { threads: 1, memtable_bytes: 32 << 10, durability: Durability::Buffered, ..usual },
        Options { segment_bytes: 8 << 10, durability: Durability::Sync, ..usual },
    ];
    for (options, seed) in sets.into_iter().zip(1..) {
        let mut run = Run::new(seed, options);
        for _ in 0..1500 {
            run.step();
        }
        run.check_snapshots();
        run.reopen();
    }
}

//! What opening makes of a log: the same contents, whatever is in it, however it is cut, whoever reads it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use esker::{Database, Keyspace, KeyspaceOptions, UserComparator, WriteBatch};
use esker_env::fs::Fs;
use esker_env::random::{Random, SeededRandom};
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::process::{given_alone, resident_memory, run_alone};

/// Descending, and blind to case without a tie-break.
struct BackwardsAnyCase;

impl UserComparator for BackwardsAnyCase {
    fn name(&self) -> &str {
        "test.backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        b.to_ascii_lowercase().cmp(&a.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

fn options(name: &str) -> KeyspaceOptions {
    match name {
        "backwards" => KeyspaceOptions::new().comparator(Arc::new(BackwardsAnyCase)),
        _ => KeyspaceOptions::new(),
    }
}

fn builder(fs: &FaultFs) -> esker::Builder {
    Database::builder("/db")
        .fs(Arc::new(fs.clone()) as Arc<dyn Fs>)
        .background_threads(0)
        .memory_budget(64 << 20)
        .max_wal_bytes(64 << 20)
        .keyspace("backwards", options("backwards"))
}

const NAMES: [&str; 4] = ["default", "backwards", "few", "idle"];

fn open(builder: esker::Builder) -> (Database, Vec<Keyspace>) {
    let db = builder.open().unwrap();
    let keyspaces = NAMES.iter().map(|name| db.keyspace(name, options(name)).unwrap()).collect();
    (db, keyspaces)
}

type Model = Vec<BTreeMap<Vec<u8>, Vec<u8>>>;

/// Writes and deletes at random, ranges too, in batches across keyspaces and alone; keys of the second keyspace lose their case.
fn write(db: &Database, keyspaces: &[Keyspace], model: &mut Model, random: &mut SeededRandom, count: u64) {
    for i in 0..count {
        let mut batch = db.batch();
        for _ in 0..if random.next_u64().is_multiple_of(4) { random.next_u64() % 40 } else { 1 } {
            let at = (random.next_u64() % 3) as usize;
            let number = random.next_u64() % if at == 2 { 5 } else { 3000 };
            let key = match at {
                0 => format!("tenant/{:02}/object/{:06}", number % 7, number.wrapping_mul(7919) % 1_000_000),
                _ if number.is_multiple_of(2) => format!("KEY{number}"),
                _ => format!("key{number}"),
            };
            if random.next_u64().is_multiple_of(60) {
                delete_range(&mut batch, &keyspaces[at], &mut model[at], &key, at == 1);
            } else if random.next_u64().is_multiple_of(5) {
                batch.delete_in(&keyspaces[at], &key);
                model[at].remove(key.as_bytes());
            } else {
                let len =
                    if random.next_u64().is_multiple_of(200) { 300_000 } else { random.next_u64() % 100 };
                let value = vec![i as u8; len as usize];
                batch.put_in(&keyspaces[at], &key, &value);
                model[at].insert(key.into_bytes(), value);
            }
        }
        batch.commit().unwrap();
    }
}

/// Deletes from `key` on, in the keyspace's order, up to where no digit stands in its last place.
fn delete_range(
    batch: &mut WriteBatch,
    keyspace: &Keyspace,
    model: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    key: &str,
    backwards: bool,
) {
    let end = format!("{}{}", &key[..key.len() - 1], if backwards { '/' } else { ':' });
    let lower = str::to_ascii_lowercase;
    model.retain(|other, _| {
        let other = std::str::from_utf8(other).unwrap();
        let covered = match backwards {
            true => lower(&end) < lower(other) && lower(other) <= lower(key),
            false => key <= other && other < end.as_str(),
        };
        !covered
    });
    batch.delete_range_in(keyspace, key, end);
}

fn assert_holds(keyspaces: &[Keyspace], model: &Model, random: &mut SeededRandom) {
    for ((keyspace, expected), name) in keyspaces.iter().zip(model).zip(NAMES) {
        let found: BTreeMap<Vec<u8>, Vec<u8>> = keyspace
            .iter()
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap())
            .collect();
        assert!(found == *expected, "{name}: {} and {} keys", found.len(), expected.len());
        for key in expected.keys().filter(|_| random.next_u64().is_multiple_of(4)) {
            assert_eq!(keyspace.get(key).unwrap().as_deref(), expected.get(key).map(Vec::as_slice));
        }
        assert_eq!(keyspace.get("absent").unwrap(), None);
    }
}

#[test]
fn any_log_comes_back_with_any_segments_threads_and_memory() {
    for (segment_bytes, seed) in [(4 << 10, 1), (64 << 10, 2), (8 << 20, 3)] {
        let fs = FaultFs::new();
        let mut random = SeededRandom::new(seed);
        let mut model = vec![BTreeMap::new(); NAMES.len()];
        let (db, keyspaces) = open(builder(&fs).log_segment_bytes(segment_bytes));
        write(&db, &keyspaces, &mut model, &mut random, 1500);
        let killed = fs.crash(CrashPolicy::KeepAll);
        for threads in [0, 2, 5] {
            for budget in [2 << 20, 8 << 20, 256 << 20] {
                let disk = killed.crash(CrashPolicy::KeepAll);
                let again = |disk| builder(disk).memory_budget(budget).background_threads(threads);
                let (db, keyspaces) = open(again(&disk));
                assert_holds(&keyspaces, &model, &mut random);
                // Killed at once, with some of it written and flushed on top.
                let mut later = model.clone();
                write(&db, &keyspaces, &mut later, &mut random, 200);
                let disk = disk.crash(CrashPolicy::KeepAll);
                let (_db, keyspaces) = open(again(&disk));
                assert_holds(&keyspaces, &later, &mut random);
            }
        }
    }
}

#[test]
fn writers_pay_nothing_for_what_was_recovered() {
    // INV-RECOVER-8: it is in the share of the cache, however much of it there is.
    let fs = FaultFs::new();
    // Small segments: recovery keeps room for all that the last one could hold, and would flush the others for it.
    let (db, keyspaces) = open(builder(&fs).memory_budget(256 << 20).log_segment_bytes(64 << 10));
    for i in 0..37_500u64 {
        keyspaces[0].put(i.to_be_bytes(), [7; 300]).unwrap();
    }
    drop((db, keyspaces));
    let (db, keyspaces) = open(builder(&fs).memory_budget(32 << 20));
    let stats = db.stats();
    let memtables = &stats.keyspaces[0].memtables;
    assert!(memtables.sorted_bytes > 12 << 20, "all of it: {memtables:?}");
    assert!(
        memtables.sorted_bytes + (1 << 20) > (32 * 2 / 5) << 20,
        "it would fill the share of the memtables"
    );
    assert!(stats.cache.unwrap().resident_bytes >= memtables.sorted_bytes);
    keyspaces[0].put("k", "v").unwrap();
    assert!(db.stats().slowed_down.is_zero());
    db.wait_until_idle().unwrap();
    let memtables = &db.stats().keyspaces[0].memtables;
    assert_eq!((memtables.sorted_bytes, memtables.sealed), (0, 0));
    assert_eq!(keyspaces[0].len().unwrap(), 37_501);
}

#[test]
fn little_is_replayed_into_the_active_memtable() {
    let fs = FaultFs::new();
    let (db, keyspaces) = open(builder(&fs));
    keyspaces[0].put("a", "1").unwrap();
    keyspaces[0].put("a", "2").unwrap();
    drop((db, keyspaces));
    let (db, keyspaces) = open(builder(&fs));
    let memtables = &db.stats().keyspaces[0].memtables;
    assert_eq!((memtables.active_entries, memtables.sealed), (2, 0), "no tiny table");
    assert_eq!(keyspaces[0].get("a").unwrap().as_deref(), Some(b"2".as_slice()));
}

#[test]
fn a_log_larger_than_the_budget_is_replayed_within_it() {
    // The peak of real memory, on a real file system.
    if let Some(folder) = given_alone() {
        return assert_opens_within(24 << 20, &folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path()).max_wal_bytes(512 << 20).memory_budget(1 << 30);
    let db = db.memtable_bytes(128 << 20).open().unwrap();
    for i in 0..RECORDS as u64 {
        db.put(scrambled(i), [3; 600]).unwrap();
    }
    drop(db);
    run_alone("replay::a_log_larger_than_the_budget_is_replayed_within_it", folder.path()).unwrap();
}

const RECORDS: usize = 150_000;

/// Opens what the test wrote and watches the memory of this process meanwhile.
fn assert_opens_within(budget: usize, folder: &Path) {
    let Some(before) = resident_memory() else { return };
    let peak = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let watched = Arc::clone(&peak);
    let watch = std::thread::spawn(move || {
        while !watched.1.load(Ordering::Relaxed) {
            watched
                .0
                .fetch_max(resident_memory().map_or(0, |memory| memory.anonymous_bytes), Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let db = Database::builder(folder).max_wal_bytes(512 << 20).memory_budget(budget).open().unwrap();
    peak.1.store(true, Ordering::Relaxed);
    watch.join().unwrap();
    assert_eq!(db.len().unwrap(), RECORDS);
    let taken = peak.0.load(Ordering::Relaxed).saturating_sub(before.anonymous_bytes);
    assert!(taken < budget as u64 * 5 / 4, "{taken} bytes at the peak");
}

/// Keys and their values, in order.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// What opening makes of a disk: everything in it, or why not.
fn outcome(disk: &FaultFs, threads: usize, budget: usize) -> Result<Rows, String> {
    let disk = disk.crash(CrashPolicy::KeepAll);
    let db = builder(&disk).background_threads(threads).memory_budget(budget).open();
    let db = db.map_err(|error| error.to_string())?;
    Ok(db.iter().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect())
}

#[test]
fn the_log_ends_where_it_ends_however_many_read_ahead() {
    // INV-RECOVER-9: segments behind a torn tail or behind damage were read ahead, and must not count.
    let (mut refused, mut shortened) = (0, 0);
    for seed in 0..60u64 {
        let random = SeededRandom::new(seed);
        let fs = FaultFs::new();
        let db = builder(&fs).log_segment_bytes(4 << 10).open().unwrap();
        for i in 0..200u64 {
            db.put(scrambled(i), [i as u8; 150]).unwrap();
            if i == random.next_u64() % 200 {
                db.persist(esker::Durability::Sync).unwrap();
            }
        }
        let disk = match seed % 2 {
            0 => fs.crash(CrashPolicy::Random { seed }),
            _ => fs.crash(CrashPolicy::KeepAll),
        };
        let logs: Vec<_> = disk.read_dir(Path::new("/db")).unwrap();
        let logs: Vec<_> =
            logs.iter().filter(|entry| entry.name.to_string_lossy().ends_with(".log")).collect();
        let path = Path::new("/db").join(&logs[(random.next_u64() % logs.len() as u64) as usize].name);
        let mut bytes = disk.contents(&path).unwrap();
        let at = 100 + (random.next_u64() % (bytes.len() as u64 - 100)) as usize;
        bytes[at] ^= 0x10;
        disk.set_contents(&path, &bytes).unwrap();
        let alone = outcome(&disk, 0, 1 << 20);
        for (threads, budget) in [(0, 64 << 20), (2, 1 << 20), (2, 64 << 20), (6, 64 << 20)] {
            assert!(outcome(&disk, threads, budget) == alone, "seed {seed}, {threads} threads");
        }
        match &alone {
            Err(_) => refused += 1,
            Ok(found) if found.len() < 200 => shortened += 1,
            Ok(_) => {}
        }
    }
    assert!(
        refused > 5 && shortened > 5,
        "{refused} refused, {shortened} shortened: both must have been seen"
    );
}

fn scrambled(i: u64) -> [u8; 8] {
    i.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()
}

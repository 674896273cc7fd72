//! Writers, readers, snapshots, flushes and compactions at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use esker::{Database, Durability, KeyspaceOptions};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;

fn open(memtable_bytes: usize) -> Database {
    Database::builder("/db")
        .fs(Arc::new(MemFs::new()) as Arc<dyn Fs>)
        .memory_budget(4 << 20)
        .memtable_bytes(memtable_bytes)
        .log_segment_bytes(64 << 10)
        .max_wal_bytes(512 << 10)
        .open()
        .unwrap()
}

#[test]
fn readers_see_whole_batches_and_snapshots_repeat() {
    // INV-COMMIT-4, INV-KEYSPACE-5, INV-KEYSPACE-6: each batch writes one number under a key of two keyspaces.
    const WRITERS: u32 = 3;
    const WRITES: u64 = 1500;
    let db = open(32 << 10);
    let mirror = db.keyspace("mirror", KeyspaceOptions::new()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (db, mirror) = (&db, &mirror);
                scope.spawn(move || {
                    for i in 1..=WRITES {
                        let key = format!("{writer}/{}", i % 50);
                        let value = format!("{i:020}");
                        let mut batch = db.batch();
                        batch.put(&key, &value);
                        batch.put_in(mirror, &key, &value);
                        let durability = if i % 100 == 0 { Durability::Sync } else { Durability::Os };
                        batch.commit_with(durability).unwrap();
                        let read = db.get(&key).unwrap();
                        assert_eq!(read.as_deref(), Some(value.as_bytes()), "a writer reads its own write");
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let snapshot = db.snapshot().unwrap();
                    let first: Vec<_> = snapshot.scan::<&[u8]>(..).map(Result::unwrap).collect();
                    let mirrored: Vec<_> =
                        snapshot.scan_in::<&[u8]>(&mirror, ..).map(Result::unwrap).collect();
                    assert_eq!(first, mirrored, "whole batches");
                    let again: Vec<_> = snapshot.scan::<&[u8]>(..).map(Result::unwrap).collect();
                    assert_eq!(first, again, "repeatable");
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                db.compact().unwrap();
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    db.wait_until_idle().unwrap();
    assert_eq!(db.len().unwrap(), 150);
    assert_eq!(mirror.len().unwrap(), 150);
}

#[test]
fn the_memory_cap_holds_under_load_and_nobody_hangs() {
    // INV-COMMIT-8
    let db = open(64 << 10);
    let limit = (4u64 << 20) / 5 * 2;
    let highest = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..4u32 {
            let (db, highest) = (&db, &highest);
            scope.spawn(move || {
                for i in 0..3000u32 {
                    db.put([writer.to_be_bytes(), i.to_be_bytes()].concat(), vec![3; 500]).unwrap();
                    if i % 100 == 0 {
                        let memtables = db.stats().keyspaces[0].memtables;
                        highest.fetch_max(memtables.active_bytes + memtables.sealed_bytes, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let highest = highest.into_inner();
    assert!(highest < limit + (512 << 10), "{highest} of {limit}");
    assert_eq!(db.len().unwrap(), 12_000);
}

//! Readers, writers, snapshots, flushes and compactions at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_tree::{CancelToken, Config, Leveled, SeqNo, SequenceNumberCounter, Tree};

const KEYS: u64 = 500;

/// Each round of the writer sets every key to the round's number, then makes it visible: any reader sees one round.
fn write_rounds(tree: &Tree, seqno: &SequenceNumberCounter, visible: &SequenceNumberCounter, rounds: u64) {
    for round in 0..rounds {
        for key in 0..KEYS {
            tree.insert(format!("key{key:04}"), round.to_string(), seqno.next()).unwrap();
        }
        visible.set(seqno.get());
        tree.rotate_memtable();
    }
}

fn read_rounds(tree: &Tree, visible: &SequenceNumberCounter, stop: &AtomicBool, seed: u64) -> u64 {
    let random = SeededRandom::new(seed);
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let bound = visible.get();
        // Between taking the bound and registering it the watermark may rise over it: then a newer one is taken.
        let Ok(snapshot) = tree.snapshot(bound) else { continue };
        let values: Vec<_> =
            tree.iter(snapshot.bound()).unwrap().map(|entry| entry.value().unwrap().to_vec()).collect();
        assert!(values.is_empty() || values.len() == KEYS as usize, "{} keys", values.len());
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "a scan saw two rounds");
        for _ in 0..20 {
            let key = format!("key{:04}", random.next_u64() % KEYS);
            let value = tree.get(&key, snapshot.bound()).unwrap().map(|value| value.to_vec());
            assert_eq!(value.as_ref(), values.first());
        }
        let back = tree.iter(snapshot.bound()).unwrap().rev().count();
        assert_eq!(back, values.len());
        reads += 1;
    }
    reads
}

#[test]
fn every_reader_sees_one_point_in_time_while_everything_runs() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        target_table_bytes: 16 << 10,
        base_level_bytes: 32 << 10,
        ..Leveled::default()
    };
    let tree = Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(Arc::new(MemFs::new()) as esker_env::fs::SharedFs)
        .memtable_capacity_bytes(64 << 10)
        .compaction_strategy(Arc::new(strategy))
        .open()
        .unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|seed| {
                let (tree, visible, stop) = (&tree, &visible, &stop);
                scope.spawn(move || read_rounds(tree, visible, stop, seed))
            })
            .collect();
        let background = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let flushed = tree.flush_oldest::<esker_tree::Error>(SeqNo::MAX, |_| Ok(())).unwrap();
                let job = tree.pick_compaction(flushed.is_none());
                match job {
                    Some(job) => drop(job.run(SeqNo::MAX, &CancelToken::default()).unwrap()),
                    None if flushed.is_none() => std::thread::yield_now(),
                    None => {}
                }
            }
        });
        write_rounds(&tree, &seqno, &visible, 60);
        stop.store(true, Ordering::Relaxed);
        background.join().unwrap();
        let reads: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert!(reads > 0);
    });
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert_eq!(tree.get("key0000", SeqNo::MAX).unwrap().as_deref(), Some(b"59".as_slice()));
    assert!(tree.verify().is_sound());
}

/// INV-FLUSH-1, INV-FLUSH-4: two writers with numbers of one counter and a flush beside them: every write is there, whichever memtable it went to.
#[test]
fn writers_side_by_side_lose_nothing() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(Arc::new(MemFs::new()) as esker_env::fs::SharedFs)
        .memtable_capacity_bytes(32 << 10)
        .open()
        .unwrap();
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (tree, seqno) = (&tree, &seqno);
            scope.spawn(move || {
                for i in 0..3000 {
                    tree.insert(format!("w{writer}-{i:05}"), i.to_string(), seqno.next()).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                tree.flush_oldest::<esker_tree::Error>(0, |_| Ok(())).unwrap();
                std::thread::yield_now();
            }
        });
    });
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 9000);
}

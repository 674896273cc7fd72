//! Real threads: one writer, several readers, everything published before is found and nothing is torn.
//!
//! INV-MEM-2: whatever is found is complete, key, value and number. INV-MEM-10: what is found is not above the highest number
//! that the memtable claims.
//!
//! The writer inserts operation `i` with sequence number `i`, then publishes `i + 1`. What a key's newest version below a bound
//! is can be computed, so readers know exactly what they must find.

use crate::common::{hash, memtable, reversed};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableCursor};
use esker_mem::seqno::SeqNo;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

const OPERATIONS: u64 = if cfg!(debug_assertions) { 60_000 } else { 400_000 };
/// Keys; each is written about three times.
const KEYS: u64 = OPERATIONS / 3;

/// The key of operation `i`: a permutation of the keys, over and over, so that leaves split everywhere.
fn id(i: u64) -> u64 {
    (i % KEYS).wrapping_mul(7_368_787) % KEYS
}

/// When key `id` was last written before `bound`: what `id()` does, undone by a table.
fn last_write(positions: &[u64], id: u64, bound: SeqNo) -> Option<SeqNo> {
    let first = positions[id as usize];
    let behind = bound.checked_sub(1)?.checked_sub(first)?;
    Some(first + behind / KEYS * KEYS)
}

fn key(id: u64) -> Vec<u8> {
    match id % 3 {
        0 => format!("prefix/of/some/length/{id:08}").into_bytes(),
        1 => id.to_be_bytes().to_vec(),
        _ => format!("p{id}").into_bytes(),
    }
}

/// A value that tells its key and number, of a length that depends on both.
fn value(id: u64, seqno: SeqNo) -> Vec<u8> {
    let mut value = [id.to_le_bytes(), seqno.to_le_bytes()].concat();
    value.resize(16 + usize::try_from((id ^ seqno) % 90).unwrap(), seqno as u8);
    value
}

/// Checks that the entry here is whole, and returns the id of its key.
fn whole(cursor: &MemtableCursor) -> u64 {
    let id = u64::from_le_bytes(cursor.value()[..8].try_into().unwrap());
    assert_eq!(cursor.key(), key(id));
    assert_eq!(cursor.value(), value(id, cursor.seqno()));
    id
}

fn get(table: &Memtable, positions: &[u64], random: &mut fastrand::Rng, bound: SeqNo) {
    let id = random.u64(0..KEYS);
    let key = key(id);
    let found = table.get(&key, hash(&key), bound);
    let expected = last_write(positions, id, bound);
    assert_eq!(found.map(|version| version.seqno), expected, "key {id} below {bound}");
    if let Some(version) = found {
        assert_eq!(version.value, value(id, version.seqno));
        assert!(table.highest_seqno().unwrap() >= version.seqno);
    }
}

fn seek(
    cursor: &mut MemtableCursor,
    order: &KeyOrder,
    positions: &[u64],
    random: &mut fastrand::Rng,
    bound: SeqNo,
) {
    let wanted = id(random.u64(0..bound.max(1)));
    if last_write(positions, wanted, bound).is_none() {
        return;
    }
    let from = key(wanted);
    let forward = random.bool();
    if forward {
        cursor.seek(&from)
    } else {
        cursor.seek_for_prev(&from)
    }
    assert!(cursor.valid());
    assert_eq!(whole(cursor), wanted, "a key that was there is found");
    let mut last = (cursor.key().to_vec(), cursor.seqno());
    for _ in 0..200 {
        if forward {
            cursor.next()
        } else {
            cursor.prev()
        }
        if !cursor.valid() {
            return;
        }
        whole(cursor);
        let here = (cursor.key().to_vec(), cursor.seqno());
        let (earlier, later) = if forward { (&last, &here) } else { (&here, &last) };
        assert!(order.compare(&earlier.0, &later.0).then(later.1.cmp(&earlier.1)).is_lt(), "out of order");
        last = here;
    }
}

/// All keys below the bound, in one direction; none may be missing.
fn scan(cursor: &mut MemtableCursor, bound: SeqNo, forward: bool) {
    let mut seen = 0;
    if forward {
        cursor.seek_to_first()
    } else {
        cursor.seek_to_last()
    }
    while cursor.valid() {
        whole(cursor);
        seen += u64::from(cursor.seqno() < bound);
        if forward { cursor.next() } else { cursor.prev() }
    }
    assert_eq!(seen, bound, "a scan sees every entry below its bound");
}

fn run(order: &KeyOrder) {
    let table = memtable(order.clone(), 256 << 20, 0);
    let published = Arc::new(AtomicU64::new(0));
    let mut positions = vec![0; KEYS as usize];
    (0..KEYS).for_each(|i| positions[id(i) as usize] = i);
    assert!(positions.iter().filter(|position| **position == 0).count() == 1, "id() is a permutation");
    let positions = Arc::new(positions);
    let readers: Vec<_> = (0..3)
        .map(|reader| {
            let (table, published, positions) =
                (Arc::clone(&table), Arc::clone(&published), Arc::clone(&positions));
            let order = order.clone();
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(reader);
                let mut cursor = table.cursor();
                loop {
                    let bound = published.load(Ordering::Acquire);
                    for _ in 0..50 {
                        get(&table, &positions, &mut random, bound);
                    }
                    for _ in 0..5 {
                        seek(&mut cursor, &order, &positions, &mut random, bound);
                    }
                    if random.u8(..) < 4 || bound == OPERATIONS {
                        scan(&mut cursor, bound, reader % 2 == 0);
                    }
                    if bound == OPERATIONS {
                        break;
                    }
                }
            })
        })
        .collect();
    for i in 0..OPERATIONS {
        let id = id(i);
        let key = key(id);
        table.write().insert(&key, hash(&key), i, Kind::Put, &value(id, i)).unwrap();
        published.store(i + 1, Ordering::Release);
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn readers_find_everything_that_was_published() {
    run(&KeyOrder::Bytes);
}

#[test]
fn readers_find_everything_under_a_custom_order() {
    run(&reversed());
}

/// Several writers take turns at the lock.
#[test]
fn writers_exclude_each_other() {
    let table = memtable(KeyOrder::Bytes, 32 << 20, 0);
    let threads: Vec<_> = (0..4u64)
        .map(|writer| {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                for i in 0..10_000 {
                    let seqno = i * 4 + writer;
                    let key = (i % 5_000).to_be_bytes();
                    table.write().insert(&key, hash(&key), seqno, Kind::Put, &seqno.to_be_bytes()).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(table.len(), 40_000);
    for i in 0..5_000u64 {
        let key = i.to_be_bytes();
        let seqnos: Vec<_> =
            table.versions(&key, hash(&key), SeqNo::MAX).map(|version| version.seqno).collect();
        assert_eq!(seqnos.len(), 8);
        assert!(seqnos.is_sorted_by(|a, b| a > b));
    }
}

/// INV-MEM-7: room is asked for without the writer's lock, for what others reserved and for one more, while they insert.
#[test]
fn room_promised_while_others_insert_is_there() {
    let mut taken = 0;
    for round in 0..2_000_usize {
        let table = memtable(KeyOrder::Bytes, 4_096 + round * 8, 0);
        // As the write path counts: raised one at a time before the question, lowered after the insert.
        let (asking, reserved, start) = (Mutex::new(()), AtomicUsize::new(0), Barrier::new(2));
        let write = |writer: usize| {
            start.wait();
            for i in (0..).take_while(|i| *i < 500) {
                let key = (i * 7919 + writer * 31 + round).to_be_bytes();
                let one_at_a_time = asking.lock().unwrap();
                let outstanding = reserved.fetch_add(1, Ordering::SeqCst) + 1;
                let has_room = table.has_room(outstanding, outstanding * 24);
                drop(one_at_a_time);
                if !has_room {
                    return i;
                }
                let seqno = (i * 2 + writer) as SeqNo;
                table
                    .write()
                    .insert(&key, hash(&key), seqno, Kind::Put, &[1; 16])
                    .expect("room was promised");
                reserved.fetch_sub(1, Ordering::SeqCst);
            }
            0
        };
        taken += thread::scope(|scope| {
            let other = scope.spawn(|| write(1));
            write(0) + other.join().unwrap()
        });
    }
    assert!(taken > 10_000, "{taken}");
}

//! Two chapters on time: a snapshot that stays still while everything is overwritten, and deletes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use esker::{Database, Keyspace, Snapshot};

use crate::failure::{Failure, Outcome};
use crate::human::{count, rate};
use crate::tour::page::Page;
use crate::tour::unicode::{Record, name};

/// How often the snapshot is read from end to end.
const ROUNDS: u64 = 10;

/// Reads a snapshot again and again while another thread overwrites every record, then compares past and present.
pub(crate) fn snapshot(page: &mut Page<'_>, database: &Database, records: &[Record]) -> Outcome {
    page.chapter("A snapshot while writing")?;
    page.line(
        "A thread overwrites every record with lower case, over and over; a snapshot stays as it was.",
    )?;
    let keyspace = database.default_keyspace();
    let snapshot = database.snapshot()?;
    let stop = AtomicBool::new(false);
    let overwritten = AtomicU64::new(0);
    let started = Instant::now();
    let (reads, writes) = std::thread::scope(|scope| {
        let writes = scope.spawn(|| overwrite(&keyspace, records, &stop, &overwritten));
        let reads = read_rounds(&snapshot, &keyspace, records, &overwritten);
        stop.store(true, Ordering::Relaxed);
        let writes = writes.join().unwrap_or_else(|_| Err(Failure::refused("the writing thread failed")));
        (reads, writes)
    });
    let time = started.elapsed();
    writes?;
    page.expect(reads?, "a snapshot reads the same whatever is written")?;
    let writes = overwritten.load(Ordering::Relaxed);
    page.measured("put, while a snapshot is read", writes, time);
    page.line(&format!(
        "The snapshot was read {ROUNDS} times from end to end, all {} records the same each time,",
        count(records.len() as u64)
    ))?;
    page.line(&format!("during {} writes ({}):", count(writes), rate(writes, time)))?;
    let (then, now) = (snapshot.get_in(&keyspace, b"U+01F980")?, keyspace.get(b"U+01F980")?);
    page.item("snapshot", &then.as_deref().map(name).unwrap_or_default())?;
    page.item("now", &now.as_deref().map(name).unwrap_or_default())?;
    page.expect(then != now, "the writes are seen outside of the snapshot")
}

/// Whether every round over the snapshot sees exactly the records that were imported. Goes on until the writer has been through
/// all of them at least once.
fn read_rounds(
    snapshot: &Snapshot,
    keyspace: &Keyspace,
    records: &[Record],
    overwritten: &AtomicU64,
) -> Outcome<bool> {
    let mut rounds = 0;
    while rounds < ROUNDS || overwritten.load(Ordering::Relaxed) < records.len() as u64 {
        let mut expected = records.iter();
        for entry in snapshot.scan_in::<&[u8]>(keyspace, ..) {
            let (key, value) = entry?;
            let same = expected.next().is_some_and(|record| record.key == *key && record.value == &*value);
            if !same {
                return Ok(false);
            }
        }
        if expected.next().is_some() {
            return Ok(false);
        }
        rounds += 1;
    }
    Ok(true)
}

fn overwrite(keyspace: &Keyspace, records: &[Record], stop: &AtomicBool, overwritten: &AtomicU64) -> Outcome {
    loop {
        for record in records {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            keyspace.put(&record.key, record.value.to_ascii_lowercase())?;
            overwritten.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Deletes a block of characters at once, and shows who still sees them.
pub(crate) fn deletes(page: &mut Page<'_>, database: &Database) -> Outcome {
    page.chapter("Delete")?;
    let keyspace = database.default_keyspace();
    let (from, to) = (b"U+01F600".as_slice(), b"U+01F650".as_slice());
    let before = database.snapshot()?;
    let mut batch = database.batch();
    for entry in keyspace.scan(from..to) {
        let (key, _) = entry?;
        batch.delete_in(&keyspace, &key);
    }
    let deleted = batch.len();
    batch.commit()?;
    page.line(&format!("The {deleted} emoticons, U+01F600 to U+01F64F, go in one atomic batch."))?;
    let (then, now) = (before.scan_in(&keyspace, from..to).count(), keyspace.scan(from..to).count());
    page.item("now", &format!("{now} of them"))?;
    page.item("snapshot", &format!("{then} of them, in a snapshot from before"))?;
    page.expect(now == 0 && then == deleted && deleted == 80, "deletes are seen now and not before")?;
    page.expect(keyspace.get(b"U+01F650")?.is_some(), "the neighbours are still there")
}

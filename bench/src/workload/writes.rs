//! Writes of all kinds: fills, batches, overwrites, deletes, synced puts.

use std::time::Duration;

use esker_testkit::workload::choice::{self, Chooser, shuffled};

use crate::child::Child;
use crate::engine::{Durability, Engine, Outcome};
use crate::keys::Shape;
use crate::stretch::{Choice, Form, Kind, Stretch, in_threads};
use crate::workload::{load, reads};

/// Pairs of one batch.
const BATCH: usize = 100;
/// How long synced puts run.
const SYNC_SECONDS: Duration = Duration::from_secs(3);
/// Keys of synced puts.
const SYNC_KEYS: u64 = 1_000_000;

/// The workload `fill`: in order with one thread, then, in a folder of its own, at random with two.
pub(super) fn fill<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    load::measured(child, &engine, "fillseq")?;
    drop(engine);
    let folder = child.task.folder.join("two");
    std::fs::create_dir_all(&folder)?;
    let engine = E::open(&folder, child.settings)?;
    let random = Form { shape: Shape::User, ..child.form };
    child.rate("fillrandom 2t", &load::puts(&engine, random, child.keys, 2, child.load_limit())?)
}

/// The workload `batch`; its figure is pairs per second.
pub(super) fn batch<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    let stretch = Stretch { group: BATCH, ..Stretch::new(child.form, child.load_limit()) };
    let choices = (0..child.keys).map(|number| Choice { kind: Kind::Put, number });
    let done = stretch.run(choices, |group| engine.put_all(group.iter().map(|put| (put.key, put.value))))?;
    child.reading("batch100", None, done.reading(done.rate() / BATCH as f64))?;
    if done.operations == child.keys {
        engine.settle()?;
        reads::warm(child, &engine)?;
    }
    Ok(())
}

/// The workload `overwrite`.
pub(super) fn overwrite<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    load::quietly(child, &engine)?;
    let stretch = Stretch::new(child.form, child.load_limit() / 2);
    let half = usize::try_from(child.keys / 2)?;
    let mut chooser = Chooser::new(choice::Choice::Uniform, child.keys, 51);
    let choices =
        std::iter::repeat_with(|| Choice { kind: Kind::Put, number: chooser.next_number() }).take(half);
    let done =
        stretch.run(choices, |group| group.iter().try_for_each(|put| engine.put(put.key, put.value)))?;
    child.rate("overwrite", &done)?;
    engine.settle()?;
    reads::warm(child, &engine)?;

    let choices = shuffled(child.keys, 52).take(half).map(|number| Choice { kind: Kind::Delete, number });
    let done = stretch.run(choices, |group| group.iter().try_for_each(|delete| engine.delete(delete.key)))?;
    child.rate("delete", &done)?;
    engine.settle()?;
    let mut seen = 0;
    engine.scan(b"", usize::MAX, |_, _| seen += 1)?;
    let left = child.keys - done.operations;
    if seen == left {
        Ok(())
    } else {
        Err(format!("{seen} entries are left after deletes, not {left}").into())
    }
}

/// The workload `sync`: each put is on the device when it returns.
pub(super) fn sync<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let mut settings = child.settings;
    settings.durability = Durability::Sync;
    let engine = E::open(&child.task.folder, settings)?;
    for (name, threads) in [("sync put", 1), ("sync put 8t", 8)] {
        let stretch = Stretch { each: true, ..Stretch::new(child.form, SYNC_SECONDS.min(child.limit())) };
        let done = in_threads(threads, |thread| {
            let mut random = fastrand::Rng::with_seed(61 + thread as u64);
            let choices =
                std::iter::repeat_with(|| Choice { kind: Kind::Put, number: random.u64(..SYNC_KEYS) });
            stretch.run(choices, |group| group.iter().try_for_each(|put| engine.put(put.key, put.value)))
        })?;
        child.row(name, done.rate())?;
        child.row(&format!("{name} p99"), done.latencies.p99().as_secs_f64() * 1e6)?;
    }
    Ok(())
}

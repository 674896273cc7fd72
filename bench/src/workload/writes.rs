//! Writes of all kinds: fills, batches, overwrites, deletes, synced puts, and how long single puts take.

use std::time::Duration;

use esker_testkit::histogram::LatencyHistogram;
use esker_testkit::workload::choice::{self, Chooser, shuffled};

use crate::child::Child;
use crate::engine::{Durability, Engine, Outcome};
use crate::keys::{Key, Shape};
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
    load::rows(child, &engine, "fillseq", 1)?;
    drop(engine);
    let folder = child.task.folder.join("two");
    std::fs::create_dir_all(&folder)?;
    let engine = E::open(&folder, child.settings)?;
    let random = Form { shape: Shape::User, ..child.form };
    child.row("fillrandom 2t", load::puts(&engine, random, child.keys, 2, false)?.rate())
}

/// The workload `batch`; its figure is pairs per second.
pub(super) fn batch<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    let stretch = Stretch { group: BATCH, ..Stretch::new(child.form, child.limit()) };
    let choices = (0..child.keys).map(|number| Choice { kind: Kind::Put, number });
    let done = stretch.run(choices, |group| engine.put_all(group.iter().map(|put| (put.key, put.value))))?;
    child.row("batch100", done.rate() / BATCH as f64)?;
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
    let stretch = Stretch::new(child.form, child.limit());
    let half = usize::try_from(child.keys / 2)?;
    let mut chooser = Chooser::new(choice::Choice::Uniform, child.keys, 51);
    let choices =
        std::iter::repeat_with(|| Choice { kind: Kind::Put, number: chooser.next_number() }).take(half);
    let done =
        stretch.run(choices, |group| group.iter().try_for_each(|put| engine.put(put.key, put.value)))?;
    child.row("overwrite", done.rate())?;
    engine.settle()?;
    reads::warm(child, &engine)?;

    let choices = shuffled(child.keys, 52).take(half).map(|number| Choice { kind: Kind::Delete, number });
    let done = stretch.run(choices, |group| group.iter().try_for_each(|delete| engine.delete(delete.key)))?;
    child.row("delete", done.rate())?;
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

/// The workload `latency`.
pub(super) fn latency<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    let done = load::puts(&engine, child.form, child.keys, 1, true)?;
    percentiles(child, "put", &done.latencies)?;
    engine.settle()?;
    let missing = (0..child.keys).step_by(97).try_fold(0u64, |missing, number| {
        let mut found = false;
        engine.get(Key::new(child.form.shape, number).bytes(), |value| found = value.is_some())?;
        Outcome::Ok(missing + u64::from(!found))
    })?;
    if missing == 0 { Ok(()) } else { Err(format!("{missing} keys are missing after the load").into()) }
}

/// The rows of a latency curve, in microseconds.
pub(super) fn percentiles(child: &Child<'_>, name: &str, latencies: &LatencyHistogram) -> Outcome<()> {
    for (percentile, share) in [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
        ("p99.999", 0.99999),
    ] {
        child.row(&format!("{name} {percentile}"), latencies.percentile(share).as_secs_f64() * 1e6)?;
    }
    child.row(&format!("{name} longest"), latencies.max().as_secs_f64() * 1e6)
}

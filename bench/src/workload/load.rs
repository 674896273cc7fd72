//! Loading: puts until all keys are in, then waiting until no background work is left.
//!
//! A measured load is of single puts. One that takes too long is cut: its rows are of what was put until then, and the rest
//! follows in large batches off the clock, as all of a load that is not measured does, so that what comes after finds every
//! key whatever the engine.

use std::time::{Duration, Instant};

use esker_testkit::workload::choice::shuffled;

use crate::child::Child;
use crate::disk;
use crate::engine::{Engine, Outcome};
use crate::keys::{Key, Shape};
use crate::row::Reading;
use crate::stretch::{Choice, Done, Form, Kind, Stretch, in_threads};

/// Most bytes of values in a batch off the clock.
const BATCH_BYTES: usize = 1 << 20;
/// Most pairs in one.
const BATCH_PAIRS: usize = 10_000;

/// Bytes of all keys and values.
pub(super) fn user_bytes(form: Form, keys: u64) -> u64 {
    keys * (Key::len_of(form.shape) + form.value_bytes) as u64
}

/// The numbers to load, in an order that is random to the engine, or ascending where the shape says so.
fn numbers(form: Form, keys: u64) -> Box<dyn Iterator<Item = u64>> {
    match form.shape {
        // Plain keys are scrambled numbers, so ascending numbers are a random order of keys.
        Shape::User | Shape::Ordered => Box::new(0..keys),
        Shape::Grouped(_) => Box::new(shuffled(keys, 5)),
    }
}

/// Puts all keys in with this many threads. Thread `t` takes each number that is `t` modulo their count.
pub(super) fn puts<E: Engine>(
    engine: &E,
    form: Form,
    keys: u64,
    threads: usize,
    limit: Duration,
) -> Outcome<Done> {
    let stretch = Stretch::new(form, limit);
    in_threads(threads, |thread| {
        let choices = numbers(form, keys)
            .skip(thread)
            .step_by(threads)
            .map(|number| Choice { kind: Kind::Put, number });
        stretch.run(choices, |group| {
            group.iter().try_for_each(|operation| engine.put(operation.key, operation.value))
        })
    })
}

/// The workload of a scaling run: nothing comes after it, so that a load that is cut stays as it is.
pub(super) fn alone<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    measured(child, &child.open::<E>()?, "fillrandom").map(|_| ())
}

/// Loads, settles and gives the rows of a load; afterwards all keys are in.
pub(super) fn rows<E: Engine>(child: &Child<'_>, engine: &E, name: &str) -> Outcome<()> {
    let done = measured(child, engine, name)?;
    if done < child.keys { rest(child, engine, done) } else { Ok(()) }
}

/// Loads, settles and gives the rows; how many keys are in.
pub(super) fn measured<E: Engine>(child: &Child<'_>, engine: &E, name: &str) -> Outcome<u64> {
    let started = Instant::now();
    let done = puts(engine, child.form, child.keys, 1, child.load_limit())?;
    child.rate(name, &done)?;
    let settled = engine.settle()?;
    let seconds = started.elapsed().saturating_sub(settled.overhead).as_secs_f64();
    let give = |row: &str, figure: f64| {
        let cut = done.cut || !settled.idle;
        let reading = if cut { Reading::Cut(figure) } else { Reading::Value(figure) };
        child.reading(&format!("{name} {row}"), None, reading)
    };
    give("settled", done.operations as f64 / seconds)?;
    let user_bytes = user_bytes(child.form, done.operations) as f64;
    give("written", child.written() as f64 / user_bytes)?;
    give("disk", disk::bytes_below(&child.task.folder) as f64 / user_bytes)?;
    Ok(done.operations)
}

/// Loads and settles, for what comes after.
pub(super) fn quietly<E: Engine>(child: &Child<'_>, engine: &E) -> Outcome<()> {
    rest(child, engine, 0)
}

/// Puts in what a load of one thread has left out after so many keys, and settles.
fn rest<E: Engine>(child: &Child<'_>, engine: &E, done: u64) -> Outcome<()> {
    let group = (BATCH_BYTES / child.form.value_bytes.max(1)).clamp(1, BATCH_PAIRS);
    let stretch = Stretch { group, ..Stretch::new(child.form, Duration::MAX) };
    let choices = numbers(child.form, child.keys)
        .skip(usize::try_from(done)?)
        .map(|number| Choice { kind: Kind::Put, number });
    stretch.run(choices, |group| {
        if E::LOADS_BY_BATCHES {
            engine.put_all(group.iter().map(|put| (put.key, put.value)))
        } else {
            group.iter().try_for_each(|put| engine.put(put.key, put.value))
        }
    })?;
    engine.settle()?;
    Ok(())
}

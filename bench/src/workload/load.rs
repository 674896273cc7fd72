//! Loading: puts until all keys are in, then waiting until no background work is left.

use std::time::{Duration, Instant};

use esker_testkit::workload::choice::shuffled;

use crate::child::Child;
use crate::disk;
use crate::engine::{Engine, Outcome};
use crate::keys::{Key, Shape};
use crate::stretch::{Choice, Done, Form, Kind, Stretch, in_threads};

/// Loads are never cut short, as the reads after them need every key.
const NO_LIMIT: Duration = Duration::MAX;

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
    each: bool,
) -> Outcome<Done> {
    let stretch = Stretch { each, ..Stretch::new(form, NO_LIMIT) };
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

/// Loads, settles and gives the rows of a load.
pub(super) fn rows<E: Engine>(child: &Child<'_>, engine: &E, name: &str, threads: usize) -> Outcome<()> {
    let started = Instant::now();
    let done = puts(engine, child.form, child.keys, threads, false)?;
    child.row(name, done.rate())?;
    let waiting = engine.settle()?;
    let settled = started.elapsed().saturating_sub(waiting);
    child.row(&format!("{name} settled"), child.keys as f64 / settled.as_secs_f64())?;
    let user_bytes = user_bytes(child.form, child.keys) as f64;
    child.row(&format!("{name} written"), child.written() as f64 / user_bytes)?;
    child.row(&format!("{name} disk"), disk::bytes_below(&child.task.folder) as f64 / user_bytes)
}

/// Loads and settles, for what comes after.
pub(super) fn quietly<E: Engine>(child: &Child<'_>, engine: &E) -> Outcome<()> {
    puts(engine, child.form, child.keys, 1, false)?;
    engine.settle()?;
    Ok(())
}

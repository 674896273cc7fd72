//! Reads over settled data: points and scans.
//!
//! Before any is timed, a quarter of the keys is read and all is scanned both ways, which warms the caches and checks every
//! value, the order and the count. Timed reads check the length and the tag of each value, timed scans their sum.
//!
//! Reads leave the data as it is, so that they end with their time, and fast engines are measured as long as slow ones.

use std::time::Instant;

use esker_testkit::workload::choice::{self, Chooser, shuffled};

use crate::child::Child;
use crate::engine::{Engine, Outcome};
use crate::keys::{Key, tag, tag_of};
use crate::stretch::{Choice, Done, Kind, Stretch, in_threads};
use crate::workload::load;

/// Keys that are read before anything is timed, at least, where there are so many.
const WARM_AT_LEAST: usize = 250_000;
/// Point reads of a row, at most, for each key.
const READS_A_KEY: u64 = 4;

/// The workload `read`.
pub(super) fn all<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    load::rows(child, &engine, "fillrandom")?;
    warm(child, &engine)?;
    let ways = [
        ("readrandom", Kind::Get, choice::Choice::Uniform),
        ("readmissing", Kind::Miss, choice::Choice::Uniform),
        ("readzipfian", Kind::Get, choice::Choice::Zipfian),
    ];
    for (name, kind, choice) in ways {
        child.rate(name, &points(child, &engine, kind, choice, 1, false)?)?;
        child.rate(&format!("{name} 2t"), &points(child, &engine, kind, choice, 2, false)?)?;
    }
    scans(child, &engine)?;
    let latencies = points(child, &engine, Kind::Get, choice::Choice::Uniform, 1, true)?.latencies;
    super::sustained::percentiles(child, "read", &latencies)
}

/// The workloads of keys that tie.
pub(super) fn points_and_scans<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    load::rows(child, &engine, "fillrandom")?;
    warm(child, &engine)?;
    child.rate("readrandom", &points(child, &engine, Kind::Get, choice::Choice::Uniform, 1, false)?)?;
    child.rate("readmissing", &points(child, &engine, Kind::Miss, choice::Choice::Uniform, 1, false)?)?;
    child.rate("readzipfian", &points(child, &engine, Kind::Get, choice::Choice::Zipfian, 1, false)?)?;
    scans(child, &engine)
}

/// The workload `cache32`: the data is eight times the cache.
pub(super) fn small_cache<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let mut settings = child.settings;
    settings.cache_bytes = 32 << 20;
    let engine = E::open(&child.task.folder, settings)?;
    load::quietly(child, &engine)?;
    warm(child, &engine)?;
    child.rate("readrandom", &points(child, &engine, Kind::Get, choice::Choice::Uniform, 1, false)?)?;
    child.rate("readrandom 2t", &points(child, &engine, Kind::Get, choice::Choice::Uniform, 2, false)?)
}

/// The workload `lz4`.
pub(super) fn compressed<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let mut settings = child.settings;
    settings.lz4 = true;
    let engine = E::open(&child.task.folder, settings)?;
    load::rows(child, &engine, "fillrandom")?;
    warm(child, &engine)?;
    child.rate("readrandom", &points(child, &engine, Kind::Get, choice::Choice::Uniform, 1, false)?)
}

/// Reads a quarter of all keys, which touches every block of many entries, then scans all both ways and checks all of it.
pub(super) fn warm<E: Engine>(child: &Child<'_>, engine: &E) -> Outcome<()> {
    let mut wrong = 0u64;
    let sample = usize::try_from(child.keys / 4)?.max(WARM_AT_LEAST);
    for number in shuffled(child.keys, 11).take(sample) {
        let right = read(child, engine, Key::new(child.form.shape, number).bytes(), number)?;
        wrong += u64::from(!right);
    }
    if wrong > 0 {
        return Err(format!(
            "{wrong} of {} keys were absent or wrong",
            sample.min(usize::try_from(child.keys)?)
        )
        .into());
    }
    strict_scan(child, false, |show| engine.scan(b"", usize::MAX, show))?;
    strict_scan(child, true, |show| engine.scan_back(show))
}

/// Reads one key; whether its value is there and its own.
#[inline]
fn read<E: Engine>(child: &Child<'_>, engine: &E, key: &[u8], number: u64) -> Outcome<bool> {
    let mut right = false;
    engine.get(key, |value| {
        right =
            value.is_some_and(|value| value.len() == child.form.value_bytes && tag_of(value) == tag(number));
    })?;
    Ok(right)
}

/// Timed point reads.
pub(super) fn points<E: Engine>(
    child: &Child<'_>,
    engine: &E,
    kind: Kind,
    choice: choice::Choice,
    threads: usize,
    each: bool,
) -> Outcome<Done> {
    let operations = usize::try_from(child.keys * READS_A_KEY)?;
    let stretch = Stretch { each, ..Stretch::new(child.form, child.limit()) };
    in_threads(threads, |thread| {
        let mut chooser = Chooser::new(choice, child.keys, 21 + thread as u64);
        let choices =
            std::iter::repeat_with(|| Choice { kind, number: chooser.next_number() }).take(operations);
        let mut wrong = 0u64;
        let done = stretch.run(choices, |group| {
            for operation in group {
                let right = match kind {
                    Kind::Miss => {
                        let mut absent = false;
                        engine.get(operation.key, |value| absent = value.is_none())?;
                        absent
                    }
                    _ => read(child, engine, operation.key, operation.number)?,
                };
                wrong += u64::from(!right);
            }
            Ok(())
        })?;
        if wrong > 0 {
            Err(format!("{wrong} of {} reads were wrong", done.operations).into())
        } else {
            // To end with its time is what it is meant to do.
            Ok(Done { cut: false, ..done })
        }
    })
}

/// Timed scans of everything, both ways.
fn scans<E: Engine>(child: &Child<'_>, engine: &E) -> Outcome<()> {
    let forward = timed_scan(child, |sum| engine.scan(b"", usize::MAX, |_, value| sum.add(value)))?;
    child.row("scan forward", forward)?;
    let backward = timed_scan(child, |sum| engine.scan_back(|_, value| sum.add(value)))?;
    child.row("scan reverse", backward)
}

/// What a scan gives its entries to.
type Show<'a> = &'a mut dyn FnMut(&[u8], &[u8]);

/// A scan that looks at count, order and every value, off the clock.
fn strict_scan(child: &Child<'_>, backward: bool, scan: impl FnOnce(Show<'_>) -> Outcome<()>) -> Outcome<()> {
    let (mut seen, mut disorder, mut sum) = (0u64, 0u64, 0u64);
    let mut last = Vec::new();
    scan(&mut |key, value| {
        let ordered = seen == 0 || if backward { key < last.as_slice() } else { key > last.as_slice() };
        disorder += u64::from(!ordered || value.len() != child.form.value_bytes);
        last.clear();
        last.extend_from_slice(key);
        seen += 1;
        sum = sum.wrapping_add(tag_of(value));
    })?;
    if seen == child.keys && disorder == 0 && sum == sum_of_tags(child.keys) {
        return Ok(());
    }
    let keys = child.keys;
    Err(format!(
        "a scan gave {seen} of {keys} entries, {disorder} out of order or of wrong length; sum {sum:x}"
    )
    .into())
}

/// Entries per second of a scan; its count and sum must be right.
fn timed_scan(child: &Child<'_>, scan: impl FnOnce(&mut Sum) -> Outcome<()>) -> Outcome<f64> {
    let mut sum = Sum { seen: 0, tags: 0 };
    let started = Instant::now();
    scan(&mut sum)?;
    let seconds = started.elapsed().as_secs_f64();
    if sum.seen == child.keys && sum.tags == sum_of_tags(child.keys) {
        Ok(child.keys as f64 / seconds)
    } else {
        Err(format!("a scan gave {} of {} entries, or wrong ones", sum.seen, child.keys).into())
    }
}

/// What a timed scan keeps of its entries.
struct Sum {
    seen: u64,
    tags: u64,
}

impl Sum {
    #[inline]
    fn add(&mut self, value: &[u8]) {
        self.seen += 1;
        self.tags = self.tags.wrapping_add(tag_of(value));
    }
}

fn sum_of_tags(keys: u64) -> u64 {
    (0..keys).fold(0u64, |sum, number| sum.wrapping_add(tag(number)))
}

//! The mixes of the Yahoo! Cloud Serving Benchmark (Cooper et al., SoCC 2010), over settled, warm data.
//!
//! | | reads | writes | chosen |
//! |---|--:|--:|---|
//! | A | 50 % | 50 % updates | zipfian |
//! | B | 95 % | 5 % updates | zipfian |
//! | C | 100 % | | zipfian |
//! | D | 95 % | 5 % inserts | the newest most often |
//! | E | 95 % scans of 1 to 100 | 5 % inserts | zipfian |
//! | F | 50 % | 50 % read, then written | zipfian |
//!
//! They run in the order C, E, B, A, F, D, from few changes to many, on one load; between them the engine settles.

use esker_testkit::workload::choice::{self, Chooser};

use crate::child::Child;
use crate::engine::{Engine, Outcome};
use crate::keys::{tag, tag_of};
use crate::stretch::{Choice, Done, Kind, Operation, Stretch, in_threads};
use crate::workload::{load, reads};

/// The longest scan of E.
const LONGEST_SCAN: usize = 100;

/// One mix.
#[derive(Clone, Copy)]
struct Mix {
    name: &'static str,
    /// Share of reads (of scans in E), in percent.
    reads: u32,
    /// What the rest is.
    rest: Rest,
    /// Threads that it runs with.
    threads: &'static [usize],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Update,
    ReadThenWrite,
    Insert,
    InsertBesideScans,
}

const MIXES: [Mix; 6] = [
    Mix { name: "ycsb c", reads: 100, rest: Rest::Update, threads: &[1, 2] },
    Mix { name: "ycsb e", reads: 95, rest: Rest::InsertBesideScans, threads: &[1, 2] },
    Mix { name: "ycsb b", reads: 95, rest: Rest::Update, threads: &[1, 2] },
    Mix { name: "ycsb a", reads: 50, rest: Rest::Update, threads: &[1, 2] },
    Mix { name: "ycsb f", reads: 50, rest: Rest::ReadThenWrite, threads: &[1, 2] },
    // With two writers the newest number may not be written yet when the other reads it.
    Mix { name: "ycsb d", reads: 95, rest: Rest::Insert, threads: &[1] },
];

/// The workload `ycsb`.
pub(super) fn all<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    load::quietly(child, &engine)?;
    reads::warm(child, &engine)?;
    // Inserted numbers: each run has its own range above those loaded, but D goes on where the load ended.
    let mut fresh = 1u64 << 32;
    for mix in MIXES {
        for &threads in mix.threads {
            let first = if mix.rest == Rest::Insert { child.keys } else { fresh };
            let done = run(child, &engine, mix, threads, first)?;
            fresh += 1 << 32;
            let name = if threads == 1 { mix.name.to_owned() } else { format!("{} {threads}t", mix.name) };
            child.rate(&name, &done)?;
            engine.settle()?;
        }
    }
    Ok(())
}

/// The workloads of longer values: load, random reads, A.
pub(super) fn long_values<E: Engine>(child: &Child<'_>, separate: bool) -> Outcome<()> {
    let mut settings = child.settings;
    settings.separate_values = separate;
    let engine = E::open(&child.task.folder, settings)?;
    load::rows(child, &engine, "fillrandom")?;
    reads::warm(child, &engine)?;
    child
        .rate("readrandom", &reads::points(child, &engine, Kind::Get, choice::Choice::Uniform, 1, false)?)?;
    let a = MIXES.into_iter().find(|mix| mix.name == "ycsb a").ok_or("no mix A")?;
    child.rate("ycsb a", &run(child, &engine, a, 1, 0)?)
}

/// Runs one mix, each thread an operation for every second key, or a scan for every tenth, if there is time.
fn run<E: Engine>(child: &Child<'_>, engine: &E, mix: Mix, threads: usize, first: u64) -> Outcome<Done> {
    let scans = mix.rest == Rest::InsertBesideScans;
    let operations = usize::try_from(child.keys / if scans { 10 } else { 2 })?;
    let stretch = Stretch::new(child.form, child.limit());
    in_threads(threads, |thread| {
        let mut choices = Choices {
            mix,
            chooser: Chooser::new(choice::Choice::Zipfian, child.keys, 31 + thread as u64),
            random: fastrand::Rng::with_seed(41 + thread as u64),
            next: first + ((thread as u64) << 28),
        };
        let choices = std::iter::repeat_with(|| choices.next_choice()).take(operations);
        let mut wrong = 0u64;
        let done = stretch.run(choices, |group| {
            for operation in group {
                wrong += u64::from(!execute(child, engine, operation)?);
            }
            Ok(())
        })?;
        if wrong > 0 {
            Err(format!("{}: {wrong} of {} were wrong", mix.name, done.operations).into())
        } else {
            Ok(done)
        }
    })
}

/// Runs one operation; whether what it read was right.
#[inline]
fn execute<E: Engine>(child: &Child<'_>, engine: &E, operation: &Operation<'_>) -> Outcome<bool> {
    let value_bytes = child.form.value_bytes;
    match operation.kind {
        Kind::Put => engine.put(operation.key, operation.value)?,
        Kind::Scan(length) => {
            let (mut seen, mut right) = (0, true);
            engine.scan(operation.key, length, |key, value| {
                right &= seen > 0 || key == operation.key;
                right &= value.len() == value_bytes;
                seen += 1;
            })?;
            return Ok(right && seen > 0 && seen <= length);
        }
        Kind::Get | Kind::Update => {
            let mut right = false;
            engine.get(operation.key, |value| {
                right = value.is_some_and(|value| {
                    value.len() == value_bytes && tag_of(value) == tag(operation.number)
                });
            })?;
            if operation.kind == Kind::Update {
                engine.put(operation.key, operation.value)?;
            }
            return Ok(right);
        }
        Kind::Miss | Kind::Delete => return Err("no mix has misses or deletes".into()),
    }
    Ok(true)
}

/// Draws the operations of one thread.
struct Choices {
    mix: Mix,
    chooser: Chooser,
    random: fastrand::Rng,
    next: u64,
}

impl Choices {
    fn next_choice(&mut self) -> Choice {
        let reads = self.random.u32(..100) < self.mix.reads;
        match (self.mix.rest, reads) {
            (Rest::Insert, true) => {
                let newest = self.next - 1;
                Choice { kind: Kind::Get, number: newest - self.chooser.next_rank().min(newest) }
            }
            (Rest::InsertBesideScans, true) => Choice {
                kind: Kind::Scan(self.random.usize(1..=LONGEST_SCAN)),
                number: self.chooser.next_number(),
            },
            (_, true) => Choice { kind: Kind::Get, number: self.chooser.next_number() },
            (Rest::Update, false) => Choice { kind: Kind::Put, number: self.chooser.next_number() },
            (Rest::ReadThenWrite, false) => Choice { kind: Kind::Update, number: self.chooser.next_number() },
            (Rest::Insert | Rest::InsertBesideScans, false) => {
                self.next += 1;
                Choice { kind: Kind::Put, number: self.next - 1 }
            }
        }
    }
}

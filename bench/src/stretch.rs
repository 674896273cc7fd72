//! A timed stretch of operations: made in blocks off the clock, run on it.
//!
//! A block is small enough to stay in the first caches, so that neither making keys and values nor reading them back from
//! memory shows in a figure. A stretch ends early when its time is up, so that one slow engine cannot hold up the rest;
//! rates are of what was done. The time limit is looked at between blocks, and inside of a block after each operation
//! where operations may be long.
//!
//! With more than one thread, the rate is all operations over the busy time of the busiest thread.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use esker_testkit::histogram::LatencyHistogram;

use crate::engine::Outcome;
use crate::keys::{Key, Shape, fill_value};
use crate::row::Reading;

/// Bytes of values in one block.
const BLOCK_VALUE_BYTES: usize = 32 << 10;
/// Most operations in one block.
const BLOCK_OPERATIONS: usize = 256;
/// The time limit is looked at after this much of a block.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Writes the number's key.
    Put,
    /// Reads it; it must be there.
    Get,
    /// Reads a key that must not be there.
    Miss,
    /// Removes it.
    Delete,
    /// Reads this many entries from its key on.
    Scan(usize),
    /// Reads it, then writes it.
    Update,
}

impl Kind {
    fn writes(self) -> bool {
        matches!(self, Kind::Put | Kind::Update)
    }
}

/// What is to be done to which number.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// What.
    pub kind: Kind,
    /// To which number.
    pub number: u64,
}

/// How keys and values are made.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Keys.
    pub shape: Shape,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Whether values can be compressed to half.
    pub compressible: bool,
}

/// An operation, ready to run.
pub struct Operation<'a> {
    /// What it does.
    pub kind: Kind,
    /// To which number.
    pub number: u64,
    /// Its key.
    pub key: &'a [u8],
    /// The value to write; empty for one that writes none.
    pub value: &'a [u8],
}

/// What came of a stretch.
pub struct Done {
    /// Operations.
    pub operations: u64,
    /// Busy time of the busiest thread.
    pub busy: Duration,
    /// Whether time was up before all was done.
    pub cut: bool,
    /// How long each operation took, where that was asked for.
    pub latencies: LatencyHistogram,
}

impl Done {
    /// Operations per second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.busy.as_secs_f64()
    }

    /// A figure of this stretch.
    pub fn reading(&self, figure: f64) -> Reading {
        if self.cut { Reading::Cut(figure) } else { Reading::Value(figure) }
    }

    fn nothing() -> Done {
        Done { operations: 0, busy: Duration::ZERO, cut: false, latencies: LatencyHistogram::new() }
    }
}

/// A stretch.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// How keys and values are made.
    pub form: Form,
    /// It ends after about this much busy time.
    pub limit: Duration,
    /// Whether to take the time of each operation (some 30 ns each).
    pub each: bool,
    /// Operations that are run in one go: the clock takes each go when it takes each.
    pub group: usize,
}

impl Stretch {
    /// A stretch of single operations, timed as a whole.
    pub fn new(form: Form, limit: Duration) -> Stretch {
        Stretch { form, limit, each: false, group: 1 }
    }

    /// Runs the chosen operations in this thread. `run` gets them in slices of the group size.
    pub fn run(
        &self,
        mut choices: impl Iterator<Item = Choice>,
        mut run: impl FnMut(&[Operation<'_>]) -> Outcome<()>,
    ) -> Outcome<Done> {
        let value_bytes = self.form.value_bytes;
        let room =
            (BLOCK_VALUE_BYTES / value_bytes.max(1)).clamp(1, BLOCK_OPERATIONS).next_multiple_of(self.group);
        let mut values = vec![0u8; room * value_bytes];
        let mut chosen: Vec<(Choice, Key)> = Vec::with_capacity(room);
        let mut done = Done::nothing();
        let mut version = 0;
        loop {
            chosen.clear();
            for value in values.chunks_mut(value_bytes.max(1)).take(room) {
                let Some(choice) = choices.next() else { break };
                let key = match choice.kind {
                    Kind::Miss => Key::missing(self.form.shape, choice.number),
                    _ => Key::new(self.form.shape, choice.number),
                };
                if choice.kind.writes() {
                    version += 1;
                    fill_value(choice.number, version, self.form.compressible, value);
                }
                chosen.push((choice, key));
            }
            done.cut |= !chosen.is_empty() && done.busy >= self.limit;
            if chosen.is_empty() || done.cut {
                break;
            }
            let operations: Vec<Operation<'_>> = chosen
                .iter()
                .zip(values.chunks(value_bytes.max(1)))
                .map(|((choice, key), value)| Operation {
                    kind: choice.kind,
                    number: choice.number,
                    key: key.bytes(),
                    value: if choice.kind.writes() { value } else { &[] },
                })
                .collect();
            self.run_block(&operations, &mut done, &mut run)?;
        }
        Ok(done)
    }

    /// One block on the clock.
    fn run_block(
        &self,
        operations: &[Operation<'_>],
        done: &mut Done,
        run: &mut impl FnMut(&[Operation<'_>]) -> Outcome<()>,
    ) -> Outcome<()> {
        let slow = operations.iter().any(|operation| matches!(operation.kind, Kind::Scan(_)));
        let started = Instant::now();
        let mut last = started;
        for group in operations.chunks(self.group) {
            run(group)?;
            done.operations += group.len() as u64;
            if self.each {
                let now = Instant::now();
                done.latencies.record(now - last);
                last = now;
            } else if slow && done.busy + started.elapsed() > self.limit + LOOK_EVERY {
                done.cut = true;
                break;
            }
        }
        done.busy += started.elapsed();
        Ok(())
    }
}

/// Runs the same stretch in `threads` threads at once, each with its own choices.
pub fn in_threads(threads: usize, work: impl Fn(usize) -> Outcome<Done> + Sync) -> Outcome<Done> {
    let barrier = Barrier::new(threads);
    let each: Vec<Outcome<Done>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(thread)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread of the harness panicked")?)
            .collect()
    });
    let mut all = Done::nothing();
    for done in each {
        let done = done?;
        all.operations += done.operations;
        all.cut |= done.cut;
        all.busy = all.busy.max(done.busy);
        all.latencies.merge(&done.latencies);
    }
    Ok(all)
}

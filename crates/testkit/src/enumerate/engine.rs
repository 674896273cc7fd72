//! What a crash enumeration drives: an [`Engine`], by a script of [`Step`]s.

use std::fmt::Debug;

use crate::fault_fs::FaultFs;
use crate::oracle::change::{Ack, Change, Durability, Op};
use crate::oracle::state::State;

/// A database as the enumeration sees it. For a run to be repeatable it must make its calls in one order: one thread,
/// a manual clock, seeded randomness.
pub trait Engine: Sized {
    /// How to open it.
    type Options: Debug;

    /// Opens a database, creating it if there is none.
    ///
    /// # Errors
    /// Why it does not open.
    fn open(fs: &FaultFs, options: &Self::Options) -> Result<Self, String>;

    /// Writes a batch, and says what became of it.
    fn write(&mut self, changes: &[Change], durability: Durability) -> Ack;

    /// Does a piece of work now. An engine that has nothing of the kind does nothing.
    ///
    /// # Errors
    /// Why it could not.
    fn run(&mut self, task: Task) -> Result<(), String>;

    /// Everything that can be read, found through a scan; an engine may check single reads against it.
    ///
    /// # Errors
    /// What could not be read.
    fn read_all(&mut self) -> Result<State, String>;

    /// Closes it in order.
    ///
    /// # Errors
    /// What went wrong; the database is closed all the same.
    fn close(self) -> Result<(), String>;
}

/// Work that a script asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make everything acknowledged survive a power loss.
    Persist,
    /// Write what is in memory into tables.
    Flush,
    /// Compact as far as there is reason to.
    Compact,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write a batch.
    Write(Vec<Change>, Durability),
    /// Do a piece of work.
    Run(Task),
    /// Close in order and open again.
    Reopen,
}

/// What a random script is made of.
#[derive(Clone, Copy, Debug)]
pub struct ScriptOptions {
    /// Same seed, same script.
    pub seed: u64,
    /// How many steps.
    pub steps: usize,
    /// How many keys: few, so that they are overwritten and deleted often.
    pub keys: u64,
    /// How many keyspaces.
    pub keyspaces: u32,
    /// The longest value; every eighth is this long, the others much shorter.
    pub value_len: usize,
    /// Whether to use merges.
    pub merges: bool,
    /// Whether to use range deletes.
    pub range_deletes: bool,
}

impl Default for ScriptOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 200,
            keys: 24,
            keyspaces: 1,
            value_len: 700,
            merges: false,
            range_deletes: false,
        }
    }
}

/// A random script: batches of one to four changes at every level of durability, with work between them.
#[must_use]
pub fn random_script(options: &ScriptOptions) -> Vec<Step> {
    let mut random = fastrand::Rng::with_seed(options.seed);
    (0..options.steps)
        .map(|number| match random.u32(..100) {
            0..=3 => Step::Run(Task::Persist),
            4..=7 => Step::Run(Task::Flush),
            8..=9 => Step::Run(Task::Compact),
            10..=11 => Step::Reopen,
            _ => {
                let changes =
                    (0..random.u32(1..=4)).map(|_| random_change(options, &mut random, number)).collect();
                let durability = match random.u32(..8) {
                    0 | 1 => Durability::Sync,
                    2 => Durability::Buffered,
                    _ => Durability::Os,
                };
                Step::Write(changes, durability)
            }
        })
        .collect()
}

/// Values name the step that wrote them, so that a difference tells where it comes from.
fn random_change(options: &ScriptOptions, random: &mut fastrand::Rng, step: usize) -> Change {
    let keys = options.keys.max(1);
    let key = |number: u64| format!("key{number:04}").into_bytes();
    let first = random.u64(..keys);
    let op = match random.u32(..20) {
        0..=3 => Op::Delete(key(first)),
        4 if options.range_deletes => {
            Op::DeleteRange(key(first), key(first + 1 + random.u64(..keys / 4 + 1)))
        }
        5..=6 if options.merges => Op::Merge(key(first), format!("m{step}").into_bytes()),
        _ => {
            let len = if random.u32(..8) == 0 {
                options.value_len
            } else {
                random.usize(..=options.value_len / 16)
            };
            let mut value = format!("step {step}").into_bytes();
            value.resize(len.max(value.len()), b'.');
            Op::Put(key(first), value)
        }
    };
    Change { keyspace: random.u32(..options.keyspaces.max(1)), op }
}

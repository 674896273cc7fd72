//! Random operations on a tree and on an oracle, over random settings: snapshots, comparators, flushes, compactions, reopening
//! and refusals, all in the mix.
//!
//! [`run`] plays the script of one seed. When tree and oracle differ, or the tree panics, the script is *shortened*: operations are
//! taken out, by halves, then by smaller and smaller pieces, for as long as what is left still fails (Zeller and Hildebrandt,
//! *Simplifying and Isolating Failure-Inducing Input*, IEEE TSE 2002, without its complements); then what is left is made simpler, and
//! shortened again. What a [`Failure`] shows is the rest.
//!
//! Shared by the crate's tests and by `cargo xtask model`. Not here: the operations ([`operation`]), what they do
//! ([`subject`], [`batches`], [`overlays`], [`points`], [`ranges`], [`upkeep`]), and what is right ([`oracle`]).

mod batches;
mod copies;
mod dice;
mod operation;
mod oracle;
mod overlays;
mod points;
mod ranges;
mod settings;
mod subject;
mod universe;
mod upkeep;
mod writes;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) use self::operation::Operation;
pub(crate) use self::settings::Reversed;
pub(crate) use self::subject::Planted;
use self::subject::{Done, Subject};

/// Most replays that shortening a script may take.
const MOST_REPLAYS: usize = 2000;

/// What a run has done, by kind of operation.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Operations that were done and compared, in the order of [`Operation::NAMES`].
    pub(crate) checked: Vec<u64>,
}

impl Tally {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Self { checked: vec![0; Operation::NAMES.len()] }
    }

    /// All operations.
    pub(crate) fn total(&self) -> u64 {
        self.checked.iter().sum()
    }

    /// Adds another run's.
    pub(crate) fn add(&mut self, other: &Tally) {
        for (sum, count) in self.checked.iter_mut().zip(&other.checked) {
            *sum += count;
        }
    }
}

/// A script on which tree and oracle differ.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Where the script came from.
    pub(crate) seed: u64,
    /// The settings.
    pub(crate) settings: String,
    /// What is left of it.
    pub(crate) script: Vec<Operation>,
    /// The difference, or the panic.
    pub(crate) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.message)?;
        writeln!(f, "{}", self.settings)?;
        for (at, operation) in self.script.iter().enumerate() {
            writeln!(f, "{at:4}  {operation:?}")?;
        }
        Ok(())
    }
}

/// Plays the script of a seed.
pub(crate) fn run(seed: u64, operations: usize, planted: Option<Planted>) -> Result<Tally, Box<Failure>> {
    // The settings come from the seed itself.
    let mut dice = dice::Dice::new(seed ^ 0x6F70_6572_6174_696F);
    let mut script: Vec<Operation> = (0..operations).map(|_| Operation::drawn(&mut dice)).collect();
    match play(seed, &script, planted) {
        Played::Through(tally) => Ok(tally),
        Played::Until { operation, message } => {
            script.truncate(operation + 1);
            Err(Box::new(shorten(seed, script, message, planted)))
        }
    }
}

/// How far a script went.
enum Played {
    Through(Tally),
    Until { operation: usize, message: String },
}

fn play(seed: u64, script: &[Operation], planted: Option<Planted>) -> Played {
    let mut tally = Tally::new();
    let mut at = 0;
    let played = catch_unwind(AssertUnwindSafe(|| -> Result<(), String> {
        let mut subject = Subject::new(seed, planted)?;
        for operation in script {
            if subject.apply(operation)? == Done::Checked {
                tally.checked[operation.kind()] += 1;
            }
            at += 1;
        }
        subject.at_last()
    }));
    let message = match played {
        Ok(Ok(())) => return Played::Through(tally),
        Ok(Err(message)) => message,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panicked: {}", text.unwrap_or("with something that is no text"))
        }
    };
    Played::Until { operation: at.min(script.len().saturating_sub(1)), message }
}

/// A script that fails, and how it does.
struct Failing {
    seed: u64,
    planted: Option<Planted>,
    script: Vec<Operation>,
    message: String,
    replays: usize,
}

impl Failing {
    /// Takes `other` for the script if it fails as well; says whether it did.
    fn takes(&mut self, other: Vec<Operation>) -> bool {
        self.replays += 1;
        let Played::Until { operation, message } = play(self.seed, &other, self.planted) else {
            return false;
        };
        self.script = other;
        self.script.truncate(operation + 1);
        self.message = message;
        true
    }

    fn may_go_on(&self) -> bool {
        self.replays < MOST_REPLAYS
    }

    /// Takes operations out.
    fn shorten(&mut self) {
        let mut piece = self.script.len().div_ceil(2);
        while piece > 0 && self.may_go_on() {
            let before = self.script.len();
            let mut from = 0;
            while from < self.script.len() && self.may_go_on() {
                let to = (from + piece).min(self.script.len());
                if !self.takes([&self.script[..from], &self.script[to..]].concat()) {
                    from = to;
                }
            }
            if self.script.len() == before || piece > self.script.len() {
                piece /= 2;
            }
        }
    }

    /// Makes the operations that are left simpler, one part at a time; says whether any became so.
    fn simplify(&mut self) -> bool {
        let mut simplified = false;
        let mut at = 0;
        while at < self.script.len() && self.may_go_on() {
            for simpler in self.script[at].simpler() {
                let mut other = self.script.clone();
                other[at] = simpler;
                if self.takes(other) {
                    simplified = true;
                    break;
                }
            }
            at += 1;
        }
        simplified
    }
}

fn shorten(seed: u64, script: Vec<Operation>, message: String, planted: Option<Planted>) -> Failure {
    let mut failing = Failing { seed, planted, script, message, replays: 0 };
    failing.shorten();
    while failing.may_go_on() && failing.simplify() {
        failing.shorten();
    }
    let settings = Subject::new(seed, planted).map(|subject| format!("{:?}", subject.settings()));
    let Failing { script, message, .. } = failing;
    Failure { seed, settings: settings.unwrap_or_else(|error| error), script, message }
}

//! What a killed process may leave: the oracle of `cargo xtask kill`.
//!
//! Each writer has keys of its own and an endless list of operations that the seed determines, so writer `w` has done
//! exactly the operations `0..n` for some `n`. After a kill with `acknowledged` operations known to be done, the
//! database must hold what the first `n` leave, with `n` either `acknowledged` or one more (the one under way): nothing
//! acknowledged lost, nothing deleted back, no half of a batch. So one number says all that is allowed.

use esker_testkit::oracle::change::{Change, Durability, append_merge};
use esker_testkit::oracle::state::State;
use esker_testkit::workload::keys::scramble;

use crate::proofs::keys::fill_value;

/// Keys of one writer. Few, so that overwrites and deletes of existing keys are common.
const KEYS: u64 = 4_000;

/// One operation: its changes happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// More than one is a batch.
    pub(crate) changes: Vec<Change>,
    /// What it asks for; both survive a kill.
    pub(crate) durability: Durability,
}

/// Operation `n` of writer `writer`.
pub(crate) fn operation(seed: u64, writer: u64, n: u64) -> Operation {
    let dice = scramble(scramble(seed ^ (writer << 56)) ^ n);
    let count = if dice.is_multiple_of(16) { 2 + (dice >> 8) % 6 } else { 1 };
    let changes = (0..count).map(|part| change(writer, n, part, scramble(dice ^ (part + 1)))).collect();
    let durability = if (dice >> 16).is_multiple_of(64) { Durability::Sync } else { Durability::Os };
    Operation { changes, durability }
}

fn change(writer: u64, n: u64, part: u64, dice: u64) -> Change {
    let key = format!("{}{:08}", key_prefix(writer), dice % KEYS).into_bytes();
    if (dice >> 20).is_multiple_of(5) {
        return Change::delete(key);
    }
    let length = 16 + usize::try_from((dice >> 32) % 200).unwrap_or(0);
    let mut value = vec![0; length];
    fill_value(scramble(n ^ (part << 48) ^ (writer << 56)), &mut value);
    Change::put(key, value)
}

/// What the keys of a writer begin with.
pub(crate) fn key_prefix(writer: u64) -> String {
    format!("w{writer:02}/")
}

/// What one writer's operations have left so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Operations done.
    pub(crate) done: u64,
    /// What they leave.
    pub(crate) state: State,
}

impl Expected {
    /// Does operations until `done` of them are done.
    pub(crate) fn advance(&mut self, seed: u64, writer: u64, done: u64) {
        while self.done < done {
            for change in operation(seed, writer, self.done).changes {
                self.state.apply(&change, append_merge);
            }
            self.done += 1;
        }
    }

    /// Takes what the database holds of this writer: the outcome of `acknowledged` operations or of one more.
    pub(crate) fn accept(
        &mut self,
        seed: u64,
        writer: u64,
        acknowledged: u64,
        found: &State,
    ) -> Result<(), String> {
        self.advance(seed, writer, acknowledged);
        let Some(difference) = self.state.explain(found) else { return Ok(()) };
        self.advance(seed, writer, acknowledged + 1);
        if self.state.differences(found).is_empty() {
            return Ok(());
        }
        Err(format!("writer {writer}, {acknowledged} operations acknowledged: {difference}"))
    }
}

#[cfg(test)]
mod tests;

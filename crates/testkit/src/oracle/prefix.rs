//! The promise of recovery: what is found is a prefix of the commit order that holds at least every batch
//! acknowledged at the level that the crash respects.
//!
//! [`check_prefix`] walks through the history once and keeps the set of places at which the state so far differs
//! from the recovered one; where that set is empty the recovered state is this prefix. A batch of unknown outcome
//! may be missing although later ones are there, so each combination of such batches is tried, up to a limit.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::oracle::change::{Ack, Commit, Durability, MergeFn, Op};
use crate::oracle::state::{Place, State, show};

/// Combinations are tried of at most this many batches of unknown outcome: the last ones. Earlier ones count as
/// committed.
const FREE_UNKNOWN_BATCHES: usize = 8;

/// Differing keys that a message lists.
const LISTED_PLACES: usize = 8;

/// What a crash respects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// The process ended in order: everything acknowledged is there.
    CleanClose,
    /// The process was killed, the system lived on: `Os` and `Sync` are there.
    Kill,
    /// The power failed: `Sync` is there.
    PowerLoss,
}

impl CrashKind {
    fn respects(self) -> Durability {
        match self {
            Self::CleanClose => Durability::Buffered,
            Self::Kill => Durability::Os,
            Self::PowerLoss => Durability::Sync,
        }
    }
}

/// Checks a recovered state against the history that began at `base`. Returns how many batches of the history it
/// holds.
///
/// # Errors
/// A readable account of the difference to the nearest prefix that would have been right.
pub fn check_prefix(
    base: &State,
    history: &[Commit],
    crash: CrashKind,
    recovered: &State,
    merge: MergeFn,
) -> Result<usize, String> {
    let promised = history
        .iter()
        .rposition(|commit| commit.ack == Ack::Acknowledged && commit.durability >= crash.respects())
        .map_or(0, |index| index + 1);
    let unknown: Vec<usize> =
        (0..history.len()).filter(|&index| ack(history, index) == Some(Ack::Unknown)).collect();
    let free = unknown.get(unknown.len().saturating_sub(FREE_UNKNOWN_BATCHES)..).unwrap_or_default();
    for left_out in 0..1u32 << free.len() {
        let left_out: BTreeSet<usize> = free
            .iter()
            .enumerate()
            .filter(|(bit, _)| left_out & (1 << bit) != 0)
            .map(|(_, &index)| index)
            .collect();
        let walk = walk(base, history, promised, &left_out, recovered, merge, false);
        if let Some(found) = walk.found {
            return Ok(found);
        }
    }
    let walk = walk(base, history, promised, &BTreeSet::new(), recovered, merge, true);
    Err(describe(&walk, history, crash, promised, recovered))
}

fn ack(history: &[Commit], index: usize) -> Option<Ack> {
    history.get(index).map(|commit| commit.ack)
}

/// What one walk through the history found.
#[derive(Default)]
struct Walk {
    /// The longest prefix that is the recovered state and long enough.
    found: Option<usize>,
    /// The longest prefix that is the recovered state but too short.
    too_short: Option<usize>,
    /// The prefix among those long enough that differs least, the differing places, and what it would hold. Only found
    /// when asked for, since it copies.
    nearest: Option<(usize, BTreeSet<Place>, State)>,
}

fn walk(
    base: &State,
    history: &[Commit],
    promised: usize,
    left_out: &BTreeSet<usize>,
    recovered: &State,
    merge: MergeFn,
    wants_nearest: bool,
) -> Walk {
    let mut walk = Walk::default();
    let mut state = base.clone();
    let mut differing = state.differences(recovered);
    for len in 0..=history.len() {
        if let Some(commit) = len.checked_sub(1).and_then(|index| history.get(index))
            && commit.ack != Ack::Refused
            && !left_out.contains(&(len - 1))
        {
            for change in &commit.changes {
                for place in state.apply(change, merge) {
                    if state.get(&place) == recovered.get(&place) {
                        differing.remove(&place);
                    } else {
                        differing.insert(place);
                    }
                }
            }
        }
        if differing.is_empty() {
            let longest = if len >= promised { &mut walk.found } else { &mut walk.too_short };
            *longest = Some(len);
        } else if wants_nearest
            && len >= promised
            && walk.nearest.as_ref().is_none_or(|(_, nearest, _)| differing.len() < nearest.len())
        {
            walk.nearest = Some((len, differing.clone(), state.clone()));
        }
    }
    walk
}

fn describe(walk: &Walk, history: &[Commit], crash: CrashKind, promised: usize, recovered: &State) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = match walk.too_short {
        Some(len) => writeln!(
            text,
            "lost: the state is that of the first {len} of {} batches, but {promised} were promised to survive {crash:?}",
            history.len()
        ),
        None => writeln!(
            text,
            "no prefix: the state is that of no prefix of the {} batches ({promised} were promised to survive {crash:?})",
            history.len()
        ),
    };
    let Some((len, differing, expected)) = &walk.nearest else { return text };
    let _ =
        writeln!(text, "nearest allowed: the first {len} batches, differing at {} keys:", differing.len());
    for place in differing.iter().take(LISTED_PLACES) {
        let or_absent = |state: &State| state.get(place).map_or("absent".to_owned(), |value| show(value));
        let touched: Vec<String> = (0..)
            .zip(history)
            .filter(|(_, commit)| {
                commit.changes.iter().any(|change| touches(&change.op, place, change.keyspace))
            })
            .map(|(index, commit): (usize, _)| format!("{index} ({:?}, {:?})", commit.durability, commit.ack))
            .collect();
        let _ = writeln!(
            text,
            "  keyspace {} key {}: expected {}, found {}; written by batches {}",
            place.0,
            show(&place.1),
            or_absent(expected),
            or_absent(recovered),
            touched.get(touched.len().saturating_sub(4)..).unwrap_or_default().join(", ")
        );
    }
    text
}

fn touches(op: &Op, place: &Place, keyspace: u32) -> bool {
    keyspace == place.0
        && match op {
            Op::Put(key, _) | Op::Delete(key) | Op::SingleDelete(key) | Op::Merge(key, _) => *key == place.1,
            Op::DeleteRange(start, end) => *start <= place.1 && place.1 < *end,
        }
}

#[cfg(test)]
mod tests;

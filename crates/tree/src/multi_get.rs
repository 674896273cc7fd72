//! Point lookups of several keys at one moment, side by side.
//!
//! One view serves all keys, so that they are seen at the same point in time. Keys are looked up in small groups, a step of all
//! of them at a time: what the step will look at was asked for in the one before, so that the misses of a group overlap
//! where those of one lookup wait for each other.
//!
//! 1. Hash the keys, and ask for the filters' lines of all runs.
//! 2. Ask the memtables.
//! 3. For each run, newest first: ask the filters and search the indexes, and ask for the leads of the blocks; search
//!    the leads, and ask for the entries; compare the keys.
//!
//! What ends a key's search is the same as in [`crate::get`] (INV-READ-2).

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;

use crate::cache::slots::HeldBlock;
use crate::core::Core;
use crate::error::Result;
use crate::expiry::ReadTime;
use crate::get::{Lookup, cover, from_memtables};
use crate::state::View;
use crate::table::reader::Table;
use crate::version::run::Run;

/// Keys that are looked up side by side: enough to fill the misses that a processor keeps in flight.
const GROUP: usize = 8;

/// The values of `keys`, in their order.
pub(crate) fn multi_get<K: AsRef<[u8]>>(
    core: &Core,
    keys: impl IntoIterator<Item = K>,
    bound: impl FnOnce() -> SeqNo,
    time: ReadTime,
) -> Result<Vec<Option<UserValue>>> {
    let view = core.state.view_owned();
    let bound = view.admit(bound(), &core.snapshots)?;
    let keys: Vec<K> = keys.into_iter().collect();
    in_view(core, &view, &keys, bound, time)
}

/// The values of `keys` in `view` below `bound`, in their order.
pub(crate) fn in_view<K: AsRef<[u8]>>(
    core: &Core,
    view: &View,
    keys: &[K],
    bound: SeqNo,
    mut time: ReadTime,
) -> Result<Vec<Option<UserValue>>> {
    let mut values = Vec::with_capacity(keys.len());
    let mut lookups = Vec::with_capacity(GROUP);
    for group in keys.chunks(GROUP) {
        lookups.extend(group.iter().map(|key| Lookup::new(key.as_ref(), bound)));
        look_up(view, core.order(), &mut lookups)?;
        if lookups.iter().any(Lookup::wants_time) {
            // One look at the clock for all keys (INV-TTL-1).
            time = ReadTime::at(core.time_of_read(bound, time));
        }
        for lookup in lookups.drain(..) {
            values.push(lookup.into_value(core, view, time)?);
        }
    }
    Ok(values)
}

/// Looks up one group.
fn look_up(view: &View, order: &KeyOrder, lookups: &mut [Lookup<'_>]) -> Result<()> {
    for run in view.version.runs() {
        for lookup in &*lookups {
            if let Some(table) = run.table_for(lookup.key, order) {
                table.prefetch_filter(lookup.hash);
            }
        }
    }
    for lookup in &mut *lookups {
        cover(view, order, lookup);
        from_memtables(view, lookup);
    }
    for run in view.version.runs() {
        in_run(run, order, lookups)?;
    }
    Ok(())
}

/// Where the search for one key goes on in a run.
struct Step<'a> {
    table: &'a Table,
    at: usize,
    /// `None` if it has to be read.
    held: Option<HeldBlock>,
}

/// Looks up one group in one run.
fn in_run(run: &Run, order: &KeyOrder, lookups: &mut [Lookup<'_>]) -> Result<()> {
    let mut steps = [const { None }; GROUP];
    for (step, lookup) in steps.iter_mut().zip(&*lookups) {
        *step = step_of(run, order, lookup)?;
    }
    for (step, lookup) in steps.iter().zip(&*lookups) {
        if let Some(Step { held: Some(held), .. }) = step {
            held.block().prefetch(lookup.key, order);
        }
    }
    for (step, lookup) in steps.into_iter().zip(lookups) {
        let Some(Step { table, at, held }) = step else { continue };
        let held = held.map_or_else(|| table.load(at), Ok)?;
        lookup.take_newer(table.find(at, held, lookup.key, lookup.bound)?);
    }
    Ok(())
}

/// The block to search for a key, if the run may hold a newer version of it than what was found.
fn step_of<'a>(run: &'a Run, order: &KeyOrder, lookup: &Lookup<'_>) -> Result<Option<Step<'a>>> {
    if lookup.is_settled_by(run.highest_seqno()) {
        return Ok(None);
    }
    let table = run.table_for(lookup.key, order).filter(|table| table.may_contain(lookup.key, lookup.hash));
    let Some(table) = table else { return Ok(None) };
    let at = table.place_of(lookup.key)?;
    Ok(at.map(|at| Step { table, at, held: table.cached(at) }))
}

//! The rules that every plan obeys, whoever made it.
//!
//! A plan that breaks one would serve old versions for new ones later and for ever, so each plan is checked before it runs,
//! those of our own strategies too. Per rule one paragraph of [`check_plan`]; a table that is no input must not come to
//! stand on the wrong side of one that is.
//!
//! Cost: linear in the tables of the plan's key range, which is little beside running it.
//!
//! Not here: whether a plan is a good one.

use std::collections::HashSet;
use std::fmt;

use esker_format::ids::TableId;

use super::picker::{OutputRun, Plan, PlanKind, RunShape, Shape, TableShape};

/// The rule that a plan breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFault {
    /// No inputs, or an input run or table that the shape does not have, or inputs not listed newest first.
    UnknownInput,
    /// An input of a running job, or a key range that a running job writes to (INV-COMPACT-4).
    Busy,
    /// An older table with the same keys would stay above the output (INV-COMPACT-1).
    LeavesOlderAbove,
    /// The output would share keys with a table of its run that is no input (INV-COMPACT-2).
    OverlapsOutput,
    /// An output in place of a run whose inputs are not whole, adjacent runs led by it (INV-COMPACT-3).
    NotAdjacent,
    /// The inputs of a move share keys (INV-COMPACT-5).
    MovesOverlapping,
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PlanFault::UnknownInput => {
                "the plan names inputs that the tree does not have, or in the wrong order"
            }
            PlanFault::Busy => "the plan meets a running job",
            PlanFault::LeavesOlderAbove => "the plan would put newer entries below older ones",
            PlanFault::OverlapsOutput => "the plan's output would overlap a table of its run",
            PlanFault::NotAdjacent => "the plan merges runs that are not whole or not adjacent",
            PlanFault::MovesOverlapping => "the plan moves tables that overlap",
        })
    }
}

impl std::error::Error for PlanFault {}

/// Refuses a plan that would break the order of versions or the disjointness of a run.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_plan(plan: &Plan, shape: &Shape) -> Result<(), PlanFault> {
    let inputs = input_tables(plan, shape)?;
    let chosen: HashSet<TableId> = plan.tables().collect();
    if inputs.iter().any(|input| input.table.busy) {
        return Err(PlanFault::Busy);
    }
    if plan.kind == PlanKind::Drop {
        return Ok(());
    }
    let top = inputs.iter().map(|input| input.level).min().unwrap_or(0);
    if plan.output_level < top || plan.output_level > shape.last_level() {
        return Err(PlanFault::UnknownInput);
    }
    match plan.output_run {
        OutputRun::Sole => check_into_level(plan, shape, &inputs, &chosen, top),
        OutputRun::InPlaceOf(_) => check_in_place(plan, shape, &inputs),
    }?;
    if plan.kind == PlanKind::Move {
        check_disjoint(shape, &inputs)?;
    }
    Ok(())
}

struct Input<'a> {
    /// Position of its run among all runs, newest first.
    age: usize,
    level: usize,
    run: &'a RunShape,
    table: &'a TableShape,
}

fn input_tables<'a>(plan: &Plan, shape: &'a Shape) -> Result<Vec<Input<'a>>, PlanFault> {
    let mut found = Vec::new();
    let mut runs = shape.all_runs().enumerate();
    for input in &plan.inputs {
        // The iterator only moves on, so runs out of order are not found.
        let (age, (level, run)) = runs
            .find(|(_, (level, run))| *level == input.level && run.id == input.run)
            .ok_or(PlanFault::UnknownInput)?;
        let mut tables = run.tables.iter();
        for id in &input.tables {
            let table = tables.find(|table| table.id == *id).ok_or(PlanFault::UnknownInput)?;
            let inside = shape.overlap((&table.smallest, &table.smallest), (&plan.smallest, &plan.largest))
                && shape.overlap((&table.largest, &table.largest), (&plan.smallest, &plan.largest));
            if !inside {
                return Err(PlanFault::UnknownInput);
            }
            found.push(Input { age, level, run, table });
        }
    }
    if found.is_empty() { Err(PlanFault::UnknownInput) } else { Ok(found) }
}

/// INV-COMPACT-1 and INV-COMPACT-2: nothing older than an input stays between it and its new place, and the place
/// is free.
fn check_into_level(
    plan: &Plan,
    shape: &Shape,
    inputs: &[Input<'_>],
    chosen: &HashSet<TableId>,
    top: usize,
) -> Result<(), PlanFault> {
    // INV-COMPACT-4.
    let first_written = (top + 1).min(plan.output_level);
    if shape.is_being_written(first_written..=plan.output_level, &plan.smallest, &plan.largest) {
        return Err(PlanFault::Busy);
    }
    for (age, (level, run)) in shape.all_runs().enumerate() {
        if level > plan.output_level {
            break;
        }
        let left = run.overlapping(&shape.order, &plan.smallest, &plan.largest).iter();
        for table in left.filter(|table| !chosen.contains(&table.id)) {
            if level == plan.output_level && level > 0 && plan.kind == PlanKind::Merge {
                return Err(PlanFault::OverlapsOutput);
            }
            let range = (&table.smallest[..], &table.largest[..]);
            for input in inputs.iter().filter(|input| input.age < age) {
                if shape.overlap(range, (&input.table.smallest, &input.table.largest)) {
                    return Err(if level == plan.output_level {
                        PlanFault::OverlapsOutput
                    } else {
                        PlanFault::LeavesOlderAbove
                    });
                }
            }
        }
    }
    // A level that more than one run may stand in has no sole run to join.
    if plan.output_level == 0 || shape.runs(plan.output_level).len() > 1 {
        let all = shape
            .runs(plan.output_level)
            .iter()
            .all(|run| run.tables.iter().all(|table| chosen.contains(&table.id)));
        if !all {
            return Err(PlanFault::OverlapsOutput);
        }
    }
    Ok(())
}

/// INV-COMPACT-3: whole runs of the output level, adjacent, led by the one that the output replaces. Runs of levels
/// above may be among the inputs if all that is older there is too, which makes the inputs one stretch of all runs.
fn check_in_place(plan: &Plan, shape: &Shape, inputs: &[Input<'_>]) -> Result<(), PlanFault> {
    let OutputRun::InPlaceOf(place) = plan.output_run else { return Ok(()) };
    let first = inputs.first().map_or(0, |input| input.age);
    let last = inputs.last().map_or(0, |input| input.age);
    let stretch = shape.all_runs().skip(first).take(last + 1 - first);
    let wanted: usize = stretch.map(|(_, run)| run.tables.len()).sum();
    let leader = inputs.iter().find(|input| input.level == plan.output_level);
    let led = leader.is_some_and(|input| input.run.id == place);
    let ends = inputs.last().is_some_and(|input| input.level == plan.output_level);
    if wanted == inputs.len() && led && ends { Ok(()) } else { Err(PlanFault::NotAdjacent) }
}

fn check_disjoint(shape: &Shape, inputs: &[Input<'_>]) -> Result<(), PlanFault> {
    let mut tables: Vec<&TableShape> = inputs.iter().map(|input| input.table).collect();
    tables.sort_by(|a, b| shape.order.compare(&a.smallest, &b.smallest));
    let apart = tables.windows(2).all(|pair| match pair {
        [a, b] => shape.order.compare(&a.largest, &b.smallest) == std::cmp::Ordering::Less,
        _ => true,
    });
    if apart { Ok(()) } else { Err(PlanFault::MovesOverlapping) }
}

#[cfg(test)]
mod tests;

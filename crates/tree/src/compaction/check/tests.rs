//! Plans that an unlucky strategy might make, each refused for its reason.

use super::*;
use crate::compaction::leveled::Leveled;
use crate::compaction::picker::{CompactionStrategy, LevelShape, PlanInput};
use esker_format::ids::RunId;
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

fn table(id: u64, smallest: &str, largest: &str) -> TableShape {
    TableShape {
        id: TableId(id),
        size_bytes: 64 << 20,
        smallest: Slice::from(smallest),
        largest: Slice::from(largest),
        lowest_seqno: 1,
        highest_seqno: 9,
        entries: 1,
        tombstones: 0,
        range_tombstones: 0,
        out_of_order: false,
        busy: false,
    }
}

fn run(id: u64, tables: Vec<TableShape>) -> RunShape {
    RunShape { id: RunId(id), tables }
}

/// Four runs in level 0, one in level 6.
fn shape() -> Shape {
    let mut levels = vec![LevelShape::default(); 7];
    levels[0].runs = vec![
        run(5, vec![table(51, "a", "f"), table(52, "p", "z")]),
        run(4, vec![table(41, "c", "h")]),
        run(3, vec![table(31, "g", "q")]),
        run(2, vec![table(21, "b", "k")]),
    ];
    levels[6].runs = vec![run(1, vec![table(11, "a", "e"), table(12, "g", "m"), table(13, "n", "y")])];
    Shape { order: KeyOrder::Bytes, watermark: 10, levels, running: vec![], idle: false }
}

fn plan(
    inputs: &[(usize, u64, &[u64])],
    output_level: usize,
    output_run: OutputRun,
    keys: (&str, &str),
) -> Plan {
    let input = |(level, run, tables): &(usize, u64, &[u64])| PlanInput {
        level: *level,
        run: RunId(*run),
        tables: tables.iter().copied().map(TableId).collect(),
    };
    Plan {
        kind: PlanKind::Merge,
        inputs: inputs.iter().map(input).collect(),
        output_level,
        output_run,
        target_table_bytes: 64 << 20,
        cut_keys: vec![],
        smallest: Slice::from(keys.0),
        largest: Slice::from(keys.1),
        input_bytes: 0,
        reason: "a test",
    }
}

fn good() -> Plan {
    Leveled { level_zero_trigger_runs: 4, ..Leveled::default() }.pick(&shape()).unwrap()
}

#[test]
fn a_good_plan_passes() {
    assert_eq!(check_plan(&good(), &shape()), Ok(()));
    let oldest = plan(&[(0, 2, &[21]), (6, 1, &[11, 12])], 6, OutputRun::Sole, ("a", "m"));
    assert_eq!(check_plan(&oldest, &shape()), Ok(()));
    let within = plan(&[(0, 4, &[41]), (0, 3, &[31])], 0, OutputRun::InPlaceOf(RunId(4)), ("c", "q"));
    assert_eq!(check_plan(&within, &shape()), Ok(()));
}

/// INV-COMPACT-1: the newer run goes, an older one with the same keys stays in level 0.
#[test]
fn older_data_must_not_stay_above() {
    let skips = plan(&[(0, 4, &[41]), (6, 1, &[11, 12])], 6, OutputRun::Sole, ("a", "m"));
    assert_eq!(check_plan(&skips, &shape()), Err(PlanFault::LeavesOlderAbove));
    // Newer runs may stay.
    let older = plan(&[(0, 3, &[31]), (0, 2, &[21]), (6, 1, &[11, 12, 13])], 6, OutputRun::Sole, ("a", "y"));
    assert_eq!(check_plan(&older, &shape()), Ok(()));
}

/// INV-COMPACT-1: a level between level 0 and the output holds data.
#[test]
fn no_level_may_be_skipped() {
    let mut shape = shape();
    shape.levels[5].runs.push(run(9, vec![table(91, "c", "d")]));
    let oldest = plan(&[(0, 2, &[21]), (6, 1, &[11, 12])], 6, OutputRun::Sole, ("a", "m"));
    assert_eq!(check_plan(&oldest, &shape), Err(PlanFault::LeavesOlderAbove));
}

/// INV-COMPACT-2: also for a table in a gap between the inputs, which an output table would span.
#[test]
fn the_output_must_not_overlap_its_run() {
    let partial = plan(&[(0, 2, &[21]), (6, 1, &[12])], 6, OutputRun::Sole, ("b", "m"));
    assert_eq!(check_plan(&partial, &shape()), Err(PlanFault::OverlapsOutput));
    let spans = plan(&[(6, 1, &[11, 13])], 6, OutputRun::Sole, ("a", "y"));
    assert_eq!(check_plan(&spans, &shape()), Err(PlanFault::OverlapsOutput));
}

/// INV-COMPACT-3: a run between is left out, a run is not whole, or the output takes the wrong place.
#[test]
fn runs_merge_with_their_neighbours_only() {
    let place = |run| OutputRun::InPlaceOf(RunId(run));
    for wrong in [
        plan(&[(0, 4, &[41]), (0, 2, &[21])], 0, place(4), ("b", "k")),
        plan(&[(0, 5, &[51]), (0, 4, &[41])], 0, place(5), ("a", "h")),
        plan(&[(0, 4, &[41]), (0, 3, &[31])], 0, place(3), ("c", "q")),
    ] {
        assert_eq!(check_plan(&wrong, &shape()), Err(PlanFault::NotAdjacent));
    }
    let joins = plan(&[(0, 4, &[41]), (0, 3, &[31])], 0, OutputRun::Sole, ("c", "q"));
    assert!(check_plan(&joins, &shape()).is_err());
}

/// INV-COMPACT-4: inputs that are busy, and a job that writes into a gap of the output level.
#[test]
fn running_jobs_are_left_alone() {
    let mut busy = shape();
    busy.levels[6].runs[0].tables[1].busy = true;
    assert_eq!(check_plan(&good(), &busy), Err(PlanFault::Busy));
    let mut written = shape();
    written.running.push(crate::compaction::picker::RunningJob {
        output_level: 6,
        smallest: Slice::from("f"),
        largest: Slice::from("ff"),
    });
    assert_eq!(check_plan(&good(), &written), Err(PlanFault::Busy));
}

/// INV-COMPACT-5.
#[test]
fn moves_do_not_overlap() {
    let mut free = shape();
    free.levels[6].runs.clear();
    let mut both = plan(&[(0, 3, &[31]), (0, 2, &[21])], 6, OutputRun::Sole, ("b", "q"));
    both.kind = PlanKind::Move;
    assert_eq!(check_plan(&both, &free), Err(PlanFault::MovesOverlapping));
    let mut onto = plan(&[(0, 2, &[21])], 6, OutputRun::Sole, ("b", "k"));
    onto.kind = PlanKind::Move;
    assert_eq!(check_plan(&onto, &shape()), Err(PlanFault::OverlapsOutput));
}

#[test]
fn inputs_are_named_newest_first_and_exist() {
    for wrong in [
        plan(&[], 6, OutputRun::Sole, ("a", "z")),
        plan(&[(0, 2, &[21]), (0, 3, &[31])], 6, OutputRun::Sole, ("a", "z")),
        plan(&[(0, 2, &[99])], 6, OutputRun::Sole, ("a", "z")),
        plan(&[(0, 2, &[21])], 7, OutputRun::Sole, ("a", "z")),
        plan(&[(0, 2, &[21])], 6, OutputRun::Sole, ("b", "c")),
    ] {
        assert_eq!(check_plan(&wrong, &shape()), Err(PlanFault::UnknownInput));
    }
}

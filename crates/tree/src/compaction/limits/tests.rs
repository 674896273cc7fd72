use esker_format::ids::RunId;

use super::*;
use crate::compaction::picker::{LevelShape, OutputRun, PlanInput, PlanKind, RunShape, TableShape};

fn table(id: u64, smallest: &str, largest: &str, out_of_order: bool) -> TableShape {
    TableShape {
        id: TableId(id),
        size_bytes: 1,
        smallest: Slice::from(smallest),
        largest: Slice::from(largest),
        lowest_seqno: id * 10,
        highest_seqno: id * 10 + 9,
        entries: 1,
        tombstones: 0,
        range_tombstones: 0,
        out_of_order,
        busy: false,
    }
}

/// A run's tables: id, smallest, largest, out of order.
type Tables<'a> = &'a [(u64, &'a str, &'a str, bool)];

/// By level, then by run.
fn shape(levels: &[&[Tables<'_>]]) -> Shape {
    let run = |(i, tables): (usize, &Tables<'_>)| RunShape {
        id: RunId(i as u64),
        tables: tables.iter().map(|(id, a, b, stray)| table(*id, a, b, *stray)).collect(),
    };
    let level = |runs: &&[Tables<'_>]| LevelShape { runs: runs.iter().enumerate().map(run).collect() };
    Shape {
        order: KeyOrder::Bytes,
        watermark: 0,
        levels: levels.iter().map(level).collect(),
        running: vec![],
        idle: false,
    }
}

fn plan(output_level: usize, range: (&str, &str), inputs: &[(usize, u64, &[u64])]) -> Plan {
    let input = |(level, run, tables): &(usize, u64, &[u64])| PlanInput {
        level: *level,
        run: RunId(*run),
        tables: tables.iter().copied().map(TableId).collect(),
    };
    Plan {
        kind: PlanKind::Merge,
        inputs: inputs.iter().map(input).collect(),
        output_level,
        output_run: OutputRun::Sole,
        target_table_bytes: 1,
        cut_keys: vec![],
        smallest: Slice::from(range.0),
        largest: Slice::from(range.1),
        input_bytes: 1,
        reason: "a test",
    }
}

fn ranges(limits: &DropLimits) -> Vec<(&str, &str)> {
    let text = |slice| std::str::from_utf8(slice).unwrap();
    limits.older.ranges().iter().map(|(a, b)| (text(a), text(b))).collect()
}

/// INV-DROP-2: older data is what lies below the inputs' newest run and is no input; newer data does not count.
#[test]
fn older_data_is_below_and_no_input() {
    let shape = shape(&[
        &[&[(9, "a", "z", false)], &[(8, "a", "z", false)]],
        &[&[(7, "a", "c", false), (6, "e", "g", false), (5, "k", "m", false)]],
        &[&[(4, "b", "f", false), (3, "l", "p", false)]],
        &[&[(2, "a", "b", false), (1, "x", "z", false)]],
    ]);
    let down = DropLimits::of(&plan(2, ("a", "g"), &[(1, 0, &[7, 6]), (2, 0, &[4])]), &shape);
    assert_eq!(ranges(&down), [("a", "b")]);
    assert!(!down.last_level);
    let from_top = DropLimits::of(&plan(1, ("a", "z"), &[(0, 1, &[8]), (1, 0, &[7, 6, 5])]), &shape);
    assert_eq!(ranges(&from_top), [("a", "f"), ("l", "p"), ("x", "z")]);
    let last = DropLimits::of(&plan(3, ("x", "z"), &[(3, 0, &[1])]), &shape);
    assert_eq!(ranges(&last), []);
    assert!(last.last_level);
    assert_eq!(last.newer_lowest_seqno, MAX_SEQNO);
}

/// INV-DROP-6: strays above the inputs count, those below and elsewhere do not; strays among the inputs are told apart.
#[test]
fn strays_limit_what_is_settled() {
    let shape = shape(&[
        &[&[(9, "a", "c", true), (8, "x", "z", true)]],
        &[&[(7, "a", "c", false)]],
        &[&[(6, "a", "c", true)]],
        &[&[(5, "a", "c", true)]],
    ]);
    let middle = DropLimits::of(&plan(2, ("a", "c"), &[(1, 0, &[7]), (2, 0, &[6])]), &shape);
    assert_eq!(middle.newer_lowest_seqno, 90);
    assert!(middle.out_of_order);
    let calm = DropLimits::of(&plan(1, ("a", "c"), &[(1, 0, &[7])]), &shape);
    assert!(!calm.out_of_order);
}

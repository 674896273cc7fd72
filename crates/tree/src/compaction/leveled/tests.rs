//! What the strategy decides, as readable scripts; and that it keeps the order of versions, as a random walk; and that it
//! pays, as a simulation of sizes.
//!
//! A script (`testdata/leveled/*.txt`) is a list of cases apart by empty lines: the tree, a line `----`, and the plans that
//! can run at the same time, found by picking until there is nothing more to pick. `UPDATE_EXPECT=1` rewrites the
//! plans. Sizes are MiB, and level 0 goes down at four runs. A line of the tree:
//!
//! ```text
//! L<level>.<run>: <id>[<smallest>..<largest> <MiB> [busy] [tombstones=<n>/<entries>] [seqnos=<low>..<high>]] ...
//! running L<output level> <smallest>..<largest>
//! idle
//! watermark <seqno>
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use esker_format::ids::{RunId, TableId};
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use super::*;
use crate::compaction::check::check_plan;
use crate::compaction::picker::{LevelShape, RunShape, RunningJob, TableShape};

const MIB: u64 = 1 << 20;

mod simulation;
mod walk;

pub(super) fn empty_shape(levels: usize) -> Shape {
    Shape {
        order: KeyOrder::Bytes,
        watermark: 1_000_000,
        levels: vec![LevelShape::default(); levels],
        running: vec![],
        idle: false,
    }
}

/// Marks a plan as running.
pub(super) fn start(shape: &mut Shape, plan: &Plan) {
    let chosen: Vec<TableId> = plan.tables().collect();
    let runs = shape.levels.iter_mut().flat_map(|level| level.runs.iter_mut());
    for table in runs.flat_map(|run| run.tables.iter_mut()).filter(|table| chosen.contains(&table.id)) {
        table.busy = true;
    }
    shape.running.push(plan.running());
}

fn range(text: &str) -> (Slice, Slice) {
    let (smallest, largest) = text.split_once("..").unwrap();
    (Slice::from(smallest), Slice::from(largest))
}

fn parse_table(text: &str) -> TableShape {
    let (id, rest) = text.split_once('[').unwrap();
    let mut words = rest.split_whitespace();
    let (smallest, largest) = range(words.next().unwrap());
    let mib: u64 = words.next().unwrap().parse().unwrap();
    let mut table = TableShape {
        id: TableId(id.trim().parse().unwrap()),
        size_bytes: mib * MIB,
        smallest,
        largest,
        lowest_seqno: 1,
        highest_seqno: 100,
        entries: mib * 1000,
        tombstones: 0,
        range_tombstones: 0,
        out_of_order: false,
        busy: false,
    };
    for word in words {
        if word == "busy" {
            table.busy = true;
        } else if let Some(counts) = word.strip_prefix("tombstones=") {
            let (tombstones, entries) = counts.split_once('/').unwrap();
            (table.tombstones, table.entries) = (tombstones.parse().unwrap(), entries.parse().unwrap());
        } else if let Some(seqnos) = word.strip_prefix("seqnos=") {
            let (low, high) = seqnos.split_once("..").unwrap();
            (table.lowest_seqno, table.highest_seqno) = (low.parse().unwrap(), high.parse().unwrap());
        } else {
            panic!("unknown word {word:?}");
        }
    }
    table
}

fn parse_line(shape: &mut Shape, line: &str) {
    if line == "idle" {
        shape.idle = true;
    } else if let Some(seqno) = line.strip_prefix("watermark ") {
        shape.watermark = seqno.parse().unwrap();
    } else if let Some(job) = line.strip_prefix("running L") {
        let (level, keys) = job.split_once(' ').unwrap();
        let (smallest, largest) = range(keys);
        shape.running.push(RunningJob { output_level: level.parse().unwrap(), smallest, largest });
    } else {
        let (place, tables) = line.strip_prefix('L').unwrap().split_once(':').unwrap();
        let (level, run) = place.split_once('.').unwrap();
        let tables = tables.split(']').filter(|t| !t.trim().is_empty()).map(parse_table).collect();
        let level: usize = level.parse().unwrap();
        shape.levels[level].runs.push(RunShape { id: RunId(run.parse().unwrap()), tables });
    }
}

fn plans_of(tree: &str) -> String {
    let mut shape = empty_shape(7);
    for line in tree.lines().filter(|line| !line.starts_with('#')) {
        parse_line(&mut shape, line);
    }
    // Fewer runs than usual bring level 0 down, so that the scripts stay short.
    let strategy = Leveled { level_zero_trigger_runs: 4, ..Leveled::default() };
    let mut out = String::new();
    writeln!(out, "debt {}", strategy.debt(&shape) / MIB).unwrap();
    while let Some(plan) = strategy.pick(&shape) {
        check_plan(&plan, &shape).unwrap();
        writeln!(out, "{plan}").unwrap();
        for cut in &plan.cut_keys {
            let key = String::from_utf8_lossy(&cut.key).into_owned();
            writeln!(out, "  {} before {key}", if cut.hard { "ends" } else { "may end" }).unwrap();
        }
        start(&mut shape, &plan);
    }
    out
}

/// Every plan is checked as well as compared: INV-COMPACT-1, INV-COMPACT-2, INV-COMPACT-3, INV-COMPACT-4, INV-COMPACT-5.
#[test]
fn scripts() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/compaction/testdata/leveled");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let cases = text.trim_end().split("\n\n").map(|case| {
            let tree = case.split("\n----").next().unwrap();
            format!("{tree}\n----\n{}", plans_of(tree))
        });
        let actual = cases.collect::<Vec<_>>().join("\n");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&file, actual).unwrap();
        } else {
            assert_eq!(text, actual, "{}; UPDATE_EXPECT=1 rewrites it", file.display());
        }
    }
}

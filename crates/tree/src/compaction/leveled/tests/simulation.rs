//! What leveled compaction costs, in a tree of sizes: keys spread evenly over `0..2^32`, tables that know how densely they
//! fill their range, two workers that merge so many times as fast as flushes come. No randomness, so the bounds are exact
//! for what is simulated; they are there to notice a strategy that has become worse.

use super::*;
use crate::compaction::cut::OutputCutter;
use crate::compaction::picker::{OutputRun, PlanKind};

const KEYS: f64 = 4_294_967_296.0;
const GIB: u64 = 1 << 30;
/// What goes down at the trigger, and half as many again that wait for it.
const MOST_RUNS: usize = 12 + 12 * 3 / 2;

/// Tables of random keys hold a share of all keys in their range: what two of them share follows from that.
struct Simulation {
    shape: Shape,
    strategy: Leveled,
    /// Bytes of the tree if it held each key once.
    universe_bytes: f64,
    jobs: Vec<(Plan, u64)>,
    /// Bytes that a worker reads while one flush comes in.
    worker_bytes: u64,
    last_id: u64,
    flushed: u64,
    written: u64,
    most_level_zero_runs: usize,
}

fn key(bytes: &[u8]) -> f64 {
    f64::from(u32::from_be_bytes(bytes.try_into().unwrap()))
}

#[expect(clippy::cast_possible_truncation, reason = "keys lie in 0..2^32")]
#[expect(clippy::cast_sign_loss, reason = "keys lie in 0..2^32")]
fn slice(key: f64) -> Slice {
    Slice::from((key.min(KEYS - 1.0) as u32).to_be_bytes())
}

impl Simulation {
    fn new(universe_bytes: u64, worker_bytes: u64) -> Simulation {
        Simulation {
            shape: empty_shape(7),
            strategy: Leveled::default(),
            universe_bytes: universe_bytes as f64,
            jobs: vec![],
            worker_bytes,
            last_id: 0,
            flushed: 0,
            written: 0,
            most_level_zero_runs: 0,
        }
    }

    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn table(&mut self, from: f64, to: f64, bytes: f64) -> TableShape {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of files")]
        let size_bytes = (bytes as u64).max(1);
        TableShape {
            id: TableId(self.id()),
            size_bytes,
            smallest: slice(from),
            largest: slice(to - 1.0),
            lowest_seqno: 0,
            highest_seqno: 0,
            entries: 1,
            tombstones: 0,
            range_tombstones: 0,
            out_of_order: false,
            busy: false,
        }
    }

    fn flush(&mut self, from: f64, to: f64, bytes: u64) {
        let table = self.table(from, to, bytes as f64);
        let run = RunShape { id: RunId(self.id()), tables: vec![table] };
        self.shape.levels[0].runs.insert(0, run);
        self.flushed += bytes;
        self.written += bytes;
        self.work();
    }

    /// One flush's time for each worker.
    fn work(&mut self) {
        let mut budgets = [self.worker_bytes; 2];
        loop {
            self.pick();
            self.most_level_zero_runs = self.most_level_zero_runs.max(self.shape.level_zero_runs());
            let mut finished = None;
            for (i, (budget, (_, left))) in budgets.iter_mut().zip(&mut self.jobs).enumerate() {
                let step = (*budget).min(*left);
                *budget -= step;
                *left -= step;
                if *left == 0 {
                    finished = Some(i);
                }
            }
            let Some(job) = finished else { break };
            let (plan, _) = self.jobs.remove(job);
            budgets.rotate_left(job);
            self.finish(&plan);
        }
    }

    fn pick(&mut self) {
        while self.jobs.len() < 2 {
            let Some(plan) = self.strategy.pick(&self.shape) else { break };
            check_plan(&plan, &self.shape).unwrap();
            if plan.kind == PlanKind::Move {
                self.finish(&plan);
            } else {
                start(&mut self.shape, &plan);
                let bytes = plan.input_bytes;
                self.jobs.push((plan, bytes));
            }
        }
    }

    fn finish(&mut self, plan: &Plan) {
        let chosen: Vec<TableId> = plan.tables().collect();
        let mut inputs = Vec::new();
        for run in self.shape.levels.iter_mut().flat_map(|level| level.runs.iter_mut()) {
            inputs.extend(run.tables.iter().filter(|t| chosen.contains(&t.id)).cloned());
            run.tables.retain(|table| !chosen.contains(&table.id));
        }
        let outputs = if plan.kind == PlanKind::Move { inputs } else { self.merge(plan, &inputs) };
        let id = self.id();
        let runs = &mut self.shape.levels[plan.output_level].runs;
        let place = match plan.output_run {
            OutputRun::InPlaceOf(place) => runs.iter().position(|run| run.id == place).unwrap(),
            OutputRun::Sole => {
                if runs.is_empty() {
                    runs.push(RunShape { id: RunId(id), tables: vec![] });
                }
                0
            }
        };
        runs[place].tables.extend(outputs);
        runs[place].tables.sort_by(|a, b| a.smallest.cmp(&b.smallest));
        for level in &mut self.shape.levels {
            level.runs.retain(|run| !run.tables.is_empty());
        }
        self.shape.running = self.jobs.iter().map(|(plan, _)| plan.running()).collect();
    }

    fn merge(&mut self, plan: &Plan, inputs: &[TableShape]) -> Vec<TableShape> {
        let mut ends: Vec<f64> =
            inputs.iter().flat_map(|t| [key(&t.smallest), key(&t.largest) + 1.0]).collect();
        ends.extend(plan.cut_keys.iter().map(|cut| key(&cut.key)));
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let mut cutter = OutputCutter::new(plan, &KeyOrder::Bytes);
        let mut outputs: Vec<(f64, f64, f64)> = vec![];
        for segment in ends.windows(2) {
            let (from, to) = (segment[0], segment[1]);
            let mut absent = 1.0;
            for table in inputs.iter().filter(|t| key(&t.smallest) <= from && key(&t.largest) + 1.0 >= to) {
                let width = key(&table.largest) + 1.0 - key(&table.smallest);
                absent *= 1.0 - (table.size_bytes as f64 * KEYS / width / self.universe_bytes).min(1.0);
            }
            if absent == 1.0 {
                continue;
            }
            // In steps of a few keys, as a merge goes.
            let bytes = (1.0 - absent) * (to - from) / KEYS * self.universe_bytes;
            let steps = (bytes / (plan.target_table_bytes as f64) * 16.0).ceil().max(1.0);
            let mut at = from;
            while at < to {
                let next = (at + ((to - from) / steps).ceil()).min(to);
                let size = outputs.last().map_or(0.0, |output| output.2);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of files")]
                if cutter.ends_before(&slice(at), size as u64) || outputs.is_empty() {
                    outputs.push((at, at, 0.0));
                }
                let last = outputs.last_mut().unwrap();
                (last.1, last.2) = (next, last.2 + bytes * (next - at) / (to - from));
                at = next;
            }
        }
        let tables: Vec<TableShape> =
            outputs.into_iter().map(|(from, to, bytes)| self.table(from, to, bytes)).collect();
        self.written += tables.iter().map(|table| table.size_bytes).sum::<u64>();
        tables
    }

    fn settle(&mut self) {
        self.shape.idle = true;
        for _ in 0..10_000 {
            self.work();
            if self.jobs.is_empty() {
                return;
            }
        }
        panic!("settling does not end");
    }

    fn report(&self, name: &str) -> f64 {
        let amplification = self.written as f64 / self.flushed as f64;
        println!(
            "{name}: {amplification:.2} bytes written per byte, {} runs in level 0",
            self.most_level_zero_runs
        );
        for (level, shape) in self.shape.levels.iter().enumerate().filter(|(_, shape)| !shape.runs.is_empty())
        {
            let tables: usize = shape.runs.iter().map(|run| run.tables.len()).sum();
            let mib = self.shape.level_bytes(level) / MIB;
            println!("  L{level}: {} runs, {tables} tables, {mib} MiB", shape.runs.len());
        }
        amplification
    }
}

fn random_load(name: &str, universe: u64, flush: u64, flushes: u64) -> (f64, Simulation) {
    let mut simulation = Simulation::new(universe, 12 * flush);
    for _ in 0..flushes {
        simulation.flush(0.0, KEYS, flush);
    }
    simulation.report(name);
    simulation.settle();
    let amplification = simulation.report(&format!("{name}, settled"));
    assert!(simulation.shape.sorted_runs() <= SETTLED_RUNS);
    (amplification, simulation)
}

#[test]
fn a_small_random_load() {
    let (amplification, simulation) = random_load("256 MiB", GIB / 4, 64 * MIB, 8);
    assert!(amplification < 3.0);
    assert_eq!(simulation.shape.sorted_runs(), 1);
}

#[test]
fn a_large_random_load() {
    let (amplification, simulation) = random_load("32 GiB", 32 * GIB, 64 * MIB, 1024);
    assert!(amplification < 20.0);
    assert!(simulation.most_level_zero_runs <= MOST_RUNS);
}

#[test]
fn small_flushes_into_a_large_tree() {
    let (amplification, simulation) = random_load("4 GiB by 4 MiB", 4 * GIB, 4 * MIB, 2048);
    assert!(amplification < 20.0);
    assert!(simulation.most_level_zero_runs <= MOST_RUNS);
}

/// Ascending keys are written once.
#[test]
fn an_ascending_load() {
    let mut simulation = Simulation::new(16 * GIB, 12 * 64 * MIB);
    let step = KEYS / 256.0;
    for i in 0..256u32 {
        simulation.flush(step * f64::from(i), step * f64::from(i + 1), 64 * MIB);
    }
    simulation.settle();
    let amplification = simulation.report("ascending");
    assert!((amplification - 1.0).abs() < f64::EPSILON);
    assert_eq!(simulation.shape.sorted_runs(), 1);
}

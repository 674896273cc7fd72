//! A random walk over trees of a few keys: flushes, picks and finished jobs in any order. Whatever is picked, the versions
//! of a key must lie in the tree by age, or a read would find an old one first.

use std::collections::BTreeMap;

use esker_env::random::{Random, SeededRandom};

use super::*;
use crate::compaction::cut::OutputCutter;
use crate::compaction::picker::{OutputRun, PlanKind};

type Key = u16;

struct Table {
    id: TableId,
    /// Ascending keys, each with its seqno.
    entries: Vec<(Key, u64)>,
}

struct Run {
    id: RunId,
    tables: Vec<Table>,
}

struct Model {
    levels: Vec<Vec<Run>>,
    jobs: Vec<Plan>,
    latest: BTreeMap<Key, u64>,
    last_id: u64,
    seqno: u64,
}

fn bytes(key: Key) -> Slice {
    Slice::from(key.to_be_bytes())
}

impl Model {
    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn flush(&mut self, keys: impl Iterator<Item = Key>) {
        let mut entries = BTreeMap::new();
        for key in keys {
            self.seqno += 1;
            entries.insert(key, self.seqno);
            self.latest.insert(key, self.seqno);
        }
        let table = Table { id: TableId(self.id()), entries: entries.into_iter().collect() };
        let run = Run { id: RunId(self.id()), tables: vec![table] };
        self.levels[0].insert(0, run);
    }

    fn shape(&self, idle: bool) -> Shape {
        let busy: Vec<TableId> = self.jobs.iter().flat_map(Plan::tables).collect();
        let table = |table: &Table| TableShape {
            id: table.id,
            size_bytes: table.entries.len() as u64,
            smallest: bytes(table.entries[0].0),
            largest: bytes(table.entries[table.entries.len() - 1].0),
            lowest_seqno: table.entries.iter().map(|(_, seqno)| *seqno).min().unwrap(),
            highest_seqno: table.entries.iter().map(|(_, seqno)| *seqno).max().unwrap(),
            entries: table.entries.len() as u64,
            tombstones: table.entries.iter().filter(|(_, seqno)| seqno % 5 == 0).count() as u64,
            range_tombstones: 0,
            out_of_order: false,
            busy: busy.contains(&table.id),
        };
        let run = |run: &Run| RunShape { id: run.id, tables: run.tables.iter().map(table).collect() };
        Shape {
            order: KeyOrder::Bytes,
            watermark: 0,
            levels: self
                .levels
                .iter()
                .map(|runs| LevelShape { runs: runs.iter().map(run).collect() })
                .collect(),
            running: self.jobs.iter().map(Plan::running).collect(),
            idle,
        }
    }

    fn finish(&mut self, job: usize) {
        let plan = self.jobs.swap_remove(job);
        let chosen: Vec<TableId> = plan.tables().collect();
        let mut taken = Vec::new();
        for run in self.levels.iter_mut().flatten() {
            let (out, rest) =
                std::mem::take(&mut run.tables).into_iter().partition(|t| chosen.contains(&t.id));
            run.tables = rest;
            taken.push((run.id, out));
        }
        let outputs = if plan.kind == PlanKind::Move {
            taken.into_iter().flat_map(|(_, tables)| tables).collect()
        } else {
            let entries = self.merge(&plan, taken);
            self.cut(&plan, entries)
        };
        self.install(&plan, outputs);
        for runs in &mut self.levels {
            runs.retain(|run| !run.tables.is_empty());
        }
    }

    /// The first version found by the order of the plan's inputs, as a merge takes it.
    fn merge(&self, plan: &Plan, mut taken: Vec<(RunId, Vec<Table>)>) -> BTreeMap<Key, u64> {
        let mut merged = BTreeMap::new();
        for input in &plan.inputs {
            let (_, tables) = taken.iter_mut().find(|(run, _)| *run == input.run).unwrap();
            for (key, seqno) in tables.iter().flat_map(|table| table.entries.iter()) {
                let kept = *merged.entry(*key).or_insert(*seqno);
                assert!(kept >= *seqno, "{plan} lists an older source first");
            }
        }
        merged
    }

    fn cut(&mut self, plan: &Plan, entries: BTreeMap<Key, u64>) -> Vec<Table> {
        let mut cutter = OutputCutter::new(plan, &KeyOrder::Bytes);
        let mut outputs: Vec<Vec<(Key, u64)>> = vec![];
        for (key, seqno) in entries {
            let size = outputs.last().map_or(0, Vec::len) as u64;
            if cutter.ends_before(&key.to_be_bytes(), size) || outputs.is_empty() {
                outputs.push(vec![]);
            }
            outputs.last_mut().unwrap().push((key, seqno));
        }
        outputs.into_iter().map(|entries| Table { id: TableId(self.id()), entries }).collect()
    }

    fn install(&mut self, plan: &Plan, outputs: Vec<Table>) {
        let runs = &mut self.levels[plan.output_level];
        match plan.output_run {
            OutputRun::InPlaceOf(place) => {
                let run = runs.iter_mut().find(|run| run.id == place).unwrap();
                assert!(run.tables.is_empty());
                run.tables = outputs;
            }
            OutputRun::Sole => {
                if runs.is_empty() {
                    self.last_id += 1;
                    runs.push(Run { id: RunId(self.last_id), tables: vec![] });
                }
                assert_eq!(runs.len(), 1);
                runs[0].tables.extend(outputs);
                runs[0].tables.sort_by_key(|table| table.entries[0].0);
            }
        }
    }

    /// INV-COMPACT-1, INV-COMPACT-2: by age along all runs, and each run disjoint.
    fn check(&self) {
        let mut found: BTreeMap<Key, u64> = BTreeMap::new();
        let mut newest: BTreeMap<Key, u64> = BTreeMap::new();
        for run in self.levels.iter().flatten() {
            let mut last = None;
            for (key, seqno) in run.tables.iter().flat_map(|table| table.entries.iter()) {
                assert!(last < Some(*key), "a run overlaps itself");
                last = Some(*key);
                let newer = found.insert(*key, *seqno);
                assert!(newer.is_none_or(|newer| newer > *seqno), "key {key} is out of order");
                newest.entry(*key).or_insert(*seqno);
            }
        }
        assert_eq!(newest, self.latest);
    }
}

fn walk(seed: u64, steps: usize) {
    let strategy = Leveled {
        level_multiplier: 3,
        level_zero_trigger_runs: 3,
        target_table_bytes: 8,
        base_level_bytes: 24,
    };
    let random = SeededRandom::new(seed);
    let below = |bound: u64| random.next_u64() % bound;
    let some = |bound: usize| usize::try_from(below(bound as u64)).unwrap();
    let key_below = |bound: Key| Key::try_from(below(u64::from(bound))).unwrap();
    let mut model = Model {
        levels: (0..5).map(|_| vec![]).collect(),
        jobs: vec![],
        latest: BTreeMap::new(),
        last_id: 0,
        seqno: 0,
    };
    let keys: Key = 40 + key_below(360);
    for _ in 0..steps {
        match below(10) {
            0..4 => {
                let width = if below(2) == 0 { keys } else { 1 + key_below(keys - 1) };
                let start = key_below(keys - width + 1);
                let len = 1 + below(15);
                let batch: Vec<Key> = (0..len).map(|_| start + key_below(width)).collect();
                model.flush(batch.into_iter());
            }
            4..7 => {
                let shape = model.shape(below(4) == 0);
                if let Some(plan) = strategy.pick(&shape) {
                    check_plan(&plan, &shape).unwrap();
                    model.jobs.push(plan);
                    if model.jobs.len() > 4 {
                        model.finish(some(5));
                    }
                }
            }
            _ if !model.jobs.is_empty() => model.finish(some(model.jobs.len())),
            _ => {}
        }
        model.check();
    }
    settle(&strategy, &mut model);
}

/// Finishes what runs and picks on until nothing is left to do; the tree has few runs then.
fn settle(strategy: &Leveled, model: &mut Model) {
    while !model.jobs.is_empty() {
        model.finish(0);
    }
    for round in 0.. {
        assert!(round < 1000, "settling does not end");
        let shape = model.shape(true);
        let Some(plan) = strategy.pick(&shape) else { break };
        check_plan(&plan, &shape).unwrap();
        model.jobs.push(plan);
        model.finish(0);
        model.check();
    }
    assert!(model.shape(true).sorted_runs() <= SETTLED_RUNS);
}

/// With up to five jobs at a time: INV-COMPACT-1, INV-COMPACT-2, INV-COMPACT-3, INV-COMPACT-4, INV-COMPACT-5.
#[test]
fn versions_stay_in_order_and_runs_apart() {
    for seed in 0..120 {
        walk(seed, 300);
    }
}

//! Compactions side by side: how many, on whose threads, and what becomes of the others when one fails.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use esker_env::fs::{Fs, SharedFs};
use esker_env::memory::MemFs;
use esker_env::spawn::SingleThreaded;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};
use esker_tree::compaction::picker::{OutputRun, Plan, PlanInput, PlanKind, RunShape, Shape};
use esker_tree::{
    CompactionFilter, CompactionFilterFactory, CompactionStrategy, Config, ErrorKind, FilterContext,
    FilterItem, JoinHandle, SeqNo, SequenceNumberCounter, Spawn, TableId, Task, Tree, Verdict,
};

const RUNS: u64 = 6;

/// Rewrites each run of level 0 that is there now, where it is: as many jobs as there are runs, and none in another's way.
struct EachRunOnce {
    tables_below: TableId,
}

impl EachRunOnce {
    fn of(tree: &Tree) -> Arc<Self> {
        let newest = tree.tables().iter().map(|table| table.id).max().unwrap();
        Arc::new(Self { tables_below: TableId(newest.0 + 1) })
    }
}

impl CompactionStrategy for EachRunOnce {
    fn name(&self) -> &'static str {
        "test.each-run-once"
    }

    fn pick(&self, shape: &Shape) -> Option<Plan> {
        let is_due = |run: &&RunShape| !run.is_busy() && run.tables[0].id < self.tables_below;
        let run = shape.runs(0).iter().find(is_due)?;
        let (first, last) = (run.tables.first()?, run.tables.last()?);
        Some(Plan {
            kind: PlanKind::Merge,
            inputs: vec![PlanInput {
                level: 0,
                run: run.id,
                tables: run.tables.iter().map(|table| table.id).collect(),
            }],
            output_level: 0,
            output_run: OutputRun::InPlaceOf(run.id),
            target_table_bytes: 1 << 20,
            cut_keys: Vec::new(),
            smallest: first.smallest.clone(),
            largest: last.largest.clone(),
            input_bytes: run.size_bytes(),
            reason: "each run once",
        })
    }

    fn debt(&self, _: &Shape) -> u64 {
        0
    }
}

/// Where compactions wait for each other: until as many are here as are wanted.
#[derive(Default)]
struct Meeting {
    here: Mutex<(usize, usize)>,
    came: Condvar,
    wanted: usize,
}

impl Meeting {
    fn come(&self) {
        let mut here = self.here.lock().unwrap();
        here.0 += 1;
        here.1 = here.1.max(here.0);
        self.came.notify_all();
        // Whoever does not come in this time never will, and the assertion of the test says so.
        let patience = Duration::from_secs(20);
        let _ = self.came.wait_timeout_while(here, patience, |here| here.1 < self.wanted).unwrap();
    }

    fn leave(&self) {
        self.here.lock().unwrap().0 -= 1;
    }

    fn most(&self) -> usize {
        self.here.lock().unwrap().1
    }
}

/// A filter that goes to the meeting and keeps everything.
#[derive(Clone)]
struct Attending(Arc<Meeting>);

impl CompactionFilterFactory for Attending {
    fn name(&self) -> &'static str {
        "test.attending"
    }

    fn make_filter(&self, _: FilterContext) -> Box<dyn CompactionFilter> {
        Box::new(self.clone())
    }
}

impl CompactionFilter for Attending {
    fn filter_item(&mut self, _: FilterItem<'_>) -> Verdict {
        self.0.come();
        Verdict::Keep
    }

    fn finish(self: Box<Self>) {
        self.0.leave();
    }
}

/// A tree of [`RUNS`] runs of one key each.
fn tree_of_runs(change: impl FnOnce(Config) -> Config) -> Tree {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let config = Config::new("tree", seqno, visible.clone()).with_shared_fs(Arc::new(MemFs::new()));
    let tree = change(config).open().unwrap();
    for i in 0..RUNS {
        tree.insert(format!("key{i}"), "value", i).unwrap();
        visible.set(i + 1);
        tree.flush_active_memtable(0).unwrap();
    }
    tree
}

fn rewritten(tree: &Tree) -> u64 {
    assert_eq!(tree.len(SeqNo::MAX).unwrap() as u64, RUNS);
    assert!(tree.verify().is_sound());
    tree.metrics().compactions.get()
}

#[test]
fn compaction_threads_are_how_many_compactions_run_at_once() {
    for threads in [1, 3] {
        let meeting = Arc::new(Meeting { wanted: threads, ..Meeting::default() });
        let attending = Attending(Arc::clone(&meeting));
        let tree = tree_of_runs(|config| {
            config.compaction_threads(threads).with_compaction_filter_factory(Arc::new(attending))
        });
        tree.compact(EachRunOnce::of(&tree), SeqNo::MAX).unwrap();
        assert_eq!(rewritten(&tree), RUNS);
        assert_eq!(meeting.most(), threads, "of {threads} that may run at once");
    }
}

/// Runs tasks on whoever joins them, and counts them.
#[derive(Default)]
struct Counting {
    tasks: SingleThreaded,
    taken: AtomicUsize,
}

impl Spawn for Counting {
    fn spawn(&self, name: &str, task: Task) -> io::Result<Box<dyn JoinHandle>> {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(name, task)
    }
}

#[test]
fn compaction_executor_gets_what_runs_beside_the_caller() {
    let executor = Arc::new(Counting::default());
    let tree = tree_of_runs(|config| {
        config.compaction_threads(4).compaction_executor(Arc::clone(&executor) as Arc<dyn Spawn>)
    });
    tree.compact(EachRunOnce::of(&tree), SeqNo::MAX).unwrap();
    assert_eq!(rewritten(&tree), RUNS);
    assert_eq!(executor.taken.load(Ordering::Relaxed), 3);
    assert_eq!(executor.tasks.waiting(), 0, "the caller waited for all of them");
}

/// Has no thread to give.
struct Exhausted;

impl Spawn for Exhausted {
    fn spawn(&self, _: &str, _: Task) -> io::Result<Box<dyn JoinHandle>> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// A job that was planned and given to nobody is free again, and the caller's.
#[test]
fn compaction_executor_that_takes_nothing_leaves_the_work_to_the_caller() {
    let tree = tree_of_runs(|config| config.compaction_threads(4).compaction_executor(Arc::new(Exhausted)));
    tree.compact(EachRunOnce::of(&tree), SeqNo::MAX).unwrap();
    assert_eq!(rewritten(&tree), RUNS);
}

/// The first failure is told, the others are stopped, and everything is as it was: the same compactions can run again.
#[test]
fn compact_tells_the_first_failure_and_frees_all_inputs() {
    let fs = FaultFs::new();
    let tree = tree_of_runs(|config| {
        let executor = Arc::new(SingleThreaded::new());
        config
            .with_shared_fs(Arc::new(fs.clone()) as SharedFs)
            .compaction_threads(4)
            .compaction_executor(executor)
    });
    fs.set_plan(FaultPlan::error(Strike::NthOf(CallKind::Write, 1), InjectedError::DeviceFailed));
    let failed = tree.compact(EachRunOnce::of(&tree), SeqNo::MAX);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(rewritten(&tree), 0);
    fs.set_plan(FaultPlan::default());
    tree.compact(EachRunOnce::of(&tree), SeqNo::MAX).unwrap();
    assert_eq!(rewritten(&tree), RUNS);
    assert_eq!(tables_in(&fs), RUNS as usize, "what failed left no file");
}

fn tables_in(fs: &FaultFs) -> usize {
    let entries = fs.read_dir(Path::new("tree")).unwrap();
    entries.iter().filter(|entry| entry.name.to_string_lossy().ends_with(".table")).count()
}

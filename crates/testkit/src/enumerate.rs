//! Crash enumeration: runs a script once for each mutating call it makes, crashes there, and looks at what is left.
//!
//! For each crash point and each [`CrashPolicy`]:
//!
//! 1. Run the script until the machine goes down during that call, or after the last one; note what was acknowledged.
//! 2. Take the disk that the policy leaves, open it, and read everything: it must be a prefix of the commit order with
//!    all that was promised to survive this kind of crash ([`check_prefix`]).
//! 3. Write one more batch with `Sync`. It must be acknowledged, must survive a power loss on top of exactly that
//!    state, and a close in order and another opening.
//! 4. Crash the recovery itself at some of its own calls, and so on to the depth asked for, under the same demands.
//!
//! The enumeration ends at the first failure (a panic is one), whose [`Replay`] line leads there again ([`replay`]).
//!
//! Another [`Trouble`] makes the calls fail instead of the machine: the database then works on or refuses, and whatever it
//! acknowledged holds.
//!
//! Not here: the machine ([`crate::fault_fs`]), the judge ([`crate::oracle`]).

pub mod engine;
pub mod report;
mod run;

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};

use crate::enumerate::engine::{Engine, Step, Task};
use crate::enumerate::report::{Crash, Failure, Replay, Report};
use crate::enumerate::run::run_script;
use crate::fault_fs::FaultFs;
use crate::fault_fs::crash::CrashPolicy;
use crate::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};
use crate::oracle::change::{Ack, Change, Commit, Durability, MergeFn, append_merge};
use crate::oracle::prefix::{CrashKind, check_prefix};
use crate::oracle::state::State;
use crate::workload::keys::scramble;

/// Which calls of the script to crash at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// Every one.
    All,
    /// Every `stride`-th one, beginning with this one (from 1).
    Every {
        /// The distance.
        stride: u64,
        /// The first.
        first: u64,
    },
    /// This many, chosen by the seed.
    Sample(usize),
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The machine goes down.
    Crash,
    /// The call fails; the script goes on; the machine goes down at its end.
    ErrorOnce(InjectedError),
    /// The call and all later ones fail; the script goes on; the machine goes down at its end.
    ErrorFrom(InjectedError),
    /// As `ErrorOnce`, but it is reads that are counted, and one of them that fails.
    ReadErrorOnce,
}

/// How thorough to be.
#[derive(Clone, Debug)]
pub struct EnumerateOptions {
    /// Same seed, same choices.
    pub seed: u64,
    /// Where.
    pub points: Points,
    /// What.
    pub trouble: Trouble,
    /// How many random disks to take at each point, beside the three fixed policies.
    pub random_disks: u64,
    /// At how many calls of each recovery to crash it. One entry for the second crash, one for the third, ...
    pub recovery_crashes: Vec<usize>,
    /// What else goes wrong during the script: planted bugs. Directory syncs that are ignored stay so in recoveries.
    pub plan: FaultPlan,
    /// How the engine folds merges.
    pub merge: MergeFn,
}

impl Default for EnumerateOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            points: Points::All,
            trouble: Trouble::Crash,
            random_disks: 2,
            recovery_crashes: vec![2, 1],
            plan: FaultPlan::default(),
            merge: append_merge,
        }
    }
}

/// Crashes a script everywhere it was asked to be crashed.
#[must_use]
pub fn enumerate<E: Engine>(
    script: &[Step],
    engine_options: &E::Options,
    options: &EnumerateOptions,
) -> Report {
    let mut driver = Driver::<E> { script, engine_options, options, report: Report::default() };
    if let Err(failure) = driver.all() {
        driver.report.failure = Some(failure);
    }
    driver.report
}

/// Goes one way again: through the crashes of a [`Replay`].
///
/// # Errors
/// The failure, if it fails again.
pub fn replay<E: Engine>(
    script: &[Step],
    engine_options: &E::Options,
    options: &EnumerateOptions,
    replay: &Replay,
) -> Result<(), Failure> {
    let mut driver = Driver::<E> { script, engine_options, options, report: Report::default() };
    let Some((first, later)) = replay.crashes.split_first() else { return driver.undisturbed().map(|_| ()) };
    let (fs, history) = driver.run_to(first.call)?;
    let mut way = Way { disk: fs.crash(first.policy), crashes: vec![*first] };
    for crash in later {
        way = driver.crash_recovery(&way, crash.call)?.into_way(crash.policy);
    }
    driver.check(&way, &history).map_err(|failure| with_script(&fs, failure))
}

/// A disk, and how it came to be.
struct Way {
    disk: FaultFs,
    crashes: Vec<Crash>,
}

impl Way {
    /// A disk that can be used up, with the same contents.
    fn copy_of_disk(&self) -> FaultFs {
        self.disk.crash(CrashPolicy::LoseUnsynced)
    }

    /// If the system survived each time, everything it had accepted did.
    fn kind(&self) -> CrashKind {
        let kept = self.crashes.iter().all(|crash| crash.policy == CrashPolicy::KeepAll);
        if kept { CrashKind::Kill } else { CrashKind::PowerLoss }
    }

    fn failure(&self, message: String, fs: &FaultFs) -> Failure {
        Failure { replay: Replay { crashes: self.crashes.clone() }, message, trace: fs.trace() }
    }
}

/// A machine that went down during a recovery.
struct CrashedRecovery {
    fs: FaultFs,
    call: u64,
    earlier: Vec<Crash>,
}

impl CrashedRecovery {
    fn into_way(self, policy: CrashPolicy) -> Way {
        let mut crashes = self.earlier;
        crashes.push(Crash { call: self.call, policy });
        Way { disk: self.fs.crash(policy), crashes }
    }
}

struct Driver<'a, E: Engine> {
    script: &'a [Step],
    engine_options: &'a E::Options,
    options: &'a EnumerateOptions,
    report: Report,
}

impl<E: Engine> Driver<'_, E> {
    fn all(&mut self) -> Result<(), Failure> {
        let fs = self.undisturbed()?;
        self.report.mutating_calls = fs.mutating_calls();
        let calls = match self.options.trouble {
            Trouble::ReadErrorOnce => fs.calls(CallKind::Read),
            Trouble::Crash | Trouble::ErrorOnce(_) | Trouble::ErrorFrom(_) => fs.mutating_calls(),
        };
        for call in self.points(calls) {
            self.report.crash_points += 1;
            let (fs, history) = self.run_to(call)?;
            for policy in self.policies(call) {
                let way = Way { disk: fs.crash(policy), crashes: vec![Crash { call, policy }] };
                self.explore(&way, &history, &self.options.recovery_crashes)
                    .map_err(|failure| with_script(&fs, failure))?;
            }
        }
        Ok(())
    }

    /// The script without a crash must simply work. Returns the machine, which has counted the calls.
    fn undisturbed(&self) -> Result<FaultFs, Failure> {
        let fs = FaultFs::with_plan(self.options.plan.clone());
        self.run(&fs, false)?;
        Ok(fs)
    }

    /// Runs the script into the trouble at a call.
    fn run_to(&self, call: u64) -> Result<(FaultFs, Vec<Commit>), Failure> {
        let mut plan = self.options.plan.clone();
        match self.options.trouble {
            Trouble::Crash => plan.crash_at = Some(call),
            Trouble::ErrorOnce(error) => plan.errors.push((Strike::At(call), error)),
            Trouble::ErrorFrom(error) => plan.errors.push((Strike::From(call), error)),
            Trouble::ReadErrorOnce => {
                plan.errors.push((Strike::NthOf(CallKind::Read, call), InjectedError::DeviceFailed));
            }
        }
        let fs = FaultFs::with_plan(plan);
        let history = self.run(&fs, self.options.trouble != Trouble::Crash).map_err(|mut failure| {
            failure.replay.crashes.push(Crash { call, policy: CrashPolicy::KeepAll });
            failure
        })?;
        Ok((fs, history))
    }

    fn run(&self, fs: &FaultFs, errors_expected: bool) -> Result<Vec<Commit>, Failure> {
        let script =
            || run_script::<E>(fs, self.engine_options, self.script, self.options.merge, errors_expected);
        caught(script).map_err(|message| Failure { replay: Replay::default(), message, trace: fs.trace() })
    }

    /// The point behind the last call is the power loss after the end.
    fn points(&self, calls: u64) -> Vec<u64> {
        match self.options.points {
            Points::All => (1..=calls + 1).collect(),
            Points::Every { stride, first } => (first.max(1)..=calls + 1)
                .step_by(usize::try_from(stride.max(1)).unwrap_or(usize::MAX))
                .collect(),
            Points::Sample(count) => sample(calls + 1, count, self.options.seed),
        }
    }

    fn policies(&self, call: u64) -> Vec<CrashPolicy> {
        let mut policies = vec![CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::NamesOnly];
        policies.extend((0..self.options.random_disks).map(|number| CrashPolicy::Random {
            seed: scramble(self.options.seed ^ scramble(call) ^ number) % 1_000_000,
        }));
        policies
    }

    /// Checks a disk, then crashes its recovery at some calls and explores what that leaves.
    fn explore(&mut self, way: &Way, history: &[Commit], crashes: &[usize]) -> Result<(), Failure> {
        self.check(way, history)?;
        let Some((&count, deeper)) = crashes.split_first() else { return Ok(()) };
        let seed = way.crashes.iter().fold(self.options.seed, |seed, crash| scramble(seed ^ crash.call));
        let whole = self.crash_recovery(way, 0)?;
        for (number, call) in sample(whole.fs.mutating_calls(), count, seed).into_iter().enumerate() {
            self.report.recovery_crashes += 1;
            let policy = match (seed.wrapping_add(number as u64)) % 4 {
                0 => CrashPolicy::LoseUnsynced,
                1 => CrashPolicy::KeepAll,
                _ => CrashPolicy::Random { seed: scramble(seed ^ call) % 1_000_000 },
            };
            let way = self.crash_recovery(way, call)?.into_way(policy);
            self.explore(&way, history, deeper)?;
        }
        Ok(())
    }

    /// Opens and closes a copy of the disk, with a crash at a call (0 for none). What it answers does not matter, as long
    /// as it does not panic.
    fn crash_recovery(&self, way: &Way, call: u64) -> Result<CrashedRecovery, Failure> {
        let fs = way.copy_of_disk();
        fs.set_plan(FaultPlan { crash_at: Some(call), ..self.recovery_plan() });
        let recovery = || {
            if let Ok(engine) = E::open(&fs, self.engine_options) {
                let _ = engine.close();
            }
            Ok(())
        };
        caught(recovery).map_err(|message| {
            let mut failure = way.failure(message, &fs);
            failure.replay.crashes.push(Crash { call, policy: CrashPolicy::KeepAll });
            failure
        })?;
        Ok(CrashedRecovery { fs, call, earlier: way.crashes.clone() })
    }

    fn recovery_plan(&self) -> FaultPlan {
        FaultPlan { ignore_dir_sync: self.options.plan.ignore_dir_sync, ..FaultPlan::default() }
    }

    /// Steps 2 and 3 of the module's description.
    fn check(&mut self, way: &Way, history: &[Commit]) -> Result<(), Failure> {
        self.report.recoveries += 1;
        let fs = way.copy_of_disk();
        fs.set_plan(self.recovery_plan());
        caught(|| self.check_disk(&fs, way.kind(), history)).map_err(|message| way.failure(message, &fs))
    }

    fn check_disk(&self, fs: &FaultFs, crash: CrashKind, history: &[Commit]) -> Result<(), String> {
        let mut engine = self.open(fs, "after the crash")?;
        let mut expected = engine.read_all().map_err(|error| format!("reading after the crash: {error}"))?;
        check_prefix(&State::new(), history, crash, &expected, self.options.merge)?;

        let marker = Change::put("written after the crash", "marker");
        let ack = engine.write(std::slice::from_ref(&marker), Durability::Sync);
        if ack != Ack::Acknowledged {
            return Err(format!("a write after recovery was answered with {ack:?}"));
        }
        expected.apply(&marker, self.options.merge);

        let after_power_loss = fs.crash(CrashPolicy::LoseUnsynced);
        let mut other = self.open(&after_power_loss, "after a write and a power loss")?;
        same(&expected, &mut other, "after a write and a power loss")?;
        drop(other);

        for task in [Task::Flush, Task::Compact] {
            engine.run(task).map_err(|error| format!("{task:?} after recovery: {error}"))?;
        }
        same(&expected, &mut engine, "after a flush and a compaction")?;
        engine.close().map_err(|error| format!("closing after recovery: {error}"))?;
        let mut engine = self.open(fs, "after a close in order")?;
        same(&expected, &mut engine, "after a close in order")?;
        engine.close().map_err(|error| format!("closing the second time: {error}"))
    }

    fn open(&self, fs: &FaultFs, when: &str) -> Result<E, String> {
        E::open(fs, self.engine_options).map_err(|error| format!("does not open {when}: {error}"))
    }
}

/// Makes a panic of the engine an error like any other, so that it comes with its replay line.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(format!("the engine panicked: {}", text.unwrap_or_default()))
    })
}

/// Puts the calls of the script before those of the recovery.
fn with_script(script: &FaultFs, mut failure: Failure) -> Failure {
    let mut trace = script.trace();
    trace.push("-- power off; the last recovery: --".to_owned());
    trace.append(&mut failure.trace);
    failure.trace = trace;
    failure
}

/// Whether an engine holds exactly this.
fn same<E: Engine>(expected: &State, engine: &mut E, when: &str) -> Result<(), String> {
    let found = engine.read_all().map_err(|error| format!("reading {when}: {error}"))?;
    expected.explain(&found).map_or(Ok(()), |difference| Err(format!("{when}: {difference}")))
}

/// Up to `count` different numbers from 1 to `limit`, in order.
fn sample(limit: u64, count: usize, seed: u64) -> Vec<u64> {
    if limit <= count as u64 {
        return (1..=limit).collect();
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chosen = BTreeSet::new();
    while chosen.len() < count {
        chosen.insert(random.u64(1..=limit));
    }
    chosen.into_iter().collect()
}

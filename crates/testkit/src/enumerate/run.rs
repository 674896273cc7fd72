//! One run of a script on a machine that may go down or fail: [`run_script`].
//!
//! It notes what was written and what was answered, as the oracle needs it, and holds the living database to it too:
//! after every reopening and at the end, everything acknowledged must be there.

use crate::enumerate::engine::{Engine, Step, Task};
use crate::fault_fs::FaultFs;
use crate::fault_fs::plan::FaultPlan;
use crate::oracle::change::{Ack, Commit, Durability, MergeFn};
use crate::oracle::prefix::{CrashKind, check_prefix};
use crate::oracle::state::State;

/// A run of a script.
pub(super) struct Run<'a, E: Engine> {
    fs: &'a FaultFs,
    options: &'a E::Options,
    merge: MergeFn,
    /// Whether calls may fail although the machine is up.
    errors_expected: bool,
    history: Vec<Commit>,
}

/// Runs a script as far as the machine lives, and returns what was committed.
pub(super) fn run_script<E: Engine>(
    fs: &FaultFs,
    options: &E::Options,
    script: &[Step],
    merge: MergeFn,
    errors_expected: bool,
) -> Result<Vec<Commit>, String> {
    let mut run = Run::<E> { fs, options, merge, errors_expected, history: Vec::new() };
    run.all(script)?;
    Ok(run.history)
}

impl<E: Engine> Run<'_, E> {
    fn all(&mut self, script: &[Step]) -> Result<(), String> {
        let Some(mut engine) = self.open()? else { return Ok(()) };
        for (number, step) in script.iter().enumerate() {
            let at = |error| format!("step {number}: {error}");
            engine = match step {
                Step::Write(changes, durability) => {
                    let ack = engine.write(changes, *durability);
                    self.history.push(Commit { changes: changes.clone(), durability: *durability, ack });
                    if ack != Ack::Acknowledged {
                        self.excuse(format!("a write was answered with {ack:?}")).map_err(at)?;
                    }
                    engine
                }
                Step::Run(task) => {
                    match engine.run(*task) {
                        Ok(()) if *task == Task::Persist => {
                            self.history.push(Commit::barrier(Durability::Sync));
                        }
                        Ok(()) => {}
                        Err(error) => self.excuse(format!("{task:?} failed: {error}")).map_err(at)?,
                    }
                    engine
                }
                Step::Reopen => {
                    // A close that failed promises no more than a kill.
                    let closed = engine.close();
                    let crash = if closed.is_ok() { CrashKind::CleanClose } else { CrashKind::Kill };
                    if let Err(error) = closed {
                        self.excuse(format!("close failed: {error}")).map_err(at)?;
                    }
                    let Some(mut engine) = self.open().map_err(at)? else { return Ok(()) };
                    self.check_living(&mut engine, crash).map_err(at)?;
                    engine
                }
            };
            if self.fs.is_down() {
                return Ok(());
            }
        }
        self.check_living(&mut engine, CrashKind::CleanClose)?;
        engine.close().or_else(|error| self.excuse(format!("close failed: {error}")))
    }

    /// Opens the database; `None` if the machine went down meanwhile. An injected error may spoil it once; then the
    /// errors end, and it must open.
    fn open(&mut self) -> Result<Option<E>, String> {
        let error = match E::open(self.fs, self.options) {
            _ if self.fs.is_down() => return Ok(None),
            Ok(engine) => return Ok(Some(engine)),
            Err(error) => error,
        };
        self.excuse(format!("open failed: {error}"))?;
        self.fs.set_plan(FaultPlan::default());
        E::open(self.fs, self.options)
            .map(Some)
            .map_err(|again| format!("open failed ({error}), and again without a reason: {again}"))
    }

    /// An error needs a reason: a dead machine, or errors that were asked for.
    fn excuse(&self, error: String) -> Result<(), String> {
        if self.fs.is_down() || self.errors_expected { Ok(()) } else { Err(error) }
    }

    fn check_living(&self, engine: &mut E, crash: CrashKind) -> Result<(), String> {
        let state = match engine.read_all() {
            _ if self.fs.is_down() => return Ok(()),
            Ok(state) => state,
            Err(error) => return self.excuse(format!("reading failed: {error}")),
        };
        check_prefix(&State::new(), &self.history, crash, &state, self.merge)
            .map(|_| ())
            .map_err(|difference| format!("the living database is wrong: {difference}"))
    }
}

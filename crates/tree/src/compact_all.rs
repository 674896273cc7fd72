//! Compactions one after another and side by side, until a strategy has none.
//!
//! The caller takes one compaction after the other and runs it. While the strategy has more that may run beside it, up to
//! [`compaction_threads`](crate::Config::compaction_threads) in all, each goes to the
//! [executor](crate::Config::compaction_executor) as a task, which then takes on what it finds, as the caller does. Nobody waits
//! for anybody but the caller, and it only for tasks, at the end: so an executor may run them whenever it likes, one after
//! the other, or on the caller itself when that joins them ([`esker_env::spawn::SingleThreaded`]). One that has no thread to
//! give leaves the work to the caller.
//!
//! What fails stops the others; the first failure is the outcome. That jobs do not get in each other's way is the register's to
//! see to (INV-COMPACT-7).
//!
//! Not here: running one ([`crate::compact`]).

use std::sync::{Arc, Mutex, PoisonError};

use esker_env::spawn::JoinHandle;
use esker_mem::seqno::SeqNo;

use crate::compact::{CancelToken, CompactionJob, pick};
use crate::compaction::picker::CompactionStrategy;
use crate::core::Core;
use crate::error::{Error, Result};

/// Runs compactions of `strategy` until it has none.
pub(crate) fn compact_all(
    core: &Arc<Core>,
    strategy: Arc<dyn CompactionStrategy>,
    advice: SeqNo,
) -> Result<()> {
    let crew = Arc::new(Crew {
        core: Arc::clone(core),
        strategy,
        advice,
        cancel: CancelToken::default(),
        failure: Mutex::new(None),
    });
    let mut helpers: Vec<Box<dyn JoinHandle>> = Vec::new();
    loop {
        while let Some(at) = helpers.iter().position(|helper| helper.is_finished()) {
            helpers.swap_remove(at).join();
        }
        if let Some(job) = crew.next_job() {
            hire(&crew, &mut helpers);
            crew.run(job);
        } else if let Some(helper) = helpers.pop() {
            // What it does may bring forth more.
            helper.join();
        } else {
            break;
        }
    }
    crew.outcome()
}

/// Gives what may run beside the caller's own job to the executor.
fn hire(crew: &Arc<Crew>, helpers: &mut Vec<Box<dyn JoinHandle>>) {
    let config = &crew.core.config;
    while helpers.len() + 1 < config.compaction_threads {
        let Some(job) = crew.next_job() else { return };
        let helper = Arc::clone(crew);
        let task = Box::new(move || {
            let mut next = Some(job);
            while let Some(job) = next {
                helper.run(job);
                next = helper.next_job();
            }
        });
        match config.compaction_executor.spawn("esker-compaction", task) {
            Ok(handle) => helpers.push(handle),
            // The task is gone, and its job's inputs are free again.
            Err(_) => return,
        }
    }
}

/// What those who compact share.
struct Crew {
    core: Arc<Core>,
    strategy: Arc<dyn CompactionStrategy>,
    advice: SeqNo,
    cancel: CancelToken,
    failure: Mutex<Option<Error>>,
}

impl Crew {
    /// A job whose inputs are now reserved; none after a failure.
    fn next_job(&self) -> Option<CompactionJob> {
        if self.cancel.is_cancelled() { None } else { pick(&self.core, &*self.strategy, true) }
    }

    fn run(&self, job: CompactionJob) {
        if let Err(error) = job.run(self.advice, &self.cancel) {
            // Before the others are told to stop: what they say of that is no failure.
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.cancel.cancel();
        }
    }

    fn outcome(&self) -> Result<()> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

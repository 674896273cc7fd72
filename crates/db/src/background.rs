//! Background work: flushes, compactions, and the timer that drains the log and has it synced and prepared, and obsolete files
//! deleted.
//!
//! One thread, the *timer*, sleeps on the [`Signal`](crate::signal::Signal). It drains the log's buffer 1 ms after a
//! `Buffered` write, has the log synced one interval after the first unsynced write, has segments prepared, and gives
//! out work: each job is a task of its own on the database's `Spawn`, so an idle database holds no worker threads, and
//! the timer waits for nothing.
//!
//! **Priorities.** Flushes first, then compactions of level 0, then the rest. With `n` threads at most `n` jobs run,
//! and at most `n - 1` of the rest, so one thread is always free for flushes and level 0 (INV-LIFE-4); with one
//! thread the rest runs only when nothing else does.
//!
//! **Memory and log.** A look at the trees measures the pressure. If the memtables come near their cap and nothing is
//! sealed, the largest active one is; if the log is over `max_wal_bytes`, the one that pins its oldest part
//! (INV-WAL-7). Memtables are sealed at a commit barrier (INV-COMMIT-2).
//!
//! **Failures.** A job that fails turns the database read-only with the reason; nothing starts until `resume()`.
//! Cancelled jobs are no failures.
//!
//! With zero threads nothing is spawned: [`run_inline`] does what is due on the caller, which makes runs repeatable.
//!
//! Not here: what a flush or compaction does (`esker_tree`).

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use esker_env::spawn::JoinHandle;
use esker_format::ids::KeyspaceId;
use esker_tree::CompactionJob;

use crate::core::{Core, Jobs};
use crate::error::{Error, Result};
use crate::options::{Durability, LOG_BUFFER_DELAY};
use crate::signal::{BUFFERED, DELETE, MEASURE, SEGMENT, STOP, UNSYNCED, WORK};
use crate::state::KeyspaceState;
use crate::upkeep::{self, Chore, flush_log};

/// How long nobody writes before the trees are settled for their readers.
const QUIET_DELAY: Duration = Duration::from_secs(1);

/// The size of the tables of a compaction of everything.
const MAJOR_TABLE_BYTES: u64 = 64 << 20;

/// A job that may start now.
enum Job {
    Flush(Arc<KeyspaceState>),
    Compaction(Arc<KeyspaceState>, Box<CompactionJob>),
}

/// Starts the timer thread; nothing without background threads.
pub(crate) fn start(core: &Arc<Core>) -> Result<Option<Box<dyn JoinHandle>>> {
    if !core.has_threads() {
        return Ok(None);
    }
    let timer = Arc::clone(core);
    let handle = core.spawn.spawn("esker-timer", Box::new(move || run_timer(&timer)));
    handle.map(Some).map_err(|error| Error::io("start a thread for", &core.path, error))
}

/// The timer's life: until [`STOP`].
fn run_timer(core: &Arc<Core>) {
    let signal = core.signal();
    let mut drain_at: Option<Duration> = None;
    let mut sync_at: Option<Duration> = None;
    loop {
        let armed = drain_at.map_or(0, |_| BUFFERED) | sync_at.map_or(0, |_| UNSYNCED);
        let now = core.clock.now();
        let next = [drain_at, sync_at].into_iter().flatten().min();
        let quiet_at = (next.is_none() && !core.jobs().is_quiet).then_some(QUIET_DELAY);
        signal.wait(armed, next.map(|at| at.saturating_sub(now)).or(quiet_at));
        let flags = signal.flags();
        let now = core.clock.now();
        if flags & STOP != 0 {
            return;
        }
        if flags & !MEASURE == 0 && quiet_at.is_some() {
            // Nobody wrote for a while: time for what helps readers.
            core.jobs().is_quiet = true;
            signal.raise(WORK);
        } else if flags & UNSYNCED != 0 {
            core.jobs().is_quiet = false;
        }
        if signal.lower(SEGMENT) != 0 {
            upkeep::start(core, Chore::Prepare);
        }
        if signal.lower(DELETE) != 0 {
            upkeep::start(core, Chore::Delete);
        }
        if flags & BUFFERED != 0 {
            drain_at.get_or_insert(now + LOG_BUFFER_DELAY);
        }
        if flags & UNSYNCED != 0 {
            sync_at.get_or_insert(now + core.options.sync_interval);
        }
        if sync_at.is_some_and(|at| at <= now) {
            // Lowered before the sync begins; one that runs still may not cover what was written meanwhile.
            let lowered = signal.lower(BUFFERED | UNSYNCED);
            (drain_at, sync_at) = (None, None);
            if !upkeep::start(core, Chore::Sync) {
                signal.raise(lowered);
                sync_at = Some(now + core.options.sync_interval);
            }
        } else if drain_at.is_some_and(|at| at <= now) {
            drain_at = None;
            signal.lower(BUFFERED);
            flush_log(core, Durability::Os);
        }
        if signal.lower(WORK) != 0 {
            upkeep::touch_memory(core);
            give_out(core);
        }
    }
}

/// Starts what may start.
fn give_out(core: &Arc<Core>) {
    while let Some(job) = next_job(core) {
        let task_core = Arc::clone(core);
        let name = match &job {
            Job::Flush(_) => "esker-flush",
            Job::Compaction(..) => "esker-compaction",
        };
        let slot = Slot::of(core, &job);
        let task = Box::new(move || run(&task_core, job, slot));
        if let Err(error) = core.spawn.spawn(name, task) {
            // The task was dropped unrun, and its slot with it.
            core.fail(Error::io("start a thread for", &core.path, error));
            return;
        }
    }
}

/// Does everything that is due, here and now.
pub(crate) fn run_inline(core: &Arc<Core>) -> Result<()> {
    let signal = core.signal();
    signal.lower(WORK | SEGMENT);
    while let Some(job) = next_job(core) {
        let slot = Slot::of(core, &job);
        run(core, job, slot);
    }
    core.health.check_writable()
}

/// Waits until nothing is left to flush or compact, the work that is done when nobody writes included.
pub(crate) fn wait_until_idle(core: &Arc<Core>) -> Result<()> {
    // Not by `is_quiet`: what was written a moment ago takes that back before the timer has looked for work.
    core.jobs().settlers += 1;
    let outcome = if core.has_threads() { wait_for_threads(core) } else { run_inline(core) };
    core.jobs().settlers -= 1;
    core.trees.deletions().run();
    outcome.map(|()| give_back_log(core))
}

/// Lets the log begin anew with a small segment if nothing in it is needed any more. What fails here is no loss: the log
/// stays as it is, or the next write reports.
fn give_back_log(core: &Core) {
    let is_needed = |keyspace: &Arc<KeyspaceState>| keyspace.tree.lowest_unflushed_seqno().is_some();
    if !core.folder.has_grown() || core.registry.all().iter().any(is_needed) {
        return;
    }
    // A segment that is being made now would be found superfluous, and stay until then.
    let mut jobs = core.jobs();
    while jobs.is_preparing {
        jobs = core.job_ended.wait(jobs).unwrap_or_else(PoisonError::into_inner);
    }
    drop(jobs);
    // Then nothing holds the large segment once it is left.
    flush_log(core, Durability::Sync);
    let left = core.folder.begin_small();
    if left.and_then(|()| core.pipeline.at_barrier(|log| log.writer.leave_segment())).is_ok() {
        let _ = free_log(core);
    }
}

fn wait_for_threads(core: &Core) -> Result<()> {
    let mut jobs = core.jobs();
    jobs.is_idle = false;
    core.signal().raise(WORK);
    while !jobs.is_idle {
        core.health.check_writable()?;
        jobs = core.job_ended.wait(jobs).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(())
}

/// Merges each keyspace into its last level, on the calling thread.
pub(crate) fn compact_all(core: &Arc<Core>) -> Result<()> {
    for keyspace in core.registry.all() {
        // A background compaction stands in the way of one of everything.
        while keyspace.check().is_ok() && !major_compact(core, &keyspace)? {
            wait_until_idle(core)?;
        }
    }
    Ok(())
}

fn major_compact(core: &Arc<Core>, keyspace: &KeyspaceState) -> Result<bool> {
    core.health.check_writable()?;
    keyspace.tree.major_compact(MAJOR_TABLE_BYTES, core.watermark()).map_err(|error| keyspace.error(error))
}

/// Seals every memtable that holds something, and waits until all are in tables.
pub(crate) fn flush_all(core: &Arc<Core>) -> Result<()> {
    flush(core, &core.registry.all())
}

/// Seals the memtables of these keyspaces, and waits until they are in tables.
pub(crate) fn flush(core: &Arc<Core>, keyspaces: &[Arc<KeyspaceState>]) -> Result<()> {
    core.health.check_writable()?;
    seal(core, keyspaces);
    if !core.has_threads() {
        return run_inline(core);
    }
    core.signal().raise(WORK);
    let mut jobs = core.jobs();
    while keyspaces
        .iter()
        .any(|keyspace| keyspace.check().is_ok() && keyspace.tree.memtable_stats().sealed > 0)
    {
        core.health.check_writable()?;
        jobs = core.job_ended.wait(jobs).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(())
}

/// Holds off new jobs, asks running ones to stop, and waits for them.
pub(crate) fn stop(core: &Core) {
    core.cancel.cancel();
    core.signal().raise(STOP);
    let mut jobs = core.jobs();
    jobs.stopped = true;
    while !jobs.is_still() {
        jobs = core.job_ended.wait(jobs).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Seals memtables at a commit barrier: everything numbered so far is in them, nothing later (INV-COMMIT-2).
fn seal(core: &Core, keyspaces: &[Arc<KeyspaceState>]) {
    core.pipeline.at_barrier(|_| {
        for keyspace in keyspaces {
            keyspace.tree.rotate_memtable();
        }
    });
}

/// The most urgent job that may start now; its slot is taken.
fn next_job(core: &Arc<Core>) -> Option<Job> {
    if core.health.check_writable().is_err() {
        return None;
    }
    relieve(core);
    let mut jobs = core.jobs();
    let job = if jobs.stopped { None } else { choose(core, &jobs) };
    match &job {
        Some(Job::Flush(keyspace)) => jobs.flushing.push(keyspace.id),
        Some(Job::Compaction(_, compaction)) if compaction.is_level_zero() => jobs.level_zero += 1,
        Some(Job::Compaction(..)) => jobs.deeper += 1,
        None if jobs.running() == 0 => {
            jobs.is_idle = true;
            core.job_ended.notify_all();
        }
        None => {}
    }
    job
}

fn choose(core: &Arc<Core>, jobs: &Jobs) -> Option<Job> {
    let slots = core.options.background_threads.max(1);
    if jobs.running() >= slots {
        return None;
    }
    let keyspaces = core.registry.all();
    let wants_flush = |keyspace: &&Arc<KeyspaceState>| {
        keyspace.tree.memtable_stats().sealed > 0 && !jobs.flushing.contains(&keyspace.id)
    };
    let flush = keyspaces
        .iter()
        .filter(wants_flush)
        .max_by_key(|keyspace| keyspace.tree.memtable_stats().sealed_bytes);
    if let Some(keyspace) = flush {
        return Some(Job::Flush(Arc::clone(keyspace)));
    }
    let may_go_deeper = may_go_deeper(slots, jobs.running(), jobs.deeper);
    let idle = jobs.may_settle();
    let mut deeper = None;
    for keyspace in &keyspaces {
        match keyspace.tree.pick_compaction(idle) {
            Some(job) if job.is_level_zero() => {
                return Some(Job::Compaction(Arc::clone(keyspace), Box::new(job)));
            }
            Some(job) if may_go_deeper && deeper.is_none() => {
                deeper = Some(Job::Compaction(Arc::clone(keyspace), Box::new(job)));
            }
            // Dropping a job frees its inputs.
            Some(_) | None => {}
        }
    }
    deeper
}

/// Whether a compaction below level 0 may start beside `running` jobs, of which `deeper` are of its sort (INV-LIFE-4).
fn may_go_deeper(slots: usize, running: usize, deeper: usize) -> bool {
    if slots > 1 { deeper < slots - 1 } else { running == 0 }
}

/// Measures, and seals what must go: for memory, or for the log (INV-WAL-7).
fn relieve(core: &Arc<Core>) {
    let pressure = core.measure();
    let keyspaces = core.registry.all();
    if keyspaces.iter().any(|keyspace| keyspace.tree.memtable_stats().sealed > 0) {
        return;
    }
    let near_cap = pressure.memtable_bytes >= pressure.memtable_limit_bytes / 4 * 3;
    if near_cap
        && let Some(largest) =
            keyspaces.iter().max_by_key(|keyspace| keyspace.tree.memtable_stats().active_bytes)
    {
        seal(core, std::slice::from_ref(largest));
    }
    if core.folder.closed_bytes() + core.options.segment_bytes > core.options.max_wal_bytes {
        let pinning = keyspaces
            .iter()
            .filter_map(|keyspace| Some((keyspace.tree.lowest_unflushed_seqno()?, keyspace)))
            .min_by_key(|(lowest, _)| *lowest);
        if let Some((_, laggard)) = pinning {
            seal(core, std::slice::from_ref(laggard));
        }
    }
}

/// The slot that a job holds; given back when dropped, which makes the background look again.
struct Slot {
    core: Arc<Core>,
    kind: SlotKind,
}

enum SlotKind {
    Flush(KeyspaceId),
    LevelZero,
    Deeper,
}

impl Slot {
    fn of(core: &Arc<Core>, job: &Job) -> Self {
        let kind = match job {
            Job::Flush(keyspace) => SlotKind::Flush(keyspace.id),
            Job::Compaction(_, job) if job.is_level_zero() => SlotKind::LevelZero,
            Job::Compaction(..) => SlotKind::Deeper,
        };
        Self { core: Arc::clone(core), kind }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut jobs = self.core.jobs();
        match self.kind {
            SlotKind::Flush(id) => jobs.flushing.retain(|other| *other != id),
            SlotKind::LevelZero => jobs.level_zero -= 1,
            SlotKind::Deeper => jobs.deeper -= 1,
        }
        drop(jobs);
        self.core.job_ended.notify_all();
        self.core.signal().raise(WORK);
    }
}

/// Runs a job, then gives its slot back.
fn run(core: &Arc<Core>, job: Job, slot: Slot) {
    let outcome = match job {
        Job::Flush(keyspace) => flush_oldest(core, &keyspace),
        Job::Compaction(keyspace, job) => {
            let done = job.run(core.watermark(), &core.cancel);
            done.map(|_| ()).map_err(|error| keyspace.error(error))
        }
    };
    core.measure();
    if let Err(error) = outcome
        && !matches!(&error, Error::Tree { source: esker_tree::Error::Cancelled, .. })
    {
        core.fail(error);
    }
    drop(slot);
}

/// Flushes the oldest sealed memtable of a keyspace and frees the log that it held.
fn flush_oldest(core: &Core, keyspace: &KeyspaceState) -> Result<()> {
    let tree = &keyspace.tree;
    // INV-RECOVER-4: no keyspace runs ahead of the log after a power loss.
    let flushed = tree.flush_oldest(core.watermark(), |highest| {
        core.pipeline.sync_seqno(highest + 1).map_err(Failure::Log)
    });
    match flushed {
        Ok(_) => free_log(core),
        Err(Failure::Log(error)) => Err(error),
        Err(Failure::Tree(error)) => Err(keyspace.error(error)),
    }
}

enum Failure {
    Log(Error),
    Tree(esker_tree::Error),
}

impl From<esker_tree::Error> for Failure {
    fn from(error: esker_tree::Error) -> Self {
        Self::Tree(error)
    }
}

/// Removes the segments that no keyspace needs any more (INV-WAL-6).
pub(crate) fn free_log(core: &Core) -> Result<()> {
    // First what is published, then the memtables: whatever is numbered but not yet applied is not below the former.
    let mut floor = core.visible();
    for keyspace in core.registry.all() {
        if let Some(lowest) = keyspace.tree.lowest_unflushed_seqno() {
            floor = floor.min(lowest);
        }
    }
    core.folder.retire(floor)
}

/// Lifts a failure that can be lifted, and tries again.
pub(crate) fn resume(core: &Arc<Core>) -> Result<()> {
    core.health.check_open()?;
    core.catalog().settle()?;
    core.health.resume()?;
    core.signal().raise(WORK);
    if core.has_threads() { Ok(()) } else { run_inline(core) }
}

#[cfg(test)]
mod tests;

//! Threads: [`Spawn`] starts background tasks.
//!
//! [`Threads`] gives each task a thread. [`SingleThreaded`] only queues tasks; the caller runs them one after the
//! other, in the order it chooses, which makes a whole database deterministic. Under it a task must never wait
//! for another one, other than by [`JoinHandle::join`], which runs the queue until the awaited task is done.
//!
//! Lock order: the queue's mutex is a leaf; it is never held while a task runs.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A background task.
pub type Task = Box<dyn FnOnce() + Send>;

/// How many threads can run at once on this machine, as far as the system tells; at least 1.
#[must_use]
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Starts background tasks.
pub trait Spawn: Send + Sync {
    /// Starts a task. The name is for people (it shows in debuggers and traces).
    ///
    /// # Errors
    /// What the system reports when it has no thread to give.
    fn spawn(&self, name: &str, task: Task) -> io::Result<Box<dyn JoinHandle>>;
}

/// A started task. Dropping the handle lets the task run on.
pub trait JoinHandle: Send {
    /// Waits for the task to end. A panic in the task goes on in the caller, unless that is panicking already.
    fn join(self: Box<Self>);

    /// Whether the task has ended.
    fn is_finished(&self) -> bool;
}

/// One thread for each task.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Spawn for Threads {
    fn spawn(&self, name: &str, task: Task) -> io::Result<Box<dyn JoinHandle>> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(task)?;
        Ok(Box::new(ThreadHandle(handle)))
    }
}

struct ThreadHandle(thread::JoinHandle<()>);

impl JoinHandle for ThreadHandle {
    fn join(self: Box<Self>) {
        if let Err(payload) = self.0.join()
            && !thread::panicking()
        {
            panic::resume_unwind(payload);
        }
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

struct Queued {
    name: String,
    task: Task,
    done: Arc<AtomicBool>,
}

/// A queue of tasks that the caller runs. Clones share the queue.
#[derive(Clone, Default)]
pub struct SingleThreaded {
    queue: Arc<Mutex<VecDeque<Queued>>>,
}

impl SingleThreaded {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tasks wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue().len()
    }

    /// The names of the waiting tasks, oldest first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.queue().iter().map(|queued| queued.name.clone()).collect()
    }

    /// Runs the oldest task; says whether there was one.
    pub fn run_one(&self) -> bool {
        self.run_at(0)
    }

    /// Runs the task at a position of [`SingleThreaded::names`]; says whether there was one. A seeded scheduler
    /// picks the position.
    pub fn run_at(&self, position: usize) -> bool {
        let queued = self.queue().remove(position);
        let Some(Queued { task, done, .. }) = queued else { return false };
        task();
        done.store(true, Ordering::Release);
        true
    }

    /// Runs tasks, oldest first, until none is left, including those that the tasks themselves queue; returns how
    /// many ran.
    pub fn run_all(&self) -> usize {
        let mut count = 0;
        while self.run_one() {
            count += 1;
        }
        count
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Queued>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SingleThreaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleThreaded").field("waiting", &self.names()).finish()
    }
}

impl Spawn for SingleThreaded {
    fn spawn(&self, name: &str, task: Task) -> io::Result<Box<dyn JoinHandle>> {
        let done = Arc::new(AtomicBool::new(false));
        self.queue().push_back(Queued { name: name.to_owned(), task, done: Arc::clone(&done) });
        Ok(Box::new(QueuedHandle { spawner: self.clone(), done }))
    }
}

struct QueuedHandle {
    spawner: SingleThreaded,
    done: Arc<AtomicBool>,
}

impl JoinHandle for QueuedHandle {
    fn join(self: Box<Self>) {
        while !self.is_finished() {
            assert!(self.spawner.run_one(), "a task waits for one that waits for it, or that panicked");
        }
    }

    fn is_finished(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;

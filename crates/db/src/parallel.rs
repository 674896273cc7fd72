//! The same work for many items, on a few threads of the database's [`Spawn`] and the calling one.
//!
//! Items are handed out one by one, so that threads end together even if items differ. Where no thread can be had, the
//! caller does everything: the outcome is the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use esker_env::spawn::Spawn;

/// Threads to work with.
#[derive(Clone)]
pub(crate) struct Team {
    spawn: Arc<dyn Spawn>,
    threads: usize,
}

struct Work<T, F> {
    job: F,
    next: AtomicUsize,
    count: usize,
    done: Mutex<Vec<(usize, T)>>,
}

impl<T, F: Fn(usize) -> T> Work<T, F> {
    fn help(&self) {
        loop {
            let item = self.next.fetch_add(1, Ordering::Relaxed);
            if item >= self.count {
                return;
            }
            let outcome = (self.job)(item);
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push((item, outcome));
        }
    }
}

impl Team {
    /// `threads` of them, the caller included.
    pub(crate) fn new(spawn: Arc<dyn Spawn>, threads: usize) -> Self {
        Self { spawn, threads: threads.max(1) }
    }

    /// What `job` makes of each number below `count`, in order.
    pub(crate) fn map<T, F>(&self, count: usize, job: F) -> Vec<T>
    where
        T: Send + 'static,
        F: Fn(usize) -> T + Send + Sync + 'static,
    {
        let done = Mutex::new(Vec::with_capacity(count));
        let work = Arc::new(Work { job, next: AtomicUsize::new(0), count, done });
        let helpers = (1..self.threads.min(count)).filter_map(|_| {
            let work = Arc::clone(&work);
            self.spawn.spawn("esker-recovery", Box::new(move || work.help())).ok()
        });
        let helpers: Vec<_> = helpers.collect();
        work.help();
        for helper in helpers {
            helper.join();
        }
        let mut done = std::mem::take(&mut *work.done.lock().unwrap_or_else(PoisonError::into_inner));
        done.sort_unstable_by_key(|(item, _)| *item);
        done.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

#[cfg(test)]
mod tests;

//! Files of tables that nobody reads any more, on their way to be deleted.
//!
//! Whoever lets go of a table last, a put or a lookup perhaps, leaves its file here and goes on (INV-LIFE-5): a file system that
//! hands freed blocks back to its device at once takes hundreds of milliseconds for a large one. The background deletes them.
//! Without background threads, and once the database closes, files are deleted at once by whoever lets go.
//!
//! Not here: when a file is obsolete (`esker_tree`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_tree::FileDeletion;

use crate::signal::{DELETE, Signal};

/// Files that wait to be deleted. Thread-safe; its mutex is a leaf, never held over I/O.
pub(crate) struct Deletions {
    signal: Arc<Signal>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    files: Vec<FileDeletion>,
    /// Nobody comes to fetch them.
    is_direct: bool,
}

impl Deletions {
    /// None yet. Without a background that is woken through `signal`, files are deleted at once.
    pub(crate) fn new(signal: Arc<Signal>, has_background: bool) -> Self {
        let waiting = Waiting { files: Vec::new(), is_direct: !has_background };
        Self { signal, waiting: Mutex::new(waiting) }
    }

    /// Takes a file over.
    pub(crate) fn push(&self, file: FileDeletion) {
        let mut waiting = self.waiting();
        if waiting.is_direct {
            drop(waiting);
            file.run();
            return;
        }
        waiting.files.push(file);
        drop(waiting);
        self.signal.raise(DELETE);
    }

    /// Deletes all that wait, on the calling thread.
    pub(crate) fn run(&self) {
        loop {
            let Some(file) = self.waiting().files.pop() else { return };
            file.run();
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().files.is_empty()
    }

    /// Deletes all that wait, and from now on at once.
    pub(crate) fn close(&self) {
        self.waiting().is_direct = true;
        self.run();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

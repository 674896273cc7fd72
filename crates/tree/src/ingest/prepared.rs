//! Tables that lie in the tree's folder and are no part of it yet, and how they become one.
//!
//! **Place.** Each table goes to the deepest level above which nothing overlaps it: no table of a level down to there, and no
//! running compaction that writes to one (INV-INGEST-2). The place is held against compactions that are picked from then on, as
//! the output of a job of its own. Deeper levels hold one run, which the table joins; in level 0 all of them are a new run.
//!
//! **Memtables** that hold a key between a table's first and last are flushed before, so that what is older comes to lie below.
//! Flushes are held off from the choice of the places to the installation: a tombstone of later must not be dropped below
//! tables that the place was chosen for.
//!
//! **Number.** All entries get one sequence number, which is part of the manifest's entry: above everything that the tree
//! holds, unless its callers write at the same time. Such numbers may cross, as in [`crate::flush`]: the tables are marked *out
//! of order* then.
//!
//! **Installation** is one edit, so a crash finds all tables or none (INV-INGEST-1). Given up before, the files are deleted.
//!
//! Not here: where the tables come from ([`super::load`], [`super::files`]).

use std::path::PathBuf;
use std::sync::Arc;

use esker_format::ids::RunId;
use esker_format::manifest::{AddedTable, VersionEdit};
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::compaction::picker::RunningJob;
use crate::core::{Core, Jobs};
use crate::error::{Error, Result};
use crate::flush::{self, FlushLock};
use crate::install::install;
use crate::key_range::ranges_overlap;
use crate::memtable::Generation;
use crate::state::View;
use crate::version::run::Run;
use crate::version::{LEVELS, Version};

/// What an ingestion brought in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestOutcome {
    /// The number of all entries; `None` if there were none.
    pub seqno: Option<SeqNo>,
    /// Tables.
    pub tables: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Bytes of the tables.
    pub bytes: u64,
}

/// An ingestion that is written and synced, and has yet to get its number: for callers with an order of commits of their own.
///
/// Take [`crate::Tree::get_flush_lock`], then the place in your order; flush once more if it still [overlaps what is in
/// memory](Self::overlaps_memory); then [`Self::install`]. Dropped before, it deletes its files.
pub struct PreparedIngestion {
    core: Arc<Core>,
    /// Ascending and disjoint; without their places.
    pub(super) tables: Vec<AddedTable>,
    /// Files that go once the tables are installed.
    pub(super) sources: Vec<PathBuf>,
    is_installed: bool,
}

impl PreparedIngestion {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::clone(core), tables: Vec::new(), sources: Vec::new(), is_installed: false }
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Whether there is nothing to ingest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many tables there are.
    #[must_use]
    pub fn tables(&self) -> u64 {
        self.tables.len() as u64
    }

    /// Whether a memtable holds a key between the first and the last of a table: it is to be flushed before.
    #[must_use]
    pub fn overlaps_memory(&self) -> bool {
        let view = self.core.state.view_owned();
        view.generations().any(|generation| self.overlaps(generation))
    }

    fn overlaps(&self, generation: &Generation) -> bool {
        let holds = |table: &AddedTable| generation.has_any_within(&table.smallest_key, &table.largest_key);
        !generation.is_empty() && self.tables.iter().any(holds)
    }

    /// Installs all tables as of `seqno`: they are read at once by whoever reads above it, and durable when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignLock`] with another tree's lock, [`Error::SeqnoTooOld`] below the watermark, [`Error::SeqnoTooHigh`]: nothing is ingested. What the file system says: a
    /// crash right then may still find the tables.
    pub fn install(mut self, seqno: SeqNo, flushes: &FlushLock<'_>) -> Result<IngestOutcome> {
        if !flushes.is_of(&self.core) {
            return Err(Error::ForeignLock);
        }
        if self.tables.is_empty() {
            return Ok(IngestOutcome::default());
        }
        if seqno >= MAX_SEQNO {
            return Err(Error::SeqnoTooHigh { seqno });
        }
        let watermark = self.core.snapshots.watermark();
        if seqno < watermark {
            return Err(Error::SeqnoTooOld { seqno, watermark });
        }
        let core = Arc::clone(&self.core);
        let places = Places::hold(&core, &mut self.tables, seqno);
        let edit =
            VersionEdit { added: self.tables.clone(), last_seqno: Some(seqno), ..VersionEdit::default() };
        // From here on a crash may find them.
        self.is_installed = true;
        install(&core, edit, |_| true, |_| core.note_flush(0, seqno))?;
        drop(places);
        for source in &self.sources {
            // It is in the tree; what cannot be removed is a copy.
            let _ = core.config.fs.remove_file(source);
        }
        let sum = |of: fn(&AddedTable) -> u64| self.tables.iter().map(of).sum();
        Ok(IngestOutcome {
            seqno: Some(seqno),
            tables: self.tables.len() as u64,
            entries: sum(|table| table.entries),
            bytes: sum(|table| table.file_bytes),
        })
    }

    /// Flushes what overlaps, takes the next number of the tree's generator, installs, and makes it visible.
    pub(crate) fn finish(self) -> Result<IngestOutcome> {
        if self.tables.is_empty() {
            return Ok(IngestOutcome::default());
        }
        let core = Arc::clone(&self.core);
        let flushes = flush::lock(&core);
        if self.overlaps_memory() {
            crate::write::rotate(&core);
            while flushes.flush_oldest::<Error>(0, |_| Ok(()))?.is_some() {}
        }
        let seqno = core.config.seqno.next();
        let outcome = self.install(seqno, &flushes)?;
        core.config.visible.fetch_max(seqno + 1);
        Ok(outcome)
    }
}

impl Drop for PreparedIngestion {
    fn drop(&mut self) {
        if self.is_installed {
            return;
        }
        let folder = self.core.config.own_folder();
        for table in &self.tables {
            // What cannot be deleted now is an orphan of the next open.
            let _ = folder.fs.remove_file(&folder.table_path(table.table));
        }
    }
}

impl std::fmt::Debug for PreparedIngestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedIngestion").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

/// The places of tables, held against compactions.
struct Places<'a> {
    core: &'a Core,
    id: u64,
}

impl<'a> Places<'a> {
    /// Chooses the places and writes them into the tables. Flushes are held off by the caller.
    fn hold(core: &'a Core, tables: &mut [AddedTable], seqno: SeqNo) -> Self {
        let mut jobs = core.jobs();
        let view: Arc<View> = core.state.view_owned();
        let id = jobs.next_id;
        jobs.next_id += 1;
        let newest_run = core.next_run_id();
        let crossed = view.version.highest_seqno().is_some_and(|highest| highest >= seqno);
        for table in &mut *tables {
            let level = deepest_free_level(&view.version, &jobs, core.order(), table);
            table.level = u8::try_from(level).unwrap_or(0);
            table.run = if level == 0 { newest_run } else { RunId(level as u64) };
            table.out_of_order = crossed;
            table.global_seqno = Some(seqno);
            table.lowest_seqno = seqno;
            table.highest_seqno = seqno;
        }
        for table in tables {
            let job = RunningJob {
                output_level: table.level.into(),
                smallest: table.smallest_key.clone(),
                largest: table.largest_key.clone(),
            };
            jobs.running.push((id, job));
        }
        drop(jobs);
        Self { core, id }
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        self.core.jobs().running.retain(|(id, _)| *id != self.id);
    }
}

/// The deepest level that `table` can join with nothing over it that overlaps it; 0 if there is none (INV-INGEST-2).
fn deepest_free_level(version: &Version, jobs: &Jobs, order: &KeyOrder, table: &AddedTable) -> usize {
    let range = (&table.smallest_key[..], &table.largest_key[..]);
    let is_free = |level: usize| {
        let runs = version.levels().get(level).map(Vec::as_slice).unwrap_or_default();
        let taken = runs
            .iter()
            .flat_map(Run::tables)
            .any(|other| ranges_overlap(order, range, (other.smallest(), other.largest())));
        let awaited = jobs.running.iter().any(|(_, job)| {
            job.output_level == level && ranges_overlap(order, range, (&job.smallest, &job.largest))
        });
        !taken && !awaited
    };
    let has_sole_run = |level: usize| match version.levels().get(level).map(Vec::as_slice) {
        Some([]) => true,
        Some([run]) => run.id() == RunId(level as u64),
        _ => false,
    };
    if !is_free(0) {
        return 0;
    }
    (1..LEVELS).take_while(|&level| is_free(level) && has_sole_run(level)).last().unwrap_or(0)
}

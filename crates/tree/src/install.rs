//! How a flush or a compaction becomes part of the tree, and how its output is written.
//!
//! [`Output`] turns a stream of entries into tables of one level. [`install`] appends the edit to the manifest, syncs it,
//! and publishes the new view: the edit is durable before any reader or any deletion of a file depends on it
//! (INV-FLUSH-2). The files of the edit, and their directory entries, are synced before the edit is.
//!
//! If the manifest cannot be written it is unknown whether the edit will be found after a crash. Both outcomes are
//! safe: the new tables stay where they are until the next open, and no input is deleted.

pub(crate) mod clip;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use esker_format::codec::Codec;
use esker_format::data_block::DataBlock;
use esker_format::ids::{RunId, TableId};
use esker_format::manifest::{AddedTable, VersionEdit};
use esker_mem::seqno::SeqNo;

use crate::compaction::fragments::Fragments;
use crate::compaction::stream::Entry;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::install::clip::{Clip, Piece};
use crate::routes::Folder;
use crate::state::View;
use crate::table::reader::Table;
use crate::table::writer::{TableOptions, TableWriter};
use crate::version::{Placed, Version};

/// Tables under construction for one level.
pub(crate) struct Output<'a> {
    core: &'a Core,
    options: TableOptions,
    level: usize,
    run: RunId,
    out_of_order: bool,
    writer: Option<TableWriter>,
    /// Range tombstones that no table has yet.
    clip: Option<Clip>,
    finished: Vec<AddedTable>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(
        core: &'a Core,
        options: TableOptions,
        level: usize,
        run: RunId,
        out_of_order: bool,
    ) -> Self {
        Self { core, options, level, run, out_of_order, writer: None, clip: None, finished: Vec::new() }
    }

    /// Has the tables take these range tombstones along.
    pub(crate) fn with_range_tombstones(mut self, fragments: &Arc<Fragments>) -> Self {
        if !fragments.is_empty() {
            self.clip = Some(Clip::new(self.core.order().clone(), Arc::clone(fragments)));
        }
        self
    }

    /// Bytes of the table under construction; 0 if there is none.
    #[inline]
    pub(crate) fn table_bytes(&self) -> u64 {
        self.writer.as_ref().map_or(0, TableWriter::size_bytes)
    }

    /// Adds an entry to the table under construction; begins one if there is none, or if it has all the keys that a
    /// filter should have.
    #[inline]
    pub(crate) fn add(&mut self, entry: Entry<'_>) -> Result<()> {
        if entry.is_new_key && self.writer.as_ref().is_some_and(TableWriter::is_full) {
            self.end_table_before(entry.key)?;
        }
        self.writer()?.add(entry.key, entry.is_new_key, entry.seqno, entry.kind, entry.value)
    }

    /// Adds a block of another table as it is: see [`TableWriter::add_block`].
    pub(crate) fn add_block(
        &mut self,
        block: &DataBlock,
        stored: &[u8],
        seqnos: RangeInclusive<SeqNo>,
    ) -> Result<()> {
        self.writer()?.add_block(block, stored, seqnos)
    }

    /// Whether a block of another table may be added as it is: it was written with `codec`, has fingerprints only where this level's
    /// blocks may have them, and fits in where the table under construction is.
    pub(crate) fn takes_block(&self, codec: Option<Codec>, block: &DataBlock) -> bool {
        codec == Some(self.options.codec)
            && self.options.fingerprints.allows(block.has_fingerprints())
            && self.writer.as_ref().is_some_and(|writer| writer.takes_block(block.payload_len()))
    }

    #[inline]
    fn writer(&mut self) -> Result<&mut TableWriter> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => {
                let id = self.core.next_table_id();
                let folder = self.core.folder_of(self.level);
                let path = folder.table_path(id);
                let created = self.core.config.clock.unix_millis();
                let writer = TableWriter::create(folder.fs, path, id, self.options.clone(), created)?;
                Ok(none.insert(writer))
            }
        }
    }

    /// Ends the table under construction, if there is one, before it would come to `next`, unless a range tombstone forbids that
    /// ([`clip`]).
    pub(crate) fn end_table_before(&mut self, next: &[u8]) -> Result<()> {
        let pieces = match (&mut self.clip, self.writer.as_ref().and_then(TableWriter::last_key)) {
            (Some(clip), Some(last)) => clip.up_to(last, next),
            _ => Some(Vec::new()),
        };
        pieces.map_or(Ok(()), |pieces| self.end_table(&pieces))
    }

    fn end_table(&mut self, pieces: &[Piece]) -> Result<()> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        if writer.contradicts_extractor() {
            self.core.metrics.prefix_extractor_faults.add(1);
        }
        for Piece { start, end, seqnos } in pieces {
            writer.add_range_tombstone(start, end, seqnos);
        }
        let mut table = writer.finish()?;
        table.level = u8::try_from(self.level).unwrap_or(u8::MAX);
        table.run = self.run;
        table.out_of_order = self.out_of_order;
        self.finished.push(table);
        Ok(())
    }

    /// Ends the last table and makes the directory entries of all durable.
    pub(crate) fn finish(mut self) -> Result<Vec<AddedTable>> {
        let rest = self.clip.take().map_or_else(Vec::new, |mut clip| clip.rest());
        if !rest.is_empty() {
            self.writer()?;
        }
        self.end_table(&rest)?;
        if !self.finished.is_empty() {
            let Folder { fs, path } = self.core.folder_of(self.level);
            fs.sync_dir(path).map_err(|e| Error::io("sync", path, e))?;
        }
        Ok(std::mem::take(&mut self.finished))
    }
}

impl Drop for Output<'_> {
    /// Given up before its edit was written: nothing names the files.
    fn drop(&mut self) {
        let folder = self.core.folder_of(self.level);
        for table in &self.finished {
            // What cannot be deleted now is an orphan of the next open.
            let _ = folder.fs.remove_file(&folder.table_path(table.table));
        }
    }
}

/// Makes an edit durable and current, if what it is about is still `there`; says whether it was. `arrange` changes what else
/// changes with it in the view.
///
/// What is cleared while a flush or a compaction works on it must not come back with its output (INV-ERASE-4).
pub(crate) fn install(
    core: &Core,
    edit: VersionEdit,
    there: impl FnOnce(&View) -> bool,
    arrange: impl FnOnce(&mut View),
) -> Result<bool> {
    // A table that only moves has readers of its own.
    let is_moved = |id: TableId| edit.removed.iter().any(|removed| removed.table == id);
    let new = edit.added.iter().filter(|table| !is_moved(table.table));
    let new: Vec<_> = new.map(|table| (usize::from(table.level), table.table)).collect();
    let installed = install_from(core, |view| there(view).then_some(edit), arrange)?;
    if !installed {
        for (level, id) in new {
            let folder = core.folder_of(level);
            // What cannot be deleted now is an orphan of the next open.
            let _ = folder.fs.remove_file(&folder.table_path(id));
        }
    }
    Ok(installed)
}

/// Makes an edit durable and current that is made of the current view, with nothing in between; says whether there was one.
pub(crate) fn install_from(
    core: &Core,
    edit: impl FnOnce(&View) -> Option<VersionEdit>,
    arrange: impl FnOnce(&mut View),
) -> Result<bool> {
    let mut manifest = core.manifest();
    let old = core.state.view_owned();
    let Some(mut edit) = edit(&old) else { return Ok(false) };
    let removed: HashSet<TableId> = edit.removed.iter().map(|removed| removed.table).collect();
    let added = place(core, &old.version, &removed, &edit)?;
    let version = old.version.apply(&removed, &added, core.order());
    debug_assert!(version.is_consistent(core.order()), "an edit made runs overlap");
    core.stamp_ids(&mut edit);
    manifest.append(&edit, || core.snapshot_edit(&old.version))?;
    publish(core, version, arrange);
    drop(manifest);
    core.refresh_debt();
    for placed in old.version.placed() {
        let id = placed.table.id();
        // A table that only moved is removed from one place and added in another.
        if removed.contains(&id) && !added.iter().any(|p| p.table.id() == id) {
            placed.table.set_obsolete();
        }
    }
    Ok(true)
}

/// Makes durable what every edit says beside its tables: ids that are taken, the watermark, the feed horizon.
pub(crate) fn record_state(core: &Core) -> Result<()> {
    let mut manifest = core.manifest();
    let mut edit = VersionEdit::default();
    core.stamp_ids(&mut edit);
    manifest.append(&edit, || core.snapshot_edit(&core.state.view().version))
}

/// The tables that an edit adds, with their places. One that only moves keeps its reader.
fn place(core: &Core, old: &Version, removed: &HashSet<TableId>, edit: &VersionEdit) -> Result<Vec<Placed>> {
    let moved: Vec<Placed> = old.placed().filter(|placed| removed.contains(&placed.table.id())).collect();
    let mut added = Vec::with_capacity(edit.added.len());
    for meta in &edit.added {
        let table = match moved.iter().find(|placed| placed.table.id() == meta.table) {
            Some(placed) => Arc::clone(&placed.table),
            None => {
                let folder = folder_with(core, meta)?;
                let path = folder.table_path(meta.table);
                Arc::new(Table::open(core.table_source(folder), path, meta.clone())?)
            }
        };
        added.push(Placed { level: usize::from(meta.level), run: meta.run, table });
    }
    Ok(added)
}

/// The folder that a new table lies in: where its level is routed, or the tree's own, where ingestion brings tables before it
/// is known which level they join.
fn folder_with<'a>(core: &'a Core, meta: &AddedTable) -> Result<Folder<'a>> {
    let routed = core.folder_of(usize::from(meta.level));
    if core.config.routes.is_empty() || meta.global_seqno.is_none() {
        return Ok(routed);
    }
    let path = routed.table_path(meta.table);
    let is_there = routed.fs.exists(&path).map_err(|e| Error::io("look at", &path, e))?;
    Ok(if is_there { routed } else { core.config.own_folder() })
}

/// Swaps the version. The manifest's lock is held, so versions change one at a time.
fn publish(core: &Core, version: Version, arrange: impl FnOnce(&mut View)) {
    let change = core.state.change();
    let mut view = View::clone(&change.current());
    view.version = version.into();
    view.watermark = core.snapshots.watermark();
    arrange(&mut view);
    change.publish(view);
}

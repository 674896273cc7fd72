//! One tree: its manifest, every table that the manifest names, and how the tables lie in their runs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use esker_format::error::DecodeError;
use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::{ManifestId, RunId, TableId};
use esker_format::log::header::LogKind;
use esker_format::manifest::{AddedTable, VersionEdit};

use crate::inspect::table::BYTE_ORDER;
use crate::verify::findings::Findings;
use crate::verify::{log, table};

/// What the edits of a manifest add up to.
#[derive(Debug, Default)]
struct Version {
    tables: BTreeMap<TableId, AddedTable>,
    comparator: Option<String>,
    /// The tree's folder, and those that level routes lead to.
    folders: Vec<PathBuf>,
}

/// Checks the tree in `folder`.
pub(crate) fn check(folder: &Path, findings: &mut Findings<'_>) {
    let mut version = Version { folders: vec![folder.to_path_buf()], ..Version::default() };
    let Some(number) = log::current(folder, findings) else { return };
    let manifest = folder.join(FileKind::Manifest(ManifestId(number)).name());
    log::records(&manifest, LogKind::Manifest, number, findings, |payload| {
        let edit = VersionEdit::decode(payload)?;
        version.apply(edit)
    });
    for (id, added) in &version.tables {
        let path = version.path_of(*id);
        if let Some(facts) = table::check(&path, findings) {
            compare(&path, &facts, added, findings);
        }
    }
    if version.comparator.as_deref().is_none_or(|name| name == BYTE_ORDER) {
        runs(&manifest, &version, findings);
    }
    for folder in &version.folders {
        strangers(folder, &version, findings);
    }
}

impl Version {
    /// Where a table is: in the tree's folder if it is nowhere.
    fn path_of(&self, id: TableId) -> PathBuf {
        let name = FileKind::Table(id).name();
        let mut paths = self.folders.iter().map(|folder| folder.join(&name));
        let own = paths.next().unwrap_or_default();
        paths.find(|path| path.exists()).unwrap_or(own)
    }

    fn apply(&mut self, edit: VersionEdit) -> Result<(), DecodeError> {
        for removed in edit.removed {
            if self.tables.remove(&removed.table).is_none() {
                return Err(DecodeError::invalid("version edit", 0, "a removed table was there"));
            }
        }
        for added in edit.added {
            if self.tables.insert(added.table, added).is_some() {
                return Err(DecodeError::invalid("version edit", 0, "an added table is new"));
            }
        }
        let routed = edit.level_routes.into_iter().map(|route| PathBuf::from(route.path));
        self.folders.extend(routed);
        if edit.comparator.is_some() {
            self.comparator = edit.comparator;
        }
        Ok(())
    }
}

fn compare(path: &Path, facts: &table::Facts, added: &AddedTable, findings: &mut Findings<'_>) {
    if facts.size_bytes != added.file_bytes {
        let (found, said) = (facts.size_bytes, added.file_bytes);
        findings.problem(path, format_args!("the manifest says {said} bytes, and the file has {found}"));
    }
    if facts.is_partial {
        return;
    }
    if let (Some(found), Some(said)) = (facts.checksum, added.file_checksum)
        && found != said
    {
        findings.problem(
            path,
            "it is another file than the one that was written: the manifest has another checksum",
        );
    }
    let (found, said) = ((facts.entries, facts.tombstones), (added.entries, added.point_tombstones));
    if found != said {
        findings.problem(
            path,
            format_args!(
                "the manifest says {} entries with {} tombstones, and there are {} with {}",
                said.0, said.1, found.0, found.1
            ),
        );
    }
    if added.range_tombstones == 0 && facts.entries > 0 {
        let same = facts.smallest == *added.smallest_key && facts.largest == *added.largest_key;
        if !same {
            findings.problem(path, "the manifest has another smallest or largest key than the entries");
        }
        // The numbers in an ingested file are 0; the manifest has what they are read as.
        let base = added.global_seqno.unwrap_or(0);
        let found = (facts.lowest_seqno.saturating_add(base), facts.highest_seqno.saturating_add(base));
        if found != (added.lowest_seqno, added.highest_seqno) {
            findings.problem(path, "the manifest has other bounds of sequence numbers than the entries");
        }
    }
}

/// The tables of a run do not overlap.
fn runs(manifest: &Path, version: &Version, findings: &mut Findings<'_>) {
    let mut runs: BTreeMap<(u8, RunId), Vec<&AddedTable>> = BTreeMap::new();
    for table in version.tables.values() {
        runs.entry((table.level, table.run)).or_default().push(table);
    }
    for ((level, run), mut tables) in runs {
        tables.sort_by(|one, other| one.smallest_key.cmp(&other.smallest_key));
        for (before, after) in tables.iter().zip(tables.iter().skip(1)) {
            let touches = before.largest_key == after.smallest_key && before.largest_key_is_exclusive;
            if before.largest_key >= after.smallest_key && !touches {
                let (one, other) = (before.table, after.table);
                findings.problem(
                    manifest,
                    format_args!("tables {one} and {other} of level {level}, run {run} overlap"),
                );
            }
        }
    }
}

/// Files of the tree that the manifest does not name: left by a crash, and removed when the tree is opened.
fn strangers(folder: &Path, version: &Version, findings: &mut Findings<'_>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for name in entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name())) {
        if let Some(FileName::Finished(FileKind::Table(id))) = FileName::parse_os(OsStr::new(&name))
            && !version.tables.contains_key(&id)
        {
            findings.note(&folder.join(&name), "a table that the manifest does not name");
        }
    }
}

#[cfg(test)]
mod tests;

//! The walk over a database's directory: catalog, trees, log.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use esker_env::fs::{FileLock, Fs};
use esker_env::os::OsFs;
use esker_format::catalog::CatalogEdit;
use esker_format::file_name::{FileKind, FileName, KEYSPACES_FOLDER, keyspace_folder};
use esker_format::ids::{CatalogId, KeyspaceId, SegmentId};
use esker_format::log::header::LogKind;

use crate::failure::{Failure, Outcome};
use crate::verify::findings::Findings;
use crate::verify::{log, tree};

/// Checks the database in `directory`.
///
/// # Errors
/// There is no database, or someone has it open.
pub(crate) fn check(directory: &Path, findings: &mut Findings<'_>) -> Outcome {
    let names = names(directory)?;
    let is_ours = |name: &FileName| {
        matches!(name, FileName::Finished(FileKind::Current | FileKind::Segment(_) | FileKind::Catalog(_)))
    };
    if !names.iter().any(is_ours) {
        return Err(Failure::refused(format!("there is no database at {}", directory.display())));
    }
    let _lock = lock(directory)?;

    let mut catalog = Catalog::default();
    if let Some(number) = log::current(directory, findings) {
        let path = directory.join(FileKind::Catalog(CatalogId(number)).name());
        log::records(&path, LogKind::Catalog, number, findings, |payload| {
            catalog.apply(&CatalogEdit::decode(payload)?);
            Ok(())
        });
    }
    for id in &catalog.keyspaces {
        tree::check(&directory.join(KEYSPACES_FOLDER).join(keyspace_folder(*id)), findings);
    }
    log::segments(&segments(directory, &names), catalog.next, findings);
    Ok(())
}

/// What the edits of a catalog add up to.
#[derive(Debug, Default)]
struct Catalog {
    keyspaces: BTreeSet<KeyspaceId>,
    next: Option<KeyspaceId>,
}

impl Catalog {
    fn apply(&mut self, edit: &CatalogEdit) {
        for created in &edit.created {
            self.keyspaces.insert(created.id);
            self.next = self.next.max(Some(created.id.next()));
        }
        for dropped in &edit.dropped {
            self.keyspaces.remove(dropped);
        }
        self.next = self.next.max(edit.next_keyspace);
    }
}

/// The files of ours in `directory`.
fn names(directory: &Path) -> Outcome<Vec<FileName>> {
    let entries = std::fs::read_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::refused(format!("there is no database at {}", directory.display()))
        }
        _ => Failure::io("read", directory, &error),
    })?;
    let names = entries.filter_map(|entry| FileName::parse_os(&entry.ok()?.file_name()));
    Ok(names.collect())
}

fn segments(directory: &Path, names: &[FileName]) -> BTreeMap<SegmentId, PathBuf> {
    let segments = names.iter().filter_map(|name| match name {
        FileName::Finished(kind @ FileKind::Segment(id)) => Some((*id, directory.join(kind.name()))),
        _ => None,
    });
    segments.collect()
}

/// Holds the database's lock, so that nothing changes while it is read. A copy without a lock file, or on a medium that cannot be
/// written, has no opener either.
fn lock(directory: &Path) -> Outcome<Option<Box<dyn FileLock>>> {
    let path = directory.join(FileKind::Lock.name());
    if !path.exists() {
        return Ok(None);
    }
    match OsFs.lock(&path) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(Failure::refused(format!("{} is held by another opener", path.display())))
        }
        Err(_) => Ok(None),
    }
}

//! Making, finding and dropping keyspaces of an open database.
//!
//! **Create.** The tree first, then the catalog, then use: once a frame names an id, the catalog knows it
//! (INV-KEYSPACE-2); a crash in between leaves a folder that nothing names, removed at the next open. **Drop.** The
//! catalog first; then the keyspace leaves the registry, and its files go with its last handle, scan, snapshot or job.
//! Frames that still name it are skipped at replay, as its id is below the catalog's next one and never reused
//! (INV-KEYSPACE-1).
//!
//! A change of the catalog that fails turns the database read-only until the catalog is settled: writes might go to a
//! keyspace that the next opening does not know.
//!
//! Both hold the catalog's lock throughout, so they come one at a time.
//!
//! Not here: the catalog's file ([`crate::catalog`]).

use std::sync::Arc;

use esker_format::catalog::KeyspaceRecord;
use esker_tree::ready_made_extractor;

use crate::background;
use crate::catalog::CatalogFile;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::history;
use crate::options::KeyspaceOptions;
use crate::state::KeyspaceState;

/// The name of the keyspace that methods of the database act on.
pub(crate) const DEFAULT_KEYSPACE: &str = "default";
const MAX_NAME_BYTES: usize = 255;

/// The keyspace of this name, made if there is none.
pub(crate) fn open_or_create(
    core: &Core,
    name: &str,
    options: &KeyspaceOptions,
) -> Result<Arc<KeyspaceState>> {
    check_name(name)?;
    core.health.check_open()?;
    let ttl_millis = options.ttl_millis()?;
    let mut catalog = core.catalog();
    if let Some(found) = core.registry.find(name) {
        if let Some(record) = catalog.keyspace(found.id) {
            check_names(record, options)?;
            check_extractor(record, options)?;
            check_operator(record, options)?;
        }
        if let Some(millis) = ttl_millis {
            change_ttl(core, &mut catalog, &found, millis)?;
        }
        return Ok(found);
    }
    core.health.check_writable()?;
    let id = catalog.next_id();
    let keyspace = Arc::new(core.trees.create(id, name, options)?);
    keyspace.set_ttl_millis(ttl_millis.unwrap_or_default());
    if let Some(horizon) = history::horizon(core) {
        keyspace.tree.set_feed_horizon(Some(horizon)).map_err(|error| keyspace.error(error))?;
    }
    let added = catalog.add(options.record(name, core.clock.unix_millis()));
    added.inspect_err(|error| core.fail(Error::clone(error)))?;
    core.registry.add(Arc::clone(&keyspace));
    Ok(keyspace)
}

/// Changes how long values of a keyspace live that are put from now on without saying so.
pub(crate) fn set_ttl(core: &Core, keyspace: &KeyspaceState, millis: u64) -> Result<()> {
    core.health.check_writable()?;
    keyspace.check()?;
    change_ttl(core, &mut core.catalog(), keyspace, millis)
}

/// The catalog first: what is put afterwards must be put so after the next opening, too (INV-KEYSPACE-9).
fn change_ttl(core: &Core, catalog: &mut CatalogFile, keyspace: &KeyspaceState, millis: u64) -> Result<()> {
    if keyspace.ttl_millis() == millis {
        return Ok(());
    }
    core.health.check_writable()?;
    catalog.set_ttl_millis(keyspace.id, millis).inspect_err(|error| core.fail(Error::clone(error)))?;
    keyspace.set_ttl_millis(millis);
    Ok(())
}

/// Forgets a keyspace with all it holds.
pub(crate) fn drop_keyspace(core: &Core, name: &str) -> Result<()> {
    if name == DEFAULT_KEYSPACE {
        return Err(Error::InvalidKeyspaceName { name: name.to_owned() });
    }
    core.health.check_writable()?;
    let mut catalog = core.catalog();
    let found = core.registry.find(name).ok_or_else(|| Error::KeyspaceNotFound { name: name.to_owned() })?;
    catalog.remove(found.id).inspect_err(|error| core.fail(Error::clone(error)))?;
    core.registry.remove(found.id);
    drop(catalog);
    // It may have been the one that held the log.
    background::free_log(core)
}

/// Refuses names that no keyspace may have.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Error::InvalidKeyspaceName { name: name.to_owned() });
    }
    Ok(())
}

/// Refuses a comparator, a merge operator or a prefix extractor other than the one that the keyspace was made with, or got since
/// (INV-KEYSPACE-7). One that had no operator or extractor may get one.
pub(crate) fn check_names(record: &KeyspaceRecord, options: &KeyspaceOptions) -> Result<()> {
    let given = options.comparator_name();
    if record.comparator != given {
        return Err(Error::WrongComparator {
            keyspace: record.name.clone(),
            stored: record.comparator.clone(),
            given: given.to_owned(),
        });
    }
    if record.merge_operator.is_some() {
        check_operator(record, options)?;
    }
    if record.prefix_extractor.is_some() { check_extractor(record, options) } else { Ok(()) }
}

/// Refuses any merge operator but the one that the catalog names.
fn check_operator(record: &KeyspaceRecord, options: &KeyspaceOptions) -> Result<()> {
    let given = options.merge_operator_name();
    if record.merge_operator.as_deref() == given {
        return Ok(());
    }
    Err(Error::WrongMergeOperator {
        keyspace: record.name.clone(),
        stored: record.merge_operator.clone(),
        given: given.map(str::to_owned),
    })
}

/// Refuses any prefix extractor but the one that the catalog names; a ready-made one need not be given again.
fn check_extractor(record: &KeyspaceRecord, options: &KeyspaceOptions) -> Result<()> {
    let given = options.prefix_extractor_name();
    let is_known = || record.prefix_extractor.as_deref().and_then(ready_made_extractor).is_some();
    if record.prefix_extractor.as_deref() == given || given.is_none() && is_known() {
        return Ok(());
    }
    Err(Error::WrongPrefixExtractor {
        keyspace: record.name.clone(),
        stored: record.prefix_extractor.clone(),
        given: given.map(str::to_owned),
    })
}

//! Names that are stored with a tree: what is no name is refused before anything is touched (INV-TREE-8).
//!
//! The names of comparator, merge operator and prefix extractor go into manifests and tables, whose fields hold
//! [`MAX_NAME_BYTES`]. A longer one would be written and never read again; an empty one says nothing of what it names.
//!
//! Not here: whether a name is the stored one ([`crate::open`]).

use esker_format::limits::MAX_NAME_BYTES;

use crate::error::{Error, Result};
use crate::options::Config;

/// Refuses names that cannot be stored.
pub(crate) fn check(config: &Config) -> Result<()> {
    let names = [
        ("comparator", Some(config.order.name())),
        ("merge operator", config.merge_operator_name()),
        ("prefix extractor", config.prefix_extractor.as_ref().map(|extractor| extractor.name())),
    ];
    for (what, name) in names {
        if let Some(name) = name.filter(|name| name.is_empty() || name.len() > MAX_NAME_BYTES) {
            return Err(Error::InvalidName { what, len: name.len() });
        }
    }
    Ok(())
}

//! `architecture.toml`: which file stands on which floor, who may use whom, where unsafe code may live.
//!
//! An entry of a floor is a path below the crate's `src`: `error.rs` is that file alone, `filter` (no ending) is the
//! module with everything in its folder. The longest matching entry wins, so a folder can be declared as a whole and
//! one file of it put elsewhere. Floors are listed from the lowest to the highest.
//!
//! Not here: the rules that use this ([`crate::arch::floors`], [`crate::arch::code`], [`crate::arch::manifest`]).

use serde::Deserialize;

/// The whole declaration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Architecture {
    /// Crates, lowest first.
    #[serde(rename = "crate")]
    pub(crate) crates: Vec<CrateRules>,
}

/// What one crate may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrateRules {
    /// Package name.
    pub(crate) name: String,
    /// Folder from the root.
    pub(crate) path: String,
    /// Workspace crates that `[dependencies]` may name.
    #[serde(default)]
    pub(crate) depends: Vec<String>,
    /// Workspace crates that `[dev-dependencies]` may name besides.
    #[serde(default)]
    pub(crate) dev_depends: Vec<String>,
    /// A library's code must not panic and must stay small; tools and test support are exempt.
    pub(crate) library: bool,
    /// Whether the crate may call the file system, threads, clock and randomness of `std` itself.
    #[serde(default)]
    pub(crate) touches_os: bool,
    /// Files (from the crate's folder; a trailing `/` means all below) that may hold unsafe code.
    #[serde(default, rename = "unsafe")]
    pub(crate) unsafe_files: Vec<String>,
    /// Floors, lowest first.
    #[serde(default, rename = "floor")]
    pub(crate) floors: Vec<Floor>,
    /// Reasoned exceptions.
    #[serde(default, rename = "allow")]
    pub(crate) allowed: Vec<Allowed>,
}

/// One floor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floor {
    /// What lives here, in a few words.
    pub(crate) name: String,
    /// Entries, see the module doc.
    pub(crate) files: Vec<String>,
    /// Whether files of this floor may import each other (never in a circle).
    #[serde(default)]
    pub(crate) peers: bool,
}

/// A reasoned exception from rule `os` or `panic` for one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    /// `os` or `panic`.
    pub(crate) rule: String,
    /// File from the crate's folder.
    pub(crate) file: String,
    /// Why.
    pub(crate) reason: String,
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the floor.
    pub(crate) floor: usize,
    /// Index of the entry in it.
    pub(crate) entry: usize,
}

impl Architecture {
    /// Reads the declaration.
    pub(crate) fn parse(text: &str) -> Result<Architecture, String> {
        toml::from_str(text).map_err(|error| format!("architecture.toml: {error}"))
    }
}

impl CrateRules {
    /// The floor and entry of the file `below_src`, if it is declared.
    pub(crate) fn place(&self, below_src: &str) -> Option<Place> {
        let mut best: Option<(usize, Place)> = None;
        for (floor, rules) in self.floors.iter().enumerate() {
            for (entry, pattern) in rules.files.iter().enumerate() {
                let longer = best.is_none_or(|(length, _)| pattern.len() > length);
                if longer && covers(pattern, below_src) {
                    best = Some((pattern.len(), Place { floor, entry }));
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// Whether `file` (from the crate's folder) may hold unsafe code.
    pub(crate) fn may_be_unsafe(&self, file: &str) -> bool {
        self.unsafe_files.iter().any(|fence| match fence.strip_suffix('/') {
            Some(_) => file.starts_with(fence.as_str()),
            None => file == fence,
        })
    }
}

/// Whether the entry `pattern` covers the file `below_src`.
pub(crate) fn covers(pattern: &str, below_src: &str) -> bool {
    match below_src.strip_prefix(pattern) {
        Some("") => true,
        Some(".rs") => true,
        Some(rest) => !pattern.ends_with(".rs") && rest.starts_with('/'),
        None => false,
    }
}

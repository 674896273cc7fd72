//! The files that the rules look at, in memory.
//!
//! Paths are relative to the repository root, with `/`. [`Workspace::load`] reads them from disk; tests build one from
//! literals, so every rule is tested without a disk.
//!
//! Not here: what is in them ([`crate::arch::source`]).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Every text file of the repository that a rule reads, by path.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Path relative to the root, with `/` → content.
    pub(crate) files: BTreeMap<String, String>,
}

impl Workspace {
    /// Reads `architecture.toml`, the documents and every `.rs` and `Cargo.toml` of the workspace's crates.
    pub(crate) fn load(root: &Path) -> io::Result<Workspace> {
        let mut workspace = Workspace::default();
        for name in ["architecture.toml", "Cargo.toml", "docs/INVARIANTS.md", "docs/DEPENDENCIES.md"] {
            workspace.files.insert(name.to_owned(), fs::read_to_string(root.join(name))?);
        }
        for folder in ["crates", "xtask", "fuzz"] {
            workspace.walk(root, folder)?;
        }
        Ok(workspace)
    }

    fn walk(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        let path = root.join(folder);
        if !path.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    self.walk(root, &path)?;
                }
            } else if name.ends_with(".rs") || name == "Cargo.toml" {
                self.files.insert(path, fs::read_to_string(entry.path())?);
            }
        }
        Ok(())
    }

    /// The `.rs` files under `folder` (without a trailing slash), with their paths below it.
    pub(crate) fn rust_under<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let prefix = format!("{folder}/");
        self.files.iter().filter_map(move |(path, text)| {
            let below = path.strip_prefix(prefix.as_str())?;
            below.ends_with(".rs").then_some((below, text.as_str()))
        })
    }
}

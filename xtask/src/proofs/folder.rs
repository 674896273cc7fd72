//! A fresh folder for a proof's database: removed when the proof held, kept for a look when it did not.

use std::fs;
use std::path::{Path, PathBuf};

/// Runs `proof` in a fresh folder below `chosen`, or below `target/proofs`.
pub(crate) fn in_fresh_folder(
    name: &str,
    chosen: Option<&Path>,
    proof: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let parent = chosen.map_or_else(default_parent, Path::to_path_buf);
    let folder = parent.join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    match proof(&folder) {
        Ok(()) => fs::remove_dir_all(&folder)
            .map_err(|error| format!("cannot remove {}: {error}", folder.display())),
        Err(problem) => Err(format!("{problem}\nthe database is kept in {}", folder.display())),
    }
}

/// Bytes of the files below `folder`, as allocated on disk where the system tells.
pub(crate) fn disk_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => allocated(&metadata),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(unix)]
fn allocated(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

fn default_parent() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("proofs")
}

//! Making folders whose names outlive a power loss.

use std::io;
use std::path::{Path, PathBuf};

use crate::fs::Fs;

/// Creates a directory and every missing one above it; their names are durable when this returns. Existing ones are no error.
///
/// # Errors
/// As [`Fs::create_dir_all`] and [`Fs::sync_dir`].
pub fn create_durably(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    let mut made: Vec<PathBuf> = Vec::new();
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if fs.exists(folder)? {
            break;
        }
        made.push(folder.to_path_buf());
    }
    fs.create_dir_all(path)?;
    // The outermost first: then nothing durable hangs on what is not.
    for folder in made.iter().rev() {
        match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => fs.sync_dir(parent)?,
            _ => fs.sync_dir(Path::new("."))?,
        }
    }
    Ok(())
}

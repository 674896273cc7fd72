//! The disk below the databases: it must be a real one with enough room.

use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::Outcome;

/// Room that an engine may take for each byte of user data: the worst seen is 3, and writes pass through more.
const ROOM_FACTOR: u64 = 6;
/// Room on top of it, for logs that are made in advance.
const ROOM_BYTES: u64 = 1 << 30;

/// Refuses a disk in memory, which would flatter everyone who syncs, and one without room for a run.
pub fn check(folder: &Path, user_bytes: u64) -> Outcome<()> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if let Some(kind) = kind_of_mount(&mounts, &folder).filter(|kind| *kind == "tmpfs" || *kind == "ramfs") {
        return Err(format!("{} is on {kind}; give --dir a real disk", folder.display()).into());
    }
    let status = rustix::fs::statvfs(&folder)?;
    let (free, needed) = (status.f_bavail * status.f_frsize, user_bytes * ROOM_FACTOR + ROOM_BYTES);
    if free < needed {
        let mib = |bytes: u64| bytes >> 20;
        let folder = folder.display();
        let text = format!(
            "{folder} has {} MiB free and a run may need {}; give --dir another disk, or fewer --keys",
            mib(free),
            mib(needed)
        );
        return Err(text.into());
    }
    Ok(())
}

/// The file system that a folder is on, by the text of `/proc/mounts`.
fn kind_of_mount<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((PathBuf::from(words.next()?), words.next()?))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.as_os_str().len())
        .map(|(_, kind)| kind)
}

/// Bytes allocated on disk below `folder`. Files that vanish meanwhile do not count.
pub fn bytes_below(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { bytes_below(&entry.path()) } else { metadata.blocks() * 512 })
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{check, kind_of_mount};

    #[test]
    fn the_longest_mount_point_above_a_folder_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n";
        assert_eq!(kind_of_mount(mounts, Path::new("/home/me")), Some("ext4"));
        assert_eq!(kind_of_mount(mounts, Path::new("/tmp/x")), Some("tmpfs"));
        assert_eq!(kind_of_mount(mounts, Path::new("/tmp/disk/x")), Some("xfs"));
    }

    #[test]
    fn a_disk_without_room_is_refused_by_name() {
        let here = std::env::temp_dir();
        let refusal = check(&here, 1 << 60).expect_err("no disk has that").to_string();
        assert!(refusal.contains("free") || refusal.contains("tmpfs"), "{refusal}");
    }
}

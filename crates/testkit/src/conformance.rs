//! One suite of behaviour that every [`Fs`] must show, so that a test on one says something about the others.
//!
//! [`CASES`] lists the cases; each gets a file system and an empty directory of its own, and panics when the file
//! system misbehaves. An optional ability (`reflink`, `punch_hole`, `map_log`) may answer `Unsupported`, and must then leave
//! no trace.
//!
//! Not here: durability, which only a crash can show ([`crate::fault_fs`]), and running full, which needs a small
//! disk (the tests of `MemFs` and `FaultFs`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test suite: a panic is its way to report"
)]

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use esker_env::duplicate::{Way, copy_start, duplicate};
use esker_env::folder::create_durably;
use esker_env::fs::{Access, Fs, FsFile, OpenOptions};
use esker_env::sync_mode::SyncMode;

/// A case: a file system, and an empty directory in it.
pub type Case = fn(&dyn Fs, &Path);

/// All cases by name.
pub const CASES: &[(&str, Case)] = &[
    ("open_modes", open_modes),
    ("open_errors", open_errors),
    ("access_rights", access_rights),
    ("positional_io", positional_io),
    ("lengths", lengths),
    ("preallocation", preallocation),
    ("holes", holes),
    ("mapped_logs", mapped_logs),
    ("directories", directories),
    ("renames", renames),
    ("rename_refusals", rename_refusals),
    ("removal_while_open", removal_while_open),
    ("hard_links", hard_links),
    ("reflinks", reflinks),
    ("duplicates", duplicates),
    ("in_place", in_place),
    ("folders", folders),
    ("locks", locks),
    ("many_readers", many_readers),
];

/// Runs every case, each in a fresh directory under `root`, which must exist.
pub fn run_all(fs: &dyn Fs, root: &Path) {
    for (name, case) in CASES {
        let dir = root.join(name);
        fs.create_dir_all(&dir).unwrap();
        case(fs, &dir);
    }
}

fn put(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Arc<dyn FsFile> {
    let file = fs.open(path, &OpenOptions::create_new()).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

fn get(fs: &dyn Fs, path: &Path) -> Vec<u8> {
    read_all(&*fs.open(path, &OpenOptions::read_only()).unwrap())
}

fn read_all(file: &dyn FsFile) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().map_or_else(|| unreachable!("the call should have failed"), |error| error.kind())
}

fn open_modes(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    put(fs, &path, b"bytes");
    assert_eq!(kind(fs.open(&path, &OpenOptions::create_new())), ErrorKind::AlreadyExists);
    assert_eq!(read_all(&*fs.open(&path, &OpenOptions::create()).unwrap()), b"bytes");
    assert_eq!(read_all(&*fs.open(&path, &OpenOptions::read_write()).unwrap()), b"bytes");
    let truncate = OpenOptions { truncate: true, ..OpenOptions::create() };
    assert!(fs.open(&path, &truncate).unwrap().is_empty().unwrap());
    assert_eq!(fs.metadata(&path).unwrap().len, 0);
    fs.open(&dir.join("other"), &truncate).unwrap();
    assert!(fs.exists(&dir.join("other")).unwrap());
}

fn open_errors(fs: &dyn Fs, dir: &Path) {
    let missing = dir.join("missing");
    assert_eq!(kind(fs.open(&missing, &OpenOptions::read_only())), ErrorKind::NotFound);
    assert_eq!(kind(fs.open(&missing, &OpenOptions::read_write())), ErrorKind::NotFound);
    assert_eq!(kind(fs.open(&missing.join("deeper"), &OpenOptions::create())), ErrorKind::NotFound);
    assert!(!fs.exists(&missing).unwrap());
    assert_eq!(kind(fs.metadata(&missing)), ErrorKind::NotFound);
    assert_eq!(kind(fs.open(dir, &OpenOptions::read_only())), ErrorKind::IsADirectory);
    assert_eq!(kind(fs.open(dir, &OpenOptions::read_write())), ErrorKind::IsADirectory);

    let nothing = OpenOptions::default();
    assert_eq!(kind(fs.open(&missing, &nothing)), ErrorKind::InvalidInput);
    for change in [
        OpenOptions { create: true, ..OpenOptions::read_only() },
        OpenOptions { create_new: true, ..OpenOptions::read_only() },
        OpenOptions { truncate: true, ..OpenOptions::read_only() },
    ] {
        assert_eq!(kind(fs.open(&missing, &change)), ErrorKind::InvalidInput, "{change:?}");
    }

    let file = dir.join("file");
    put(fs, &file, b"");
    assert_eq!(kind(fs.open(&file.join("below"), &OpenOptions::create())), ErrorKind::NotADirectory);
}

fn access_rights(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    put(fs, &path, b"bytes");
    let reader = fs.open(&path, &OpenOptions::read_only()).unwrap();
    assert!(reader.write_all_at(b"x", 0).is_err());
    assert!(reader.set_len(0).is_err());
    let writer = fs.open(&path, &OpenOptions { write: true, ..OpenOptions::default() }).unwrap();
    assert!(writer.read_at(&mut [0; 1], 0).is_err());
    assert_eq!(read_all(&*reader), b"bytes");
}

fn positional_io(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    let file = put(fs, &path, b"0123456789");
    let mut buf = [0; 4];
    assert_eq!(file.read_at(&mut buf, 3).unwrap(), 4);
    assert_eq!(&buf, b"3456");
    file.write_all_at(b"ab", 4).unwrap();
    assert_eq!(read_all(&*file), b"0123ab6789");

    // Past the end: nothing to read, an exact read says so, a write fills the gap with zeros.
    assert_eq!(file.read_at(&mut buf, 8).unwrap(), 2);
    assert_eq!(file.read_at(&mut buf, 10).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, 1_000).unwrap(), 0);
    assert_eq!(kind(file.read_exact_at(&mut buf, 8)), ErrorKind::UnexpectedEof);
    assert_eq!(kind(file.read_exact_at(&mut buf, 1_000)), ErrorKind::UnexpectedEof);
    file.read_exact_at(&mut [], 1_000).unwrap();
    file.write_all_at(b"", 1_000).unwrap();
    assert_eq!(file.len().unwrap(), 10, "an empty write grows nothing");
    file.write_all_at(b"end", 5_000).unwrap();
    assert_eq!(file.len().unwrap(), 5_003);
    let bytes = get(fs, &path);
    assert!(bytes[10..5_000].iter().all(|&byte| byte == 0));
    assert_eq!(&bytes[5_000..], b"end");

    SyncMode::Normal.sync(&*file).unwrap();
    SyncMode::Full.sync(&*file).unwrap();
    for access in [Access::Random, Access::Sequential, Access::WillNeed, Access::DontNeed] {
        file.advise(access).unwrap();
    }
    assert_eq!(get(fs, &path), bytes);
}

fn lengths(fs: &dyn Fs, dir: &Path) {
    let file = put(fs, &dir.join("file"), b"0123456789");
    file.set_len(4).unwrap();
    assert_eq!(read_all(&*file), b"0123");
    file.set_len(8).unwrap();
    assert_eq!(read_all(&*file), b"0123\0\0\0\0", "what was cut off must not come back");
    file.set_len(0).unwrap();
    assert!(file.is_empty().unwrap());
}

fn preallocation(fs: &dyn Fs, dir: &Path) {
    let file = put(fs, &dir.join("file"), b"head");
    file.preallocate(0, 10_000).unwrap();
    assert_eq!(file.len().unwrap(), 10_000);
    let bytes = read_all(&*file);
    assert_eq!(&bytes[..4], b"head");
    assert!(bytes[4..].iter().all(|&byte| byte == 0));
    file.preallocate(100, 100).unwrap();
    assert_eq!(file.len().unwrap(), 10_000, "inside the file nothing grows");
    file.preallocate(10_000, 5).unwrap();
    assert_eq!(file.len().unwrap(), 10_005);
    file.preallocate(20_000, 0).unwrap();
    assert_eq!(file.len().unwrap(), 10_005, "nothing asked for, nothing done");
    assert_eq!(kind(file.preallocate(u64::MAX, 2)), ErrorKind::InvalidInput);
}

fn holes(fs: &dyn Fs, dir: &Path) {
    let file = put(fs, &dir.join("file"), &[7; 20_000]);
    match file.punch_hole(4_096, 8_192) {
        Ok(()) => {
            let bytes = read_all(&*file);
            assert_eq!(bytes.len(), 20_000);
            assert!(bytes[4_096..12_288].iter().all(|&byte| byte == 0));
            assert!(bytes[..4_096].iter().chain(&bytes[12_288..]).all(|&byte| byte == 7));
            file.punch_hole(19_000, 50_000).unwrap();
            assert_eq!(file.len().unwrap(), 20_000, "a hole past the end grows nothing");
            file.punch_hole(30_000, 10).unwrap();
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(read_all(&*file).iter().all(|&byte| byte == 7));
        }
    }
}

fn mapped_logs(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("log");
    let file = put(fs, &path, b"head");
    file.preallocate(0, 1 << 16).unwrap();
    let map = match file.map_log(1 << 16) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(!fs.capabilities(dir).mapped_log);
            return;
        }
        Ok(map) => map,
    };
    assert!(fs.capabilities(dir).mapped_log);
    for len in [12, (1 << 16) + 8, u64::MAX - 7] {
        assert_eq!(kind(file.map_log(len)), ErrorKind::InvalidInput, "{len}");
    }
    let reader = fs.open(&path, &OpenOptions::read_only()).unwrap();
    assert!(reader.map_log(1 << 16).is_err(), "a file that cannot be written");

    // The map and the file are the same bytes, and pages made ready keep theirs.
    map.write_at(&[1; 4096], 4088).unwrap();
    file.write_all_at(&[2; 100], 5000).unwrap();
    match map.populate(4096..1 << 16) {
        Ok(()) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
    }
    map.write_at(&[3; 16], 65_520).unwrap();
    map.write_at(&[], 8).unwrap();
    map.sync(0..1 << 16).unwrap();
    map.sync(4088..8184).unwrap();
    let mut expected = vec![0; 1 << 16];
    expected[..4].copy_from_slice(b"head");
    expected[4088..8184].fill(1);
    expected[5000..5100].fill(2);
    expected[65_520..].fill(3);
    assert_eq!(read_all(&*reader), expected);

    for (len, offset) in [(8, 4), (12, 8), (16, 65_528), (8, 1 << 16), (8, u64::MAX - 7)] {
        assert_eq!(kind(map.write_at(&[9; 16][..len], offset)), ErrorKind::InvalidInput, "{len} at {offset}");
    }
    assert_eq!(kind(map.populate(0..(1 << 16) + 1)), ErrorKind::InvalidInput);
    assert_eq!(kind(map.sync(0..(1 << 16) + 1)), ErrorKind::InvalidInput);
    drop(file);
    map.write_at(&[4; 8], 0).unwrap();
    expected[..8].fill(4);
    assert_eq!(read_all(&*reader), expected, "a map outlives the file that it came from");
}

fn directories(fs: &dyn Fs, dir: &Path) {
    let deep = dir.join("a/b/c");
    fs.create_dir_all(&deep).unwrap();
    fs.create_dir_all(&deep).unwrap();
    assert!(fs.metadata(&deep).unwrap().is_dir);
    for name in ["z", "m", "a file"] {
        put(fs, &dir.join("a/b").join(name), name.as_bytes());
    }
    let listed: Vec<_> = fs
        .read_dir(&dir.join("a/b"))
        .unwrap()
        .into_iter()
        .map(|entry| (entry.name.into_string().unwrap(), entry.is_dir, entry.len))
        .collect();
    let expected = [("a file", false, 6), ("c", true, 0), ("m", false, 1), ("z", false, 1)];
    assert_eq!(listed, expected.map(|(name, is_dir, len)| (name.to_owned(), is_dir, len)));
    fs.sync_dir(&dir.join("a/b")).unwrap();

    assert_eq!(kind(fs.read_dir(&dir.join("none"))), ErrorKind::NotFound);
    assert_eq!(kind(fs.read_dir(&dir.join("a/b/z"))), ErrorKind::NotADirectory);
    assert_eq!(kind(fs.sync_dir(&dir.join("none"))), ErrorKind::NotFound);
    assert_eq!(kind(fs.sync_dir(&dir.join("a/b/z"))), ErrorKind::NotADirectory);
    assert!(fs.create_dir_all(&dir.join("a/b/z")).is_err(), "a file is in the way");
    assert!(fs.create_dir_all(&dir.join("a/b/z/below")).is_err(), "a file is in the way");

    assert_eq!(kind(fs.remove_dir(&dir.join("a/b"))), ErrorKind::DirectoryNotEmpty);
    assert_eq!(kind(fs.remove_dir(&dir.join("a/b/z"))), ErrorKind::NotADirectory);
    assert_eq!(kind(fs.remove_dir(&dir.join("none"))), ErrorKind::NotFound);
    assert!(fs.remove_file(&deep).is_err(), "a directory is no file");
    fs.remove_dir(&deep).unwrap();
    assert!(!fs.exists(&deep).unwrap());
    assert_eq!(kind(fs.remove_file(&dir.join("none"))), ErrorKind::NotFound);
    fs.space(dir).unwrap();
}

fn renames(fs: &dyn Fs, dir: &Path) {
    let (old, new) = (dir.join("old"), dir.join("new"));
    put(fs, &old, b"old");
    fs.rename(&old, &new).unwrap();
    assert!(!fs.exists(&old).unwrap());
    assert_eq!(get(fs, &new), b"old");

    // Over a file that someone reads: the reader keeps the old bytes, a new reader gets the new ones.
    let reader = fs.open(&new, &OpenOptions::read_only()).unwrap();
    put(fs, &old, b"newer");
    fs.rename(&old, &new).unwrap();
    assert_eq!(read_all(&*reader), b"old");
    assert_eq!(get(fs, &new), b"newer");
    fs.rename(&new, &new).unwrap();
    assert_eq!(get(fs, &new), b"newer");

    // An open handle follows its file to another directory.
    fs.create_dir_all(&dir.join("sub")).unwrap();
    let writer = fs.open(&new, &OpenOptions::read_write()).unwrap();
    fs.rename(&new, &dir.join("sub/moved")).unwrap();
    writer.write_all_at(b"!", 5).unwrap();
    assert_eq!(get(fs, &dir.join("sub/moved")), b"newer!");
    fs.rename(&dir.join("sub"), &dir.join("sub2")).unwrap();
    assert_eq!(get(fs, &dir.join("sub2/moved")), b"newer!");
}

fn rename_refusals(fs: &dyn Fs, dir: &Path) {
    let (file, sub) = (dir.join("file"), dir.join("sub"));
    put(fs, &file, b"bytes");
    fs.create_dir_all(&sub.join("inside")).unwrap();
    assert_eq!(kind(fs.rename(&dir.join("none"), &file)), ErrorKind::NotFound);
    assert_eq!(kind(fs.rename(&file, &dir.join("none/file"))), ErrorKind::NotFound);
    assert!(fs.rename(&file, &sub).is_err(), "a file does not replace a directory");
    assert!(fs.rename(&sub, &file).is_err(), "a directory does not replace a file");
    assert!(fs.rename(&sub, &sub.join("inside/deeper")).is_err(), "a directory cannot contain itself");
    assert_eq!(get(fs, &file), b"bytes");
    assert!(fs.exists(&sub.join("inside")).unwrap());
}

fn removal_while_open(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    let first = put(fs, &path, b"first");
    fs.remove_file(&path).unwrap();
    assert!(!fs.exists(&path).unwrap());
    put(fs, &path, b"second");
    assert_eq!(read_all(&*first), b"first");
    first.write_all_at(b"FIRST", 0).unwrap();
    first.sync_data().unwrap();
    assert_eq!(read_all(&*first), b"FIRST");
    assert_eq!(get(fs, &path), b"second");
}

fn hard_links(fs: &dyn Fs, dir: &Path) {
    let (a, b) = (dir.join("a"), dir.join("b"));
    let file = put(fs, &a, b"bytes");
    fs.hard_link(&a, &b).unwrap();
    assert_eq!(kind(fs.hard_link(&a, &b)), ErrorKind::AlreadyExists);
    assert_eq!(kind(fs.hard_link(&dir.join("none"), &dir.join("c"))), ErrorKind::NotFound);
    file.write_all_at(b"B", 0).unwrap();
    assert_eq!(get(fs, &b), b"Bytes", "both names are one file");
    fs.rename(&a, &b).unwrap();
    assert!(fs.exists(&a).unwrap(), "renaming one name over the other does nothing, says POSIX");
    fs.remove_file(&a).unwrap();
    assert_eq!(get(fs, &b), b"Bytes");
}

fn reflinks(fs: &dyn Fs, dir: &Path) {
    let (a, b) = (dir.join("a"), dir.join("b"));
    let file = put(fs, &a, b"bytes");
    match fs.reflink(&a, &b) {
        Ok(()) => {
            file.write_all_at(b"B", 0).unwrap();
            assert_eq!(get(fs, &b), b"bytes", "a reflink is a copy");
            assert_eq!(kind(fs.reflink(&a, &b)), ErrorKind::AlreadyExists);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(!fs.exists(&b).unwrap());
        }
    }
}

/// Written in place or not, the bytes are the same, also those of copies; and the hint is no reason to refuse anything.
fn in_place(fs: &dyn Fs, dir: &Path) {
    let src = dir.join("src");
    let file = fs.open(&src, &OpenOptions::create_new().with_in_place(true)).unwrap();
    file.write_all_at(b"0123456789", 0).unwrap();
    assert_eq!(get(fs, &src), b"0123456789");
    for (name, way) in [("reflink", Way::Reflink), ("copy", Way::Copy)] {
        let dst = dir.join(name);
        duplicate(fs, &src, &dst, &[way, Way::Copy], SyncMode::Normal).unwrap();
        assert_eq!(get(fs, &dst), b"0123456789");
    }
    // A file that is there has content, and stays as it was made.
    let usual = put(fs, &dir.join("usual"), b"bytes");
    let again = fs.open(&dir.join("usual"), &OpenOptions::create().with_in_place(true)).unwrap();
    again.write_all_at(b"BY", 0).unwrap();
    assert_eq!(read_all(&*usual), b"BYtes");
    assert_eq!(kind(fs.open(&src, &OpenOptions::create_new().with_in_place(true))), ErrorKind::AlreadyExists);
}

fn folders(fs: &dyn Fs, dir: &Path) {
    let deep = dir.join("a/b/c");
    create_durably(fs, &deep).unwrap();
    create_durably(fs, &deep).unwrap();
    assert!(fs.metadata(&deep).unwrap().is_dir);
    put(fs, &dir.join("file"), b"");
    assert!(create_durably(fs, &dir.join("file/folder")).is_err());
}

fn duplicates(fs: &dyn Fs, dir: &Path) {
    let src = dir.join("src");
    let file = put(fs, &src, b"bytes");
    for (name, ways) in [("link", [Way::Link, Way::Copy]), ("reflink", [Way::Reflink, Way::Copy])] {
        let dst = dir.join(name);
        let way = duplicate(fs, &src, &dst, &ways, SyncMode::Normal).unwrap();
        assert!(ways.contains(&way));
        assert_eq!(get(fs, &dst), b"bytes");
        assert_eq!(kind(duplicate(fs, &src, &dst, &ways, SyncMode::Normal)), ErrorKind::AlreadyExists);
        assert_eq!(get(fs, &dst), b"bytes", "what was there stays");
    }
    let copy = dir.join("copy");
    assert_eq!(duplicate(fs, &src, &copy, &[Way::Copy], SyncMode::Full).unwrap(), Way::Copy);
    assert_eq!(copy_start(fs, &src, &dir.join("start"), 3, SyncMode::Normal).unwrap(), 3);
    assert_eq!(copy_start(fs, &src, &dir.join("all"), 99, SyncMode::Full).unwrap(), 5);
    file.write_all_at(b"B", 0).unwrap();
    assert_eq!(get(fs, &copy), b"bytes", "a copy is a file of its own");
    assert_eq!(get(fs, &dir.join("start")), b"byt");
    assert_eq!(kind(duplicate(fs, &src, &dir.join("none"), &[], SyncMode::Normal)), ErrorKind::InvalidInput);
    assert_eq!(
        kind(duplicate(fs, &dir.join("gone"), &dir.join("none"), &[Way::Copy], SyncMode::Normal)),
        ErrorKind::NotFound
    );
    assert!(!fs.exists(&dir.join("none")).unwrap());
}

/// INV-ENV-4: one holder, whoever asks.
fn locks(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("LOCK");
    let held = fs.lock(&path).unwrap();
    assert_eq!(kind(fs.lock(&path)), ErrorKind::WouldBlock);
    assert_eq!(kind(fs.lock(&path)), ErrorKind::WouldBlock, "a refusal must not let go of the lock");
    let other = fs.lock(&dir.join("LOCK2")).unwrap();
    drop(held);
    let held = fs.lock(&path).unwrap();
    drop((held, other));
    assert!(fs.exists(&path).unwrap(), "the file stays");
    assert_eq!(kind(fs.lock(&dir.join("none/LOCK"))), ErrorKind::NotFound);
}

/// INV-ENV-2: readers share one handle, since there is no cursor to share.
fn many_readers(fs: &dyn Fs, dir: &Path) {
    let pattern: Vec<u8> = (0..=255).cycle().take(64 * 1024).collect();
    let file = put(fs, &dir.join("file"), &pattern);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (file, pattern) = (&file, &pattern);
            scope.spawn(move || {
                let mut buf = [0; 100];
                for step in 0..200 {
                    let at = (thread * 7_919 + step * 311) % (pattern.len() - buf.len());
                    file.read_exact_at(&mut buf, at as u64).unwrap();
                    assert_eq!(buf, pattern[at..at + buf.len()]);
                }
            });
        }
    });
}

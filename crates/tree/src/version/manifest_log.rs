//! The manifest on disk: a log of version edits, and `CURRENT` that names it.
//!
//! - *Append*: one edit, one frame, one sync. Each frame says how far the file was synced before it.
//! - *Rotate*: when the file has grown, a new one begins with the whole tree as one edit. Write it, sync it, sync the
//!   folder, then write `CURRENT` anew beside the old, sync it, rename it over, sync the folder, and only then
//!   delete the old manifest (INV-TREE-5).
//! - *Recover*: replay the edits. A bad frame ends them: it is the torn tail of an edit that was never acknowledged,
//!   unless a later frame says that this place had been synced. Then it is damage, and the strict mode refuses it.
//!
//! An append that fails leaves the end of the file unknown. The next one rotates first, so that nothing is ever
//! written behind a bad frame.
//!
//! Not here: the structure of an edit ([`esker_format::manifest`]), and of frames ([`esker_format::log`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::{FsFile, OpenOptions, SharedFs};
use esker_env::random::Random;
use esker_env::sync_mode::SyncMode;
use esker_format::current::{decode_current, encode_current};
use esker_format::error::DecodeError;
use esker_format::file_name::FileKind;
use esker_format::ids::{LogId, ManifestId, SegmentId};
use esker_format::log::frame::{FrameAt, FrameMeta, LogPosition, append_frame};
use esker_format::log::header::{LOG_HEADER_BYTES, LogHeader, LogKind};
use esker_format::log::scan::LogBytes;
use esker_format::manifest::VersionEdit;

use crate::error::{Error, Result};
use crate::version::replay::Replay;

/// The longest manifest that is read: one of more bytes is not ours.
const MAX_MANIFEST_BYTES: u64 = 1 << 32;

/// What a manifest said, put together.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The tree as one edit.
    pub(crate) state: VersionEdit,
    /// The manifest that said so.
    pub(crate) id: ManifestId,
    /// Edits were left out because of damage before them.
    pub(crate) is_damaged: bool,
}

/// The manifest that is written to.
pub(crate) struct ManifestLog {
    fs: SharedFs,
    folder: PathBuf,
    random: Arc<dyn Random>,
    /// The size from which on the file is written anew.
    rotate_bytes: u64,
    sync_mode: SyncMode,
    id: ManifestId,
    log: LogId,
    file: Option<Arc<dyn FsFile>>,
    /// Where the next frame goes; everything before is synced.
    end: u64,
    /// What the file held when it was begun.
    begun_bytes: u64,
    buffer: Vec<u8>,
}

/// Reads the manifest that `CURRENT` names in `folder`. With `strict`, damage is refused; without, edits count up to it.
pub(crate) fn recover(fs: &SharedFs, folder: &Path, strict: bool) -> Result<Recovered> {
    let current = folder.join(FileKind::Current.name());
    let pointer = read_file(fs, &current)?;
    let id = ManifestId(decode_current(&pointer).map_err(|e| Error::corrupt(&current, e))?);
    let path = folder.join(FileKind::Manifest(id).name());
    let bytes = read_file(fs, &path)?;
    let corrupt = |e: DecodeError| Error::corrupt(&path, e);
    let header = LogHeader::decode(&bytes).map_err(corrupt)?;
    if header.kind != LogKind::Manifest || header.number != id.0 {
        return Err(corrupt(DecodeError::invalid("log header", 0, "the header is that of this manifest")));
    }
    let log = LogBytes::new(&bytes, 0, header.log);
    let mut frames = log.frames(LOG_HEADER_BYTES as u64);
    let mut replay = Replay::default();
    for frame in frames.by_ref() {
        let edit = VersionEdit::decode(frame.payload).map_err(|e| corrupt(e.shifted(frame.offset)))?;
        replay.apply(edit).map_err(|e| corrupt(e.shifted(frame.offset)))?;
    }
    let mut is_damaged = false;
    if let FrameAt::Bad(error) = frames.end() {
        let here = position(id, frames.offset());
        is_damaged = log.claims_synced(frames.offset(), here).map_err(corrupt)?.is_some();
        if is_damaged && strict {
            return Err(corrupt(error));
        }
    }
    if frames.offset() == LOG_HEADER_BYTES as u64 {
        // The first edit was synced before CURRENT named the file.
        return Err(corrupt(frames.invalid("a manifest begins with an edit")));
    }
    Ok(Recovered { state: replay.finish(), id, is_damaged })
}

fn position(id: ManifestId, offset: u64) -> LogPosition {
    // The number of the manifest fits as long as there are less than four billion of them; it only has to agree with itself.
    LogPosition { segment: SegmentId(u32::try_from(id.0).unwrap_or(u32::MAX)), offset }
}

fn read_file(fs: &SharedFs, path: &Path) -> Result<Vec<u8>> {
    let file = fs.open(path, &OpenOptions::read_only()).map_err(|e| Error::io("open", path, e))?;
    let len = file.len().map_err(|e| Error::io("read", path, e))?;
    if len > MAX_MANIFEST_BYTES {
        return Err(Error::corrupt(path, DecodeError::invalid("manifest", len, "a manifest is under 4 GiB")));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0).map_err(|e| Error::io("read", path, e))?;
    Ok(bytes)
}

impl ManifestLog {
    /// A manifest for `folder` that is yet to be begun.
    pub(crate) fn new(
        fs: &SharedFs,
        folder: &Path,
        random: &Arc<dyn Random>,
        rotate_bytes: u64,
        sync_mode: SyncMode,
    ) -> Self {
        Self {
            fs: Arc::clone(fs),
            folder: folder.to_path_buf(),
            random: Arc::clone(random),
            rotate_bytes,
            sync_mode,
            id: ManifestId::default(),
            log: LogId::default(),
            file: None,
            end: 0,
            begun_bytes: 0,
            buffer: Vec::new(),
        }
    }

    /// The manifest that `CURRENT` names.
    pub(crate) fn id(&self) -> ManifestId {
        self.id
    }

    /// Appends an edit and syncs it. `whole` gives the tree without the edit, for when a new file has to begin.
    pub(crate) fn append(&mut self, edit: &VersionEdit, whole: impl FnOnce() -> VersionEdit) -> Result<()> {
        let full = self.end > self.rotate_bytes.max(2 * self.begun_bytes);
        if full || self.file.is_none() {
            self.begin(self.id.next(), &whole())?;
        }
        // Without a file until the frame is synced: what fails in between leaves the end of the file unknown.
        let Some(file) = self.file.take() else { return Err(Error::Cancelled) };
        self.buffer.clear();
        frame_of(edit, self.id, self.log, self.end, &mut self.buffer);
        let path = self.path(self.id);
        file.write_all_at(&self.buffer, self.end).map_err(|e| Error::io("write", &path, e))?;
        self.sync_mode.sync(&*file).map_err(|e| Error::io("sync", &path, e))?;
        self.end += self.buffer.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// Begins manifest `id` with the whole tree as its first edit, and makes it the current one.
    pub(crate) fn begin(&mut self, id: ManifestId, whole: &VersionEdit) -> Result<()> {
        let old = self.file.take().map(|_| self.id).or((self.id != ManifestId::default()).then_some(self.id));
        let path = self.path(id);
        // Left by a try that failed: nothing names it.
        remove_if_there(&self.fs, &path)?;
        let log = LogId(self.random.next_u64());
        let header = LogHeader { kind: LogKind::Manifest, number: id.0, log, predecessor: None };
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode());
        frame_of(whole, id, log, LOG_HEADER_BYTES as u64, &mut self.buffer);
        let file = self.write_new(&path, &self.buffer)?;
        self.sync_folder()?;
        self.point_to(id)?;
        self.id = id;
        self.log = log;
        self.end = self.buffer.len() as u64;
        self.begun_bytes = self.end;
        self.file = Some(file);
        if let Some(old) = old {
            // What cannot be deleted now is an orphan of the next open.
            let _ = self.fs.remove_file(&self.path(old));
        }
        Ok(())
    }

    /// Makes `CURRENT` name manifest `id`.
    fn point_to(&self, id: ManifestId) -> Result<()> {
        let temporary = self.folder.join(FileKind::Current.temporary_name());
        remove_if_there(&self.fs, &temporary)?;
        self.write_new(&temporary, &encode_current(id.0))?;
        let current = self.folder.join(FileKind::Current.name());
        self.fs.rename(&temporary, &current).map_err(|e| Error::io("rename", &temporary, e))?;
        self.sync_folder()
    }

    /// Writes and syncs a file that must not exist yet.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<Arc<dyn FsFile>> {
        let file =
            self.fs.open(path, &OpenOptions::create_new()).map_err(|e| Error::io("create", path, e))?;
        file.write_all_at(bytes, 0).map_err(|e| Error::io("write", path, e))?;
        self.sync_mode.sync(&*file).map_err(|e| Error::io("sync", path, e))?;
        Ok(file)
    }

    fn sync_folder(&self) -> Result<()> {
        self.fs.sync_dir(&self.folder).map_err(|e| Error::io("sync", &self.folder, e))
    }

    fn path(&self, id: ManifestId) -> PathBuf {
        self.folder.join(FileKind::Manifest(id).name())
    }
}

/// Appends the frame of `edit` that will stand at `offset`.
fn frame_of(edit: &VersionEdit, id: ManifestId, log: LogId, offset: u64, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    edit.encode(&mut payload);
    let meta = FrameMeta { first_seqno: 0, count: 1, synced: position(id, offset) };
    append_frame(out, &meta, log, offset, &payload);
}

fn remove_if_there(fs: &SharedFs, path: &Path) -> Result<()> {
    match fs.remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}

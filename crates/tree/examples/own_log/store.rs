//! A small store that brings its own log: `esker_tree` for the data, a file of its own for durability.
//!
//! A write takes a number, goes to the log, is synced, goes into the tree, and is published, all under one lock. A flush seals the
//! memtable and begins a new log segment under the same lock, so that every segment is either wholly in tables or wholly
//! not; when the tree says that the tables are in, the older segments go. Opening brings back what the segments hold and the
//! tables do not.
//!
//! A record of the log is its length (4 bytes), the xxh3-64 of what follows (8 bytes), its number (8 bytes), 0 for a put or 1
//! for a delete (1 byte), the length of the key (2 bytes), key and value. A bad record ends its segment: it was never
//! acknowledged, nor was anything behind it.
//!
//! The story behind it is told in `docs/guide/bring-your-own-log.md`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_env::clock::Clock;
use esker_env::fs::{FsFile, OpenOptions, SharedFs};
use esker_format::checksum::checksum64;
use esker_tree::{Config, SeqNo, SequenceNumberCounter, SequenceNumberGenerator, Tree, UserValue};

/// What a call of the store returns.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Numbers that tell the time: milliseconds since 1970 in the upper bits, a counter in the lower 16. They rise even if the
/// clock is set back.
pub(crate) struct HybridClock {
    clock: Arc<dyn Clock>,
    next: AtomicU64,
}

impl HybridClock {
    /// Numbers by `clock`.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, next: AtomicU64::new(0) }
    }
}

impl SequenceNumberGenerator for HybridClock {
    fn next(&self) -> SeqNo {
        let now = self.clock.unix_millis() << 16;
        let taken =
            self.next.fetch_update(Ordering::AcqRel, Ordering::Acquire, |next| Some(next.max(now) + 1));
        // The update never declines.
        taken.unwrap_or_default().max(now)
    }

    fn get(&self) -> SeqNo {
        self.next.load(Ordering::Acquire).max(self.clock.unix_millis() << 16)
    }

    fn set(&self, seqno: SeqNo) {
        self.next.store(seqno, Ordering::Release);
    }

    fn fetch_max(&self, seqno: SeqNo) {
        self.next.fetch_max(seqno, Ordering::AcqRel);
    }
}

/// The log: segments with ascending numbers, the last of which is written to.
struct Log {
    fs: SharedFs,
    folder: PathBuf,
    segment: u64,
    file: Arc<dyn FsFile>,
    end: u64,
    /// A write or a sync failed: nobody knows what the file holds, so nothing may follow.
    is_broken: bool,
}

/// One record.
struct Record {
    seqno: SeqNo,
    is_delete: bool,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Record {
    fn encode(&self) -> Result<Vec<u8>> {
        let mut body = self.seqno.to_le_bytes().to_vec();
        body.push(u8::from(self.is_delete));
        body.extend_from_slice(&u16::try_from(self.key.len())?.to_le_bytes());
        body.extend_from_slice(&self.key);
        body.extend_from_slice(&self.value);
        let mut bytes = u32::try_from(body.len())?.to_le_bytes().to_vec();
        bytes.extend_from_slice(&checksum64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// The record at the beginning of `bytes` and its length; `None` if none is there, or not all of it.
    fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let (len, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let body = rest.get(..usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        if checksum64(body) != u64::from_le_bytes(*checksum) {
            return None;
        }
        let (seqno, rest) = body.split_first_chunk()?;
        let (&[kind], rest) = rest.split_first_chunk()?;
        let (key_len, rest) = rest.split_first_chunk()?;
        let (key, value) = rest.split_at_checked(u16::from_le_bytes(*key_len).into())?;
        let record = Self {
            seqno: SeqNo::from_le_bytes(*seqno),
            is_delete: kind == 1,
            key: key.to_vec(),
            value: value.to_vec(),
        };
        Some((record, 12 + body.len()))
    }
}

impl Log {
    /// Begins segment `segment`, durably.
    fn begin(fs: &SharedFs, folder: &Path, segment: u64) -> Result<Self> {
        let file = fs.open(&folder.join(segment_name(segment)), &OpenOptions::create_new())?;
        fs.sync_dir(folder)?;
        let (fs, folder) = (Arc::clone(fs), folder.to_path_buf());
        Ok(Self { fs, folder, segment, file, end: 0, is_broken: false })
    }

    /// Appends a record, and returns once it is on the device.
    fn append(&mut self, record: &Record) -> Result<()> {
        if self.is_broken {
            return Err("the log failed: open the store again".into());
        }
        let bytes = record.encode()?;
        self.is_broken = true;
        self.file.write_all_at(&bytes, self.end)?;
        self.file.sync_data()?;
        self.is_broken = false;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Removes the segments before `segment`.
    fn remove_before(&self, segment: u64) -> Result<()> {
        for old in segments(&self.fs, &self.folder)?.into_iter().filter(|old| *old < segment) {
            self.fs.remove_file(&self.folder.join(segment_name(old)))?;
        }
        Ok(())
    }
}

fn segment_name(segment: u64) -> String {
    format!("{segment:06}.mylog")
}

/// The numbers of the segments in `folder`, ascending.
fn segments(fs: &SharedFs, folder: &Path) -> Result<Vec<u64>> {
    let names = fs.read_dir(folder)?.into_iter();
    let number = |name: &str| name.strip_suffix(".mylog")?.parse().ok();
    let mut segments: Vec<u64> = names.filter_map(|entry| number(entry.name.to_str()?)).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// A durable map of bytes to bytes.
pub(crate) struct Store {
    tree: Tree,
    numbers: Arc<HybridClock>,
    visible: SequenceNumberCounter,
    log: Mutex<Log>,
    flushing: Mutex<()>,
}

impl Store {
    /// Opens the store in `folder`, or makes one. Every write that was acknowledged is there.
    pub(crate) fn open(fs: &SharedFs, clock: &Arc<dyn Clock>, folder: &Path) -> Result<Self> {
        let log_folder = folder.join("log");
        fs.create_dir_all(&log_folder)?;
        fs.sync_dir(folder)?;
        let numbers = Arc::new(HybridClock::new(Arc::clone(clock)));
        let visible = SequenceNumberCounter::default();
        let tree = Config::new_with_generators(
            folder.join("tree"),
            Arc::clone(&numbers) as Arc<dyn SequenceNumberGenerator>,
            Arc::new(visible.clone()),
        )
        .with_shared_fs(Arc::clone(fs))
        .open()?;
        let found = segments(fs, &log_folder)?;
        for segment in &found {
            let mut end = replay(&tree, fs, &log_folder.join(segment_name(*segment)))?;
            end = end.max(visible.get());
            numbers.fetch_max(end);
            visible.fetch_max(end);
        }
        let log = Log::begin(fs, &log_folder, found.last().map_or(1, |last| last + 1))?;
        Ok(Self { tree, numbers, visible, log: Mutex::new(log), flushing: Mutex::new(()) })
    }

    /// Writes a value. It survives a power loss once this returns.
    pub(crate) fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.write(key, value, false)
    }

    /// Deletes a key, as durably.
    pub(crate) fn delete(&self, key: &[u8]) -> Result<()> {
        self.write(key, &[], true)
    }

    fn write(&self, key: &[u8], value: &[u8], is_delete: bool) -> Result<()> {
        let mut log = self.log();
        let seqno = self.numbers.next();
        let record = Record { seqno, is_delete, key: key.to_vec(), value: value.to_vec() };
        log.append(&record)?;
        apply(&self.tree, &record)?;
        // Still under the lock: numbers are published in the order in which they were taken.
        self.visible.set(seqno + 1);
        Ok(())
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<UserValue>> {
        Ok(self.tree.get_latest(key, || self.visible.get())?)
    }

    /// All keys and values.
    pub(crate) fn iter(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let entries = self.tree.range_latest::<&[u8]>(.., || self.visible.get())?;
        let pair = |entry: esker_tree::EntryGuard| -> Result<_> {
            let (key, value) = entry.into_inner()?;
            Ok((key.to_vec(), value.to_vec()))
        };
        entries.map(pair).collect()
    }

    /// Writes the memtable to tables, compacts, and removes the log that is not needed any more.
    pub(crate) fn flush(&self) -> Result<()> {
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (watermark, segment) = {
            let mut log = self.log();
            if log.is_broken {
                return Err("the log failed: open the store again".into());
            }
            *log = Log::begin(&log.fs, &log.folder, log.segment + 1)?;
            self.tree.rotate_memtable();
            (self.visible.get(), log.segment)
        };
        // Writes go on in the next memtable and the next segment. All of what is flushed is synced: there is nothing to do
        // before it is installed.
        while self.tree.flush_oldest::<esker_tree::Error>(watermark, |_| Ok(()))?.is_some() {}
        self.log().remove_before(segment)?;
        while let Some(job) = self.tree.pick_compaction(false) {
            job.run(watermark, &esker_tree::CancelToken::default())?;
        }
        Ok(())
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings back what a segment holds and the tables do not; returns the first number behind it.
fn replay(tree: &Tree, fs: &SharedFs, path: &Path) -> Result<SeqNo> {
    let file = fs.open(path, &OpenOptions::read_only())?;
    let mut bytes = vec![0; usize::try_from(file.len()?)?];
    file.read_exact_at(&mut bytes, 0)?;
    let (mut rest, mut end) = (bytes.as_slice(), 0);
    while let Some((record, len)) = Record::decode(rest) {
        if record.seqno >= tree.replay_floor() {
            apply(tree, &record)?;
        }
        end = record.seqno + 1;
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(end)
}

fn apply(tree: &Tree, record: &Record) -> Result<()> {
    if record.is_delete {
        tree.remove(&record.key, record.seqno)?;
    } else {
        tree.insert(&record.key, &record.value, record.seqno)?;
    }
    Ok(())
}

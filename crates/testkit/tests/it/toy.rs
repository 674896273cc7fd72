//! The smallest database that keeps its promises: a checkpoint, a log, and a pointer to both. It can be told to make
//! one of the mistakes that real ones made, to show that the harness catches each.
//!
//! Files in `/db`: `CURRENT` holds a generation `g`; `checkpoint-g` holds the state at its beginning and `log-g` the
//! batches since, one frame each: length, checksum, payload. Opening replays and begins a new generation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::{FileLock, Fs, FsFile, OpenOptions};
use esker_testkit::enumerate::engine::{Engine, Task};
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::oracle::change::{Ack, Change, Durability, Op, append_merge};
use esker_testkit::oracle::state::State;
use esker_testkit::workload::keys::scramble;

/// A mistake to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// `Sync` is answered without a sync.
    AcknowledgesBeforeSync,
    /// Frames are believed without looking at their checksums.
    TrustsFrames,
    /// Replay goes on behind a bad frame of plausible length.
    SkipsBadFrames,
    /// A new generation is pointed to before its checkpoint is synced.
    PointsBeforeSync,
    /// No sync of the directory after the rename of `CURRENT`, before the old generation is removed.
    ForgetsDirectorySync,
    /// The directory above `/db` is not synced.
    ForgetsOwnName,
    /// Recovery appends to the old log, behind its torn tail.
    AppendsBehindTornTail,
    /// Batches are logged one change at a time.
    SplitsBatches,
    /// Deletes are not logged.
    ForgetsDeletes,
    /// A torn tail is met with a panic.
    PanicsAtTornTail,
    /// Failed writes and syncs are taken for good.
    IgnoresErrors,
}

pub(crate) struct Toy {
    fs: FaultFs,
    mistake: Mistake,
    state: State,
    generation: u64,
    log: Arc<dyn FsFile>,
    log_len: u64,
    buffer: Vec<u8>,
    failed: bool,
    _lock: Box<dyn FileLock>,
}

const DIR: &str = "/db";

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn overwrite(fs: &FaultFs, path: &Path, bytes: &[u8]) -> io::Result<Arc<dyn FsFile>> {
    let file = fs.open(path, &OpenOptions { truncate: true, ..OpenOptions::create() })?;
    file.write_all_at(bytes, 0)?;
    Ok(file)
}

fn read(fs: &FaultFs, path: &Path) -> io::Result<Vec<u8>> {
    let file = fs.open(path, &OpenOptions::read_only())?;
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn checksum(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().fold(1, |word, &byte| (word << 8) | u64::from(byte));
    bytes.chunks(7).fold(0x0065_736B_6572, |sum, chunk| scramble(sum ^ word(chunk)))
}

fn encode(changes: &[Change], forget_deletes: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut put = |kind: u8, change: &Change, key: &[u8], value: &[u8]| {
        payload.push(kind);
        payload.extend(change.keyspace.to_le_bytes());
        for part in [key, value] {
            payload.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
            payload.extend(part);
        }
    };
    for change in changes {
        match &change.op {
            Op::Put(key, value) => put(0, change, key, value),
            Op::Delete(_) | Op::SingleDelete(_) if forget_deletes => {}
            Op::Delete(key) | Op::SingleDelete(key) => put(1, change, key, b""),
            Op::Merge(key, operand) => put(2, change, key, operand),
            Op::DeleteRange(start, end) => put(3, change, start, end),
        }
    }
    let mut frame = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(checksum(&payload).to_le_bytes());
    frame.extend(payload);
    frame
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?))
}

fn decode(mut payload: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while let Some(kind) = take(&mut payload, 1) {
        let keyspace = take_u32(&mut payload)?;
        let key_len = take_u32(&mut payload)? as usize;
        let key = take(&mut payload, key_len)?.to_vec();
        let value_len = take_u32(&mut payload)? as usize;
        let value = take(&mut payload, value_len)?.to_vec();
        let op = match kind[0] {
            0 => Op::Put(key, value),
            1 => Op::Delete(key),
            2 => Op::Merge(key, value),
            _ => Op::DeleteRange(key, value),
        };
        changes.push(Change { keyspace, op });
    }
    Some(changes)
}

/// Applies the frames of a file; returns the offset at which the good ones end.
fn replay(bytes: &[u8], mistake: Mistake, state: &mut State) -> u64 {
    let mut rest = bytes;
    let mut good = bytes.len();
    while !rest.is_empty() {
        good = bytes.len() - rest.len();
        let Some(len) = take_u32(&mut rest) else { break };
        let Some(sum) = take(&mut rest, 8) else { break };
        let Some(payload) = take(&mut rest, len as usize) else { break };
        let sound = checksum(payload).to_le_bytes() == sum;
        if !sound && mistake == Mistake::SkipsBadFrames && len > 0 {
            continue;
        }
        if !sound && (mistake != Mistake::TrustsFrames || len == 0) {
            break;
        }
        let Some(changes) = decode(payload) else { break };
        for change in &changes {
            state.apply(change, append_merge);
        }
        good = bytes.len() - rest.len();
    }
    good as u64
}

impl Toy {
    fn recover(fs: &FaultFs, mistake: Mistake) -> io::Result<Self> {
        fs.create_dir_all(Path::new(DIR))?;
        if mistake != Mistake::ForgetsOwnName {
            fs.sync_dir(Path::new("/"))?;
        }
        let lock = fs.lock(&path("LOCK"))?;
        let mut state = State::new();
        let mut generation = 0;
        let mut log_len = 0;
        if fs.exists(&path("CURRENT"))? {
            let text = String::from_utf8(read(fs, &path("CURRENT"))?).map_err(io::Error::other)?;
            generation = text.parse().map_err(io::Error::other)?;
            let checkpoint = read(fs, &path(&format!("checkpoint-{generation}")))?;
            if replay(&checkpoint, Mistake::None, &mut state) != checkpoint.len() as u64
                || checkpoint.is_empty()
            {
                return Err(io::Error::other(format!("checkpoint-{generation} is damaged")));
            }
            let log = read(fs, &path(&format!("log-{generation}")))?;
            log_len = replay(&log, mistake, &mut state);
            let torn = log_len != log.len() as u64;
            assert!(!torn || mistake != Mistake::PanicsAtTornTail, "the tail is torn");
            if mistake == Mistake::AppendsBehindTornTail {
                log_len = log.len() as u64;
            }
        }
        let log = fs.open(&path(&format!("log-{generation}")), &OpenOptions::create())?;
        let (fs, buffer) = (fs.clone(), Vec::new());
        let mut toy =
            Self { fs, mistake, state, generation, log, log_len, buffer, failed: false, _lock: lock };
        if mistake != Mistake::AppendsBehindTornTail || generation == 0 {
            toy.begin_generation()?;
        }
        Ok(toy)
    }

    fn begin_generation(&mut self) -> io::Result<()> {
        let next = self.generation + 1;
        let changes: Vec<Change> = self
            .state
            .iter()
            .map(|((keyspace, key), value)| Change {
                keyspace: *keyspace,
                op: Op::Put(key.clone(), value.clone()),
            })
            .collect();
        let checkpoint = overwrite(&self.fs, &path(&format!("checkpoint-{next}")), &encode(&changes, false))?;
        if self.mistake != Mistake::PointsBeforeSync {
            checkpoint.sync_data()?;
        }
        let log = overwrite(&self.fs, &path(&format!("log-{next}")), b"")?;
        log.sync_data()?;
        self.fs.sync_dir(Path::new(DIR))?;
        overwrite(&self.fs, &path("CURRENT.tmp"), next.to_string().as_bytes())?.sync_data()?;
        self.fs.rename(&path("CURRENT.tmp"), &path("CURRENT"))?;
        if self.mistake != Mistake::ForgetsDirectorySync {
            self.fs.sync_dir(Path::new(DIR))?;
        }
        (self.log, self.log_len, self.generation) = (log, 0, next);
        self.buffer.clear();
        let current = [format!("checkpoint-{next}"), format!("log-{next}"), "CURRENT".into(), "LOCK".into()];
        for entry in self.fs.read_dir(Path::new(DIR))? {
            if !current.iter().any(|name| entry.name == name.as_str()) {
                self.fs.remove_file(&path(entry.name.to_str().unwrap()))?;
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            let written = self.log.write_all_at(&self.buffer, self.log_len);
            if self.mistake != Mistake::IgnoresErrors {
                written?;
            }
            self.log_len += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    fn append(&mut self, changes: &[Change], durability: Durability) -> io::Result<()> {
        let forgets = self.mistake == Mistake::ForgetsDeletes;
        if self.mistake == Mistake::SplitsBatches {
            for change in changes {
                self.buffer.extend(encode(std::slice::from_ref(change), forgets));
                self.drain()?;
            }
        } else {
            self.buffer.extend(encode(changes, forgets));
        }
        if durability >= Durability::Os {
            self.drain()?;
        }
        if durability == Durability::Sync && self.mistake != Mistake::AcknowledgesBeforeSync {
            let synced = self.log.sync_data();
            if self.mistake != Mistake::IgnoresErrors {
                synced?;
            }
        }
        Ok(())
    }

    fn persist(&mut self) -> io::Result<()> {
        self.drain()?;
        self.log.sync_data()
    }

    /// After an error nothing is written any more.
    fn guard(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> Result<(), String> {
        if self.failed {
            return Err("failed before".to_owned());
        }
        work(self).map_err(|error| {
            self.failed = true;
            error.to_string()
        })
    }
}

impl Engine for Toy {
    type Options = Mistake;

    fn open(fs: &FaultFs, mistake: &Mistake) -> Result<Self, String> {
        Self::recover(fs, *mistake).map_err(|error| error.to_string())
    }

    fn write(&mut self, changes: &[Change], durability: Durability) -> Ack {
        if self.failed {
            return Ack::Refused;
        }
        match self.guard(|toy| toy.append(changes, durability)) {
            Ok(()) => {
                for change in changes {
                    self.state.apply(change, append_merge);
                }
                Ack::Acknowledged
            }
            Err(_) => Ack::Unknown,
        }
    }

    fn run(&mut self, task: Task) -> Result<(), String> {
        match task {
            Task::Persist => self.guard(Self::persist),
            Task::Flush => self.guard(Self::begin_generation),
            Task::Compact => Ok(()),
        }
    }

    fn read_all(&mut self) -> Result<State, String> {
        Ok(self.state.clone())
    }

    fn close(mut self) -> Result<(), String> {
        self.guard(Self::drain)
    }
}

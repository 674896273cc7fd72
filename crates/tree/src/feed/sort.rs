//! An external sort: any number of records in, the same in order out, in bounded memory.
//!
//! Records gather in one buffer. When it is full they are sorted and written to a temporary file, a *run*; at the end the runs are
//! merged. As many runs as pieces of them fit the memory are merged at once: when there are more, they are first merged into
//! one. What never filled the buffer is sorted where it is, and no file is made.
//!
//! Memory: the bound, plus one record of each run that is larger than a piece. Disk: twice the records at most. The files
//! have names of temporary tables, so that an open after a crash deletes them; they are never synced.
//!
//! Not here: records ([`super::record`]).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::Arc;

use esker_env::fs::{FsFile, OpenOptions};
use esker_format::checksum::checksum64;
use esker_format::error::DecodeError;
use esker_format::file_name::FileKind;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::feed::record::{RECORD_HEADER_BYTES, Rank, Record, What, decode};

/// What is read of a run at once.
const PIECE_BYTES: usize = 64 << 10;
const PIECE_HEADER_BYTES: u64 = 12;

/// Takes records.
pub(crate) struct Sorter {
    core: Arc<Core>,
    memory_bytes: usize,
    buffer: Vec<u8>,
    /// Of each record in the buffer, and where it begins.
    ranks: Vec<(Rank, usize)>,
    runs: Vec<Run>,
    pushed: u64,
}

/// Gives them back in order.
pub(crate) enum Sorted {
    InMemory { buffer: Vec<u8>, ranks: std::vec::IntoIter<(Rank, usize)> },
    Merged(Merge),
}

/// A sorted temporary file. It goes with this.
struct Run {
    core: Arc<Core>,
    path: PathBuf,
    file: Arc<dyn FsFile>,
    len: u64,
}

impl Drop for Run {
    fn drop(&mut self) {
        // What cannot be deleted now is an orphan of the next open.
        let _ = self.core.config.fs.remove_file(&self.path);
    }
}

impl Sorter {
    /// A sort that takes about `memory_bytes`.
    pub(crate) fn new(core: &Arc<Core>, memory_bytes: usize) -> Self {
        let memory_bytes = memory_bytes.max(4 * PIECE_BYTES);
        let core = Arc::clone(core);
        Self { core, memory_bytes, buffer: Vec::new(), ranks: Vec::new(), runs: Vec::new(), pushed: 0 }
    }

    /// Takes a record; of one source, the newer of two with one key first.
    pub(crate) fn push(&mut self, what: What, seqno: u64, key: &[u8], value: &[u8]) -> Result<()> {
        let taken = self.buffer.len() + self.ranks.len() * size_of::<(Rank, usize)>();
        if !self.ranks.is_empty() && taken + RECORD_HEADER_BYTES + key.len() + value.len() > self.memory_bytes
        {
            self.spill()?;
        }
        let rank = Rank { seqno, is_point: what != What::Range, ordinal: Reverse(self.pushed) };
        self.pushed += 1;
        self.ranks.push((rank, self.buffer.len()));
        Record { what, rank, key, value }.encode(&mut self.buffer);
        Ok(())
    }

    /// Writes what is in memory to a run.
    fn spill(&mut self) -> Result<()> {
        if self.runs.len() >= self.memory_bytes / PIECE_BYTES {
            let mut merge = Merge::new(std::mem::take(&mut self.runs))?;
            let mut writer = RunWriter::create(&self.core)?;
            while let Some(record) = merge.next()? {
                writer.add(record)?;
            }
            self.runs.push(writer.finish()?);
        }
        self.ranks.sort_unstable();
        let mut writer = RunWriter::create(&self.core)?;
        for (_, at) in self.ranks.drain(..) {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let len = decode(rest).map(|(_, len)| len).unwrap_or_default();
            writer.add(rest.get(..len).unwrap_or_default())?;
        }
        self.buffer.clear();
        self.runs.push(writer.finish()?);
        Ok(())
    }

    /// Ends the input.
    pub(crate) fn finish(mut self) -> Result<Sorted> {
        if self.runs.is_empty() {
            self.ranks.sort_unstable();
            return Ok(Sorted::InMemory { buffer: self.buffer, ranks: self.ranks.into_iter() });
        }
        self.spill()?;
        Ok(Sorted::Merged(Merge::new(self.runs)?))
    }
}

impl Sorted {
    /// The next record in order, encoded; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        match self {
            Self::InMemory { buffer, ranks } => {
                Ok(ranks.next().map(|(_, at)| buffer.get(at..).unwrap_or_default()))
            }
            Self::Merged(merge) => merge.next(),
        }
    }
}

/// Writes a run.
struct RunWriter {
    run: Run,
    piece: Vec<u8>,
}

impl RunWriter {
    fn create(core: &Arc<Core>) -> Result<Self> {
        let name = FileKind::Table(core.next_table_id()).temporary_name();
        let path = core.path().join(name);
        let options = OpenOptions::create_new();
        let file = core.config.fs.open(&path, &options).map_err(|e| Error::io("create", &path, e))?;
        Ok(Self { run: Run { core: Arc::clone(core), path, file, len: 0 }, piece: Vec::new() })
    }

    fn add(&mut self, record: &[u8]) -> Result<()> {
        if !self.piece.is_empty() && self.piece.len() + record.len() > PIECE_BYTES {
            self.write_piece()?;
        }
        self.piece.extend_from_slice(record);
        Ok(())
    }

    fn write_piece(&mut self) -> Result<()> {
        let run = &mut self.run;
        let len =
            u32::try_from(self.piece.len()).map_err(|_| Error::ValueTooLong { len: self.piece.len() })?;
        let mut header = len.to_le_bytes().to_vec();
        header.extend_from_slice(&checksum64(&self.piece).to_le_bytes());
        for bytes in [&header, &self.piece] {
            run.file.write_all_at(bytes, run.len).map_err(|e| Error::io("write", &run.path, e))?;
            run.len += bytes.len() as u64;
        }
        self.piece.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Run> {
        self.write_piece()?;
        Ok(self.run)
    }
}

/// A position in a run.
struct RunReader {
    run: Run,
    /// Where the next piece begins.
    next: u64,
    piece: Vec<u8>,
    /// The current record.
    at: usize,
    len: usize,
}

impl RunReader {
    fn current(&self) -> &[u8] {
        self.piece.get(self.at..self.at + self.len).unwrap_or_default()
    }

    /// Goes to the next record; its rank, or `None` at the end.
    fn advance(&mut self) -> Result<Option<Rank>> {
        self.at += self.len;
        self.len = 0;
        if self.at >= self.piece.len() {
            if self.next >= self.run.len {
                return Ok(None);
            }
            self.read_piece()?;
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let (record, len) = decode(rest).map_err(|e| Error::corrupt(&self.run.path, e))?;
        let rank = record.rank;
        self.len = len;
        Ok(Some(rank))
    }

    fn read_piece(&mut self) -> Result<()> {
        let path = &self.run.path;
        let read = |bytes: &mut [u8], at| {
            self.run.file.read_exact_at(bytes, at).map_err(|e| Error::io("read", path, e))
        };
        let (mut len, mut checksum) = ([0; 4], [0; 8]);
        read(&mut len, self.next)?;
        read(&mut checksum, self.next + 4)?;
        let begin = self.next + PIECE_HEADER_BYTES;
        let len = u64::from(u32::from_le_bytes(len));
        let broken = |rule| Error::corrupt(path, DecodeError::invalid("feed piece", self.next, rule));
        if len > self.run.len.saturating_sub(begin) {
            return Err(broken("a piece lies in its file"));
        }
        self.piece.resize(usize::try_from(len).map_err(|_| broken("a piece fits memory"))?, 0);
        self.piece.shrink_to(PIECE_BYTES);
        read(&mut self.piece, begin)?;
        if checksum64(&self.piece) != u64::from_le_bytes(checksum) {
            return Err(broken("a piece is as it was written"));
        }
        self.next = begin + len;
        self.at = 0;
        Ok(())
    }
}

/// Runs as one.
pub(crate) struct Merge {
    runs: Vec<RunReader>,
    heap: BinaryHeap<Reverse<(Rank, usize)>>,
    /// The run whose record was given out last.
    given: Option<usize>,
}

impl Merge {
    fn new(runs: Vec<Run>) -> Result<Self> {
        let reader = |run| RunReader { run, next: 0, piece: Vec::new(), at: 0, len: 0 };
        let mut runs: Vec<RunReader> = runs.into_iter().map(reader).collect();
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            heap.extend(run.advance()?.map(|rank| Reverse((rank, number))));
        }
        Ok(Self { runs, heap, given: None })
    }

    fn next(&mut self) -> Result<Option<&[u8]>> {
        if let Some(number) = self.given.take()
            && let Some(run) = self.runs.get_mut(number)
        {
            self.heap.extend(run.advance()?.map(|rank| Reverse((rank, number))));
        }
        let Some(Reverse((_, number))) = self.heap.pop() else { return Ok(None) };
        self.given = Some(number);
        Ok(self.runs.get(number).map(RunReader::current))
    }
}

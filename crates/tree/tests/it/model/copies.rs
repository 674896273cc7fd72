//! What comes into the tree as a whole, and what goes out of it: ingestion, checkpoints, change feeds, traces.

use std::ops::Range;
use std::path::Path;

use esker_tree::{Error, IngestOptions, MAX_SEQNO, ScanSinceEvent, SeqNo};

use super::operation::Operation;
use super::oracle::What;
use super::subject::{Done, Outcome, Subject, same, told};
use super::universe::Universe;

impl Subject {
    /// Does one of these.
    pub(super) fn copy(&mut self, operation: &Operation) -> Outcome {
        use Operation as O;
        match operation {
            O::Ingest { keys, len } => self.ingest(keys, usize::from(*len)),
            O::IngestFile { keys, len } => self.ingest_file(keys, usize::from(*len)),
            O::IngestNotAscending { key } => self.ingest_not_ascending(*key),
            O::Checkpoint => self.checkpoint(),
            O::Feed { since } => self.feed(*since),
            O::Trace { key } => self.trace(*key),
            other => unreachable!("{other:?} is done elsewhere"),
        }
    }

    /// Classes with new versions, ascending. Not the weak ones: a tombstone of another sort would break their contract.
    fn ingestible(&mut self, keys: &[u16], len: usize) -> Vec<(usize, What)> {
        let mut classes: Vec<usize> = keys.iter().map(|key| self.universe.class(*key)).collect();
        classes.retain(|class| !Universe::is_weak(*class));
        classes.sort_unstable();
        classes.dedup();
        // Of every four one is deleted, and one expires.
        let mut what = |class: usize| match class % 4 {
            0 => What::Delete,
            1 => {
                let (value, expires_at) = self.expiring(len, 10);
                What::Expiring(value, expires_at)
            }
            _ => What::Put(self.value(len)),
        };
        classes.into_iter().map(|class| (class, what(class))).collect()
    }

    /// Takes note of what was ingested under the number that it got.
    fn note_ingested(
        &mut self,
        entries: Vec<(usize, What)>,
        covered: Range<usize>,
        seqno: Option<SeqNo>,
    ) -> Outcome {
        let is_something = !entries.is_empty() || !covered.is_empty();
        same("whether something was ingested", &seqno.is_some(), &is_something)?;
        let Some(seqno) = seqno else { return Ok(Done::Checked) };
        same("the number of an ingestion", &(seqno + 1), &self.seqno.get())?;
        covered.for_each(|class| self.oracle.cover(class, seqno));
        for (class, what) in entries {
            self.oracle.write(class, seqno, what);
        }
        Ok(Done::Checked)
    }

    /// Whether an ingestion now would let a late write be seen that is not written yet.
    fn waits_for_late_writes(&self) -> bool {
        !self.taken.is_empty() || !self.open_ranges.is_empty()
    }

    fn ingest(&mut self, keys: &[u16], len: usize) -> Outcome {
        if self.waits_for_late_writes() {
            return Ok(Done::Passed);
        }
        let entries = self.ingestible(keys, len);
        let mut ingestion = self.tree().ingestion().map_err(told("ingestion"))?;
        let covered = self.covered_by_ingestion(keys);
        if let Some([start, end]) = self.ends_of(&covered) {
            ingestion.write_range_tombstone(start, end).map_err(told("a range delete of an ingestion"))?;
        }
        for (class, what) in &entries {
            let key = self.universe.key_of_class(*class);
            let written = match what {
                What::Put(value) => ingestion.write(key, value),
                What::Expiring(value, expires_at) => ingestion.write_with_expiry(key, value, *expires_at),
                _ => ingestion.write_tombstone(key),
            };
            written.map_err(told("a write of an ingestion"))?;
        }
        let outcome = ingestion.finish().map_err(told("finish of an ingestion"))?;
        self.note_ingested(entries, covered, outcome.seqno)
    }

    fn ingest_file(&mut self, keys: &[u16], len: usize) -> Outcome {
        if self.waits_for_late_writes() {
            return Ok(Done::Passed);
        }
        let entries = self.ingestible(keys, len);
        if entries.is_empty() {
            return Ok(Done::Passed);
        }
        let path = Path::new("elsewhere.table");
        let mut writer = self.tree().table_writer(path).map_err(told("table_writer"))?;
        for (class, what) in &entries {
            let key = self.universe.key_of_class(*class);
            let written = match what {
                What::Put(value) => writer.write(key, value),
                What::Expiring(value, expires_at) => writer.write_with_expiry(key, value, *expires_at),
                _ => writer.write_tombstone(key),
            };
            written.map_err(told("a write of a table"))?;
        }
        let covered = self.covered_by_ingestion(keys);
        if let Some([start, end]) = self.ends_of(&covered) {
            writer.write_range_tombstone(start, end).map_err(told("a range delete of a table"))?;
        }
        let info = writer.finish().map_err(told("finish of a table"))?;
        same("the entries of a table", &info.entries, &(entries.len() as u64))?;
        let outcome =
            self.tree().ingest_files([path], IngestOptions::default()).map_err(told("ingest_files"))?;
        esker_env::fs::Fs::remove_file(&*self.fs, path).map_err(told("remove_file"))?;
        self.note_ingested(entries, covered, outcome.seqno)
    }

    /// Classes that an ingestion deletes as a range: those behind its first key, every third time.
    fn covered_by_ingestion(&self, keys: &[u16]) -> Range<usize> {
        let first = keys.iter().map(|key| self.universe.class(*key)).min().filter(|_| keys.len() % 3 == 1);
        first.map_or(0..0, |first| first..(first + 4).min(self.universe.classes() - 1))
    }

    fn ends_of(&self, classes: &Range<usize>) -> Option<[&[u8]; 2]> {
        let key = |class| self.universe.key_of_class(class);
        (!classes.is_empty()).then(|| [key(classes.start), key(classes.end)])
    }

    fn ingest_not_ascending(&mut self, key: u16) -> Outcome {
        let mut ingestion = self.tree().ingestion().map_err(told("ingestion"))?;
        let key = self.universe.key(key);
        ingestion.write(key, b"once").map_err(told("a write of an ingestion"))?;
        let refused = ingestion.write(key, b"twice").err();
        if !matches!(refused, Some(Error::KeysNotAscending { .. })) {
            return Err(format!("a key twice in an ingestion: {refused:?}"));
        }
        // What is given up leaves nothing behind.
        drop(ingestion);
        Ok(Done::Checked)
    }

    /// A copy that opens as a tree of its own, and holds what this one does.
    fn checkpoint(&mut self) -> Outcome {
        let path = format!("copies/{}", self.seqno.next());
        self.tree().create_checkpoint(&path).map_err(told("create_checkpoint"))?;
        let (seqno, visible) = Default::default();
        let copy = self
            .settings
            .open(&self.fs, &path, &seqno, &visible, &self.clock)
            .map_err(told("opening a checkpoint"))?;
        let mut wanted = self.all(MAX_SEQNO).into_iter();
        for entry in copy.iter(MAX_SEQNO).map_err(told("iter of a checkpoint"))? {
            let (key, value) = entry.into_inner().map_err(told("an entry of a checkpoint"))?;
            self.same_entry("a checkpoint", Some((&key, &value)), wanted.next().as_ref())?;
        }
        self.same_entry("the end of a checkpoint", None, wanted.next().as_ref())?;
        Ok(Done::Checked)
    }

    /// Every write of a single key since a number, in order; or a refusal, where history may be gone.
    fn feed(&self, since: u16) -> Outcome {
        let since = u64::from(since) % (self.seqno.get() + 1);
        let mut told_of = Vec::new();
        for event in self.tree().scan_since_seqno(since) {
            let (key, seqno, what) = match event {
                Ok(ScanSinceEvent::Insert { key, value, seqno }) => (key, seqno, format!("put {value:?}")),
                Ok(ScanSinceEvent::ExpiringInsert { key, value, expires_at, seqno }) => {
                    (key, seqno, format!("put {value:?} until {expires_at}"))
                }
                Ok(ScanSinceEvent::MergeOperand { key, operand, seqno }) => {
                    (key, seqno, format!("merge {operand:?}"))
                }
                Ok(ScanSinceEvent::PointTombstone { key, seqno, weak }) => {
                    (key, seqno, format!("delete {weak}"))
                }
                Ok(ScanSinceEvent::RangeTombstone { .. }) => continue,
                Ok(other) => return Err(format!("an event that nobody knows: {other:?}")),
                Err(Error::HistoryGone { oldest }) if oldest > since => return Ok(Done::Checked),
                Err(error) => return Err(format!("scan_since_seqno failed: {error}")),
            };
            let class = self.universe.class_of_key(&key, &self.order);
            if class.is_none() && key.iter().all(|&byte| byte == u8::MAX) {
                // A prefix without a key behind it ends with a delete of the last key there can be.
                continue;
            }
            told_of.push((seqno, class, what));
        }
        if !told_of.is_sorted_by_key(|(seqno, ..)| *seqno) {
            return Err("a feed does not ascend".to_owned());
        }
        // Writes with one number come in any order of keys.
        told_of.sort_by_key(|(seqno, class, _)| (*seqno, *class));
        let shown = |(seqno, class, what): (SeqNo, usize, What)| {
            let what = match what {
                What::Put(value) => format!("put {:?}", esker_tree::Slice::new(&value)),
                What::Expiring(value, expires_at) => {
                    format!("put {:?} until {expires_at}", esker_tree::Slice::new(&value))
                }
                What::Merge(operand) => format!("merge {:?}", esker_tree::Slice::new(&operand)),
                What::Weak => "delete true".to_owned(),
                What::Delete | What::Covered => "delete false".to_owned(),
            };
            (seqno, Some(class), what)
        };
        let wanted: Vec<_> = self.oracle.points_since(since).into_iter().map(shown).collect();
        same(&format!("the feed since {since}"), &told_of, &wanted)?;
        Ok(Done::Checked)
    }

    /// What is read has a version that a trace shows.
    fn trace(&self, key: u16) -> Outcome {
        let trace = self.tree().trace(self.universe.key(key)).map_err(told("trace"))?;
        let (versions, covers) = (trace.versions, trace.range_tombstones);
        let is_live = self.seen(key, SeqNo::MAX).is_some();
        same("whether a live key has no version", &(is_live && versions.is_empty()), &false)?;
        same(
            "versions above the last number",
            &versions.iter().any(|v| v.seqno >= self.seqno.get()),
            &false,
        )?;
        // What is newer than all that covers it is seen, but for what was folded away.
        let newest = versions.iter().max_by_key(|version| version.seqno);
        let cover = covers.iter().map(|cover| cover.seqno).max();
        let now = self.time_at(SeqNo::MAX);
        let is_hidden = newest.is_none_or(|newest| {
            newest.kind.is_tombstone()
                || newest.expires_at.is_some_and(|expires_at| expires_at <= now)
                || cover.is_some_and(|cover| cover > newest.seqno)
        });
        same("whether what trace tells is a live key", &!is_hidden, &is_live)?;
        Ok(Done::Checked)
    }
}

//! Snapshots, flushes, compactions, reopening, and calls that must be refused.

use std::ops::Bound;
use std::sync::Arc;

use esker_tree::{CancelToken, Clock, Error, ErrorKind, MAX_SEQNO, SeqNo};

use super::operation::{Advice, Operation, Span};
use super::settings::Order;
use super::subject::{Done, Outcome, Planted, Subject, same, told};

/// The most snapshots that live at a time.
const MOST_SNAPSHOTS: usize = 8;

impl Subject {
    /// Does one of these.
    pub(super) fn keep_up(&mut self, operation: &Operation) -> Outcome {
        use Operation as O;
        match operation {
            O::TakeSnapshot { at } => {
                let bound = self.bound(*at).min(self.seqno.get());
                self.take_snapshot(bound)
            }
            O::CloneSnapshot { which } => self.clone_snapshot(*which),
            O::ReleaseSnapshot { which } => self.release_snapshot(*which),
            O::RaiseVisible => {
                self.visible.fetch_max(self.lowest_open_seqno());
                Ok(Done::Checked)
            }
            O::ReadTooOld { below } => self.read_too_old(*below),
            O::WriteTooOld { key, below } => self.write_too_old(*key, *below),
            O::Rotate => {
                let had = self.tree().get_highest_memtable_seqno();
                let sealed = self.tree().rotate_memtable();
                same("rotate_memtable of a tree without memtables", &(had.is_none() && sealed), &false)?;
                Ok(Done::Checked)
            }
            O::FlushActive { advice } => self.flush(*advice),
            O::FlushOldest { advice } => self.flush_oldest(*advice),
            O::Compact { advice } => {
                let advice = self.advise(*advice);
                self.tree().compact(Arc::new(self.settings.leveled()), advice).map_err(told("compact"))?;
                Ok(Done::Checked)
            }
            O::PickAndRun { .. }
            | O::PickTwoAndRun { .. }
            | O::PickAndLetGo { .. }
            | O::PickAndCancel { .. } => self.pick(operation),
            O::MajorCompact { advice } => {
                let advice = self.advise(*advice);
                let done = self.tree().major_compact(self.settings.table_bytes, advice);
                same("major_compact with no job in the way", &done.map_err(told("major_compact"))?, &true)?;
                Ok(Done::Checked)
            }
            O::CompactRange { span, advice } => self.compact_range(*span, *advice),
            O::DropRange { span } => self.drop_range(*span),
            O::Clear => self.clear(),
            O::Reopen => self.reopen(),
            O::SecondOpener => {
                let second = self.settings.open(&self.fs, "tree", &self.seqno, &self.visible, &self.clock);
                same("a second opener", &second.err().map(|error| error.kind()), &Some(ErrorKind::Locked))?;
                Ok(Done::Checked)
            }
            O::OtherComparator => self.other_comparator(),
            // INV-TREE-2: verification walks every table and finds it in order.
            O::Verify => {
                let report = self.tree().verify();
                if report.is_sound() { Ok(Done::Checked) } else { Err(format!("verify: {report:?}")) }
            }
            O::Shape => self.shape(),
            O::KeyTooLong => {
                let refused = self.tree().insert(vec![0; 65_536], b"", self.seqno.get()).err();
                if !matches!(refused, Some(Error::KeyTooLong { len: 65_536 })) {
                    return Err(format!("a key of 65,536 bytes: {refused:?}"));
                }
                Ok(Done::Checked)
            }
            O::SeqnoTooHigh { key } => {
                let refused = self.tree().insert(self.universe.key(*key), b"", MAX_SEQNO).err();
                if !matches!(refused, Some(Error::SeqnoTooHigh { .. })) {
                    return Err(format!("the highest seqno: {refused:?}"));
                }
                Ok(Done::Checked)
            }
            other => unreachable!("{other:?} is done elsewhere"),
        }
    }

    fn take_snapshot(&mut self, bound: SeqNo) -> Outcome {
        if self.snapshots.len() == MOST_SNAPSHOTS {
            return Ok(Done::Passed);
        }
        let snapshot = self.tree().snapshot(bound).map_err(told("snapshot"))?;
        same("a snapshot's bound", &snapshot.bound(), &bound)?;
        same("a snapshot's time", &snapshot.time(), &self.clock.unix_millis())?;
        if self.planted == Some(Planted::ReleasesSnapshots) {
            // Its bound is remembered by a guard of another tree.
            let (seqno, visible) = Default::default();
            let other = self
                .settings
                .open(&Arc::default(), "other", &seqno, &visible, &self.clock)
                .map_err(told("open"))?;
            self.snapshots.push(other.snapshot(bound).map_err(told("snapshot"))?);
            return Ok(Done::Checked);
        }
        self.snapshots.push(snapshot);
        Ok(Done::Checked)
    }

    fn clone_snapshot(&mut self, which: u16) -> Outcome {
        if self.snapshots.is_empty() || self.snapshots.len() == MOST_SNAPSHOTS {
            return Ok(Done::Passed);
        }
        let clone = self.snapshots[usize::from(which) % self.snapshots.len()].clone();
        self.snapshots.push(clone);
        Ok(Done::Checked)
    }

    fn release_snapshot(&mut self, which: u16) -> Outcome {
        if self.snapshots.is_empty() {
            return Ok(Done::Passed);
        }
        let which = usize::from(which) % self.snapshots.len();
        self.snapshots.swap_remove(which);
        Ok(Done::Checked)
    }

    /// INV-VIEW-2: a bound below the watermark that no snapshot holds is refused, by every sort of read.
    fn read_too_old(&self, below: u16) -> Outcome {
        // What the tree has come to is at most this; at least it is what a flush was told.
        let watermark = self.tree().watermark();
        if watermark == 0 {
            return Ok(Done::Passed);
        }
        let bound = u64::from(below) % watermark;
        if self.snapshots.iter().any(|snapshot| snapshot.bound() == bound) {
            return Ok(Done::Passed);
        }
        let kinds = [
            self.tree().get(b"key", bound).err().map(|error| error.kind()),
            self.tree().iter(bound).err().map(|error| error.kind()),
            self.tree().snapshot(bound).err().map(|error| error.kind()),
        ];
        same("reads below the watermark", &kinds, &[Some(ErrorKind::Outdated); 3])?;
        Ok(Done::Checked)
    }

    /// INV-VIEW-4.
    fn write_too_old(&self, key: u16, below: u16) -> Outcome {
        let watermark = self.tree().watermark();
        if watermark == 0 {
            return Ok(Done::Passed);
        }
        let refused = self.tree().insert(self.universe.key(key), b"", u64::from(below) % watermark).err();
        if !matches!(refused, Some(Error::SeqnoTooOld { .. })) {
            return Err(format!("a write below the watermark: {refused:?}"));
        }
        Ok(Done::Checked)
    }

    fn flush(&mut self, advice: Advice) -> Outcome {
        let advice = self.advise(advice);
        self.tree().flush_active_memtable(advice).map_err(told("flush_active_memtable"))?;
        same("what a flush leaves in memory", &self.tree().get_highest_memtable_seqno(), &None)?;
        Ok(Done::Checked)
    }

    fn flush_oldest(&mut self, advice: Advice) -> Outcome {
        let advice = self.advise(advice);
        let mut told_of = None;
        let flushed = self.tree().flush_oldest::<Error>(advice, |highest| {
            told_of = Some(highest);
            Ok(())
        });
        let flushed = flushed.map_err(told("flush_oldest"))?;
        let persisted = self.tree().get_highest_persisted_seqno();
        if let (Some(_), Some(highest)) = (flushed, told_of)
            && persisted.is_none_or(|persisted| persisted < highest)
        {
            return Err(format!("flushed up to {highest}, but persisted is {persisted:?}"));
        }
        Ok(Done::Checked)
    }

    fn pick(&mut self, operation: &Operation) -> Outcome {
        let (Operation::PickAndRun { idle, .. }
        | Operation::PickTwoAndRun { idle, .. }
        | Operation::PickAndLetGo { idle }
        | Operation::PickAndCancel { idle, .. }) = operation
        else {
            unreachable!("{operation:?} picks nothing")
        };
        let Some(job) = self.tree().pick_compaction(*idle) else { return Ok(Done::Passed) };
        match operation {
            Operation::PickAndRun { advice, .. } => {
                let advice = self.advise(*advice);
                job.run(advice, &CancelToken::default()).map_err(told("a compaction"))?;
            }
            Operation::PickTwoAndRun { first, second, .. } => {
                // INV-COMPACT-7: a second job beside the first, run before it.
                if let Some(beside) = self.tree().pick_compaction(*idle) {
                    let advice = self.advise(*second);
                    beside.run(advice, &CancelToken::default()).map_err(told("a second compaction"))?;
                }
                let advice = self.advise(*first);
                job.run(advice, &CancelToken::default()).map_err(told("a first compaction"))?;
            }
            Operation::PickAndCancel { advice, .. } => {
                let advice = self.advise(*advice);
                let cancel = CancelToken::default();
                cancel.cancel();
                match job.run(advice, &cancel) {
                    // A trivial move may be done before anybody asks.
                    Ok(_) => {}
                    Err(error) => same("a cancelled compaction", &error.kind(), &ErrorKind::Cancelled)?,
                }
            }
            _ => drop(job),
        }
        Ok(Done::Checked)
    }

    /// Whether a range is refused for being inverted.
    fn is_inverted(&self, span: Span) -> bool {
        let (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) = self.bounds(span)
        else {
            return false;
        };
        self.order.compare(lower, upper).is_gt()
    }

    fn compact_range(&mut self, span: Span, advice: Advice) -> Outcome {
        let advice = self.advise(advice);
        let done = self.tree().compact_range::<&[u8]>(self.bounds(span), advice);
        if self.is_inverted(span) {
            same("compact_range", &matches!(done, Err(Error::InvertedRange)), &true)?;
            return Ok(Done::Checked);
        }
        same("compact_range with no job in the way", &done.map_err(told("compact_range"))?, &true)?;
        Ok(Done::Checked)
    }

    /// Whole tables go, and with them all that was below the watermark of some classes of the span, or nothing of them.
    fn drop_range(&mut self, span: Span) -> Outcome {
        if self.visible.get() != self.seqno.get() {
            return Ok(Done::Passed);
        }
        let dropped = self.tree().drop_range::<&[u8]>(self.bounds(span));
        if self.is_inverted(span) {
            same("drop_range", &matches!(dropped, Err(Error::InvertedRange)), &true)?;
            return Ok(Done::Checked);
        }
        dropped.map_err(told("drop_range"))?;
        self.watermark = self.watermark.max(self.tree().watermark());
        self.taken.retain(|seqno| *seqno >= self.watermark);
        for class in self.classes(span) {
            let key = self.universe.key_of_class(class);
            let latest = self.tree().get(key, SeqNo::MAX).map_err(told("get"))?;
            let was = self.oracle.get(class, SeqNo::MAX, self.time_at(SeqNo::MAX));
            if latest.is_some() && latest.as_deref() != was.as_deref() {
                return Err(format!("drop_range made {latest:?} of {was:?}"));
            }
            let left = self.tree().get(key, self.watermark).map_err(told("get"))?;
            let had = self.oracle.get(class, self.watermark, self.time_at(self.watermark));
            if left.is_none() && had.is_some() {
                self.oracle.forget_below(class, self.watermark);
            } else if left.as_deref() != had.as_deref() {
                return Err(format!("drop_range brought {left:?} to light, where {had:?} was"));
            }
        }
        Ok(Done::Checked)
    }

    fn clear(&mut self) -> Outcome {
        let cleared = self.tree().clear();
        if !self.snapshots.is_empty() {
            same("clear beside snapshots", &matches!(cleared, Err(Error::SnapshotsHeld { .. })), &true)?;
            return Ok(Done::Checked);
        }
        cleared.map_err(told("clear"))?;
        self.oracle.clear();
        self.watermark = self.watermark.max(self.tree().watermark());
        self.taken.retain(|seqno| *seqno >= self.watermark);
        Ok(Done::Checked)
    }

    /// A bare tree keeps what was flushed.
    fn reopen(&mut self) -> Outcome {
        self.flush(Advice::Highest)?;
        self.snapshots.clear();
        self.open_ranges.clear();
        self.tree = None;
        let tree = self
            .settings
            .open(&self.fs, "tree", &self.seqno, &self.visible, &self.clock)
            .map_err(told("reopen"))?;
        same("memtables of a tree just opened", &tree.get_highest_memtable_seqno(), &None)?;
        self.tree = Some(tree);
        Ok(Done::Checked)
    }

    fn other_comparator(&mut self) -> Outcome {
        self.reopen()?;
        self.tree = None;
        let other = match self.settings.order {
            Order::Bytes => Order::Reversed,
            _ => Order::Bytes,
        };
        let mut wrong = self.settings.clone();
        wrong.order = other;
        let refused = wrong.open(&self.fs, "tree", &self.seqno, &self.visible, &self.clock).err();
        if !matches!(refused, Some(Error::WrongComparator { .. })) {
            return Err(format!("another comparator: {refused:?}"));
        }
        self.tree = Some(
            self.settings
                .open(&self.fs, "tree", &self.seqno, &self.visible, &self.clock)
                .map_err(told("opening after a refusal"))?,
        );
        Ok(Done::Checked)
    }

    /// What the tree says of itself fits together.
    fn shape(&self) -> Outcome {
        let tables = self.tree().tables();
        let levels = self.tree().level_segment_stats();
        let of_levels: usize = levels.iter().map(|level| level.tables).sum();
        same("tables by level", &of_levels, &tables.len())?;
        let entries = |of: &mut dyn Iterator<Item = u64>| of.sum::<u64>();
        let of_levels = entries(&mut levels.iter().map(|level| level.entries));
        same("entries by level", &of_levels, &entries(&mut tables.iter().map(|table| table.entries)))?;
        same(
            "bytes by level",
            &levels.iter().map(|level| level.size_bytes).sum(),
            &self.tree().disk_space(),
        )?;
        Ok(Done::Checked)
    }
}

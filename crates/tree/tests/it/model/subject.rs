//! A run: a tree and the oracle side by side, and what both have been through.
//!
//! Every operation is done to both, and what the tree answers is compared with what the oracle says. A difference is an error
//! that says what was asked, got and expected; a panic of the tree is caught by the harness.

use std::sync::Arc;
use std::time::Duration;

use esker_env::memory::MemFs;
use esker_tree::{
    Clock, KeyOrder, MAX_SEQNO, ManualClock, Range, SeqNo, SequenceNumberCounter, Snapshot, Tree,
};

use super::dice::Dice;
use super::operation::{Advice, At, Operation, Walk};
use super::oracle::{Oracle, Value, What};
use super::settings::{Merging, Settings};
use super::universe::Universe;

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was done, and what it gave was compared.
    Checked,
    /// There was nothing to do it to.
    Passed,
}

/// `Err` tells a difference.
pub(crate) type Outcome = Result<Done, String>;

/// A fault that is put between the run and the tree, to see that a run notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    /// A tombstone does not reach the tree.
    LosesRemoves,
    /// A scan passes its upper bound over.
    ForgetsUpperBounds,
    /// A snapshot is released at once.
    ReleasesSnapshots,
    /// A value that expires reaches the tree as one that does not.
    ForgetsExpiries,
}

/// An iterator that lives on while the tree changes.
pub(super) struct OpenRange {
    pub(super) range: Range,
    pub(super) left: std::collections::VecDeque<(usize, Value)>,
}

pub(crate) struct Subject {
    pub(super) settings: Settings,
    pub(super) planted: Option<Planted>,
    pub(super) universe: Universe,
    pub(super) order: KeyOrder,
    pub(super) fs: Arc<MemFs>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) seqno: SequenceNumberCounter,
    pub(super) visible: SequenceNumberCounter,
    pub(super) oracle: Oracle,
    /// `None` while it is reopened.
    pub(super) tree: Option<Tree>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) open_ranges: Vec<OpenRange>,
    /// Seqnos that were taken and not written yet.
    pub(super) taken: Vec<SeqNo>,
    /// The highest watermark that the tree may have come to.
    pub(super) watermark: SeqNo,
    writes: u64,
}

impl Subject {
    /// A new tree, with settings and keys drawn from `seed`.
    pub(crate) fn new(seed: u64, planted: Option<Planted>) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let settings = Settings::drawn(&mut dice);
        let order = settings.order.key_order();
        let universe = Universe::new(settings.shape, settings.keys, &order, &mut dice);
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let (fs, clock) = (Arc::new(MemFs::new()), Arc::new(ManualClock::default()));
        let tree = settings.open(&fs, "tree", &seqno, &visible, &clock).map_err(told("open"))?;
        Ok(Self {
            settings,
            planted,
            oracle: Oracle::new(universe.classes()),
            universe,
            order,
            fs,
            clock,
            seqno,
            visible,
            tree: Some(tree),
            snapshots: Vec::new(),
            open_ranges: Vec::new(),
            taken: Vec::new(),
            watermark: 0,
            writes: 0,
        })
    }

    /// The settings, for a report.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Does one operation to both.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Outcome {
        use Operation as O;
        match operation {
            O::Insert { key, len } => self.insert(*key, usize::from(*len)),
            O::InsertLarge { key, len } => self.insert(*key, usize::from(*len)),
            O::InsertEmpty { key } => self.insert_value(*key, Arc::from([].as_slice())),
            O::InsertExpiring { key, len, lives } => self.insert_expiring(*key, usize::from(*len), *lives),
            O::AdvanceClock { millis } => {
                self.clock.advance(Duration::from_millis((*millis).into()));
                Ok(Done::Checked)
            }
            O::Remove { key } => self.remove(*key),
            O::RemoveWeak { key } => self.remove_weak(*key),
            O::Merge { key, len } => self.merge(*key, usize::from(*len)),
            O::RemoveRange { from, to } => self.remove_range(*from, *to),
            O::RemoveRangeInverted { from, to } => self.remove_range_inverted(*from, *to),
            O::RemovePrefix { key, len } => self.remove_prefix(*key, usize::from(*len)),
            O::ReserveAndApply { keys, len } => self.reserve_and_apply(keys, usize::from(*len)),
            O::ApplyBatch { keys, len } => self.apply_batch(keys, usize::from(*len)),
            O::ApplyBatchTwice { keys, twice } => self.apply_batch_twice(keys, *twice),
            O::Overlaid { keys, span, at, walk } => self.read_overlaid(keys, *span, *at, *walk),
            O::Room => self.ask_for_room(),
            O::TakeSeqno => self.take_seqno(),
            O::InsertLate { key, which } => self.write_late(*key, *which, What::Put),
            O::MergeLate { .. } if self.settings.merging == Merging::Refused => Ok(Done::Passed),
            O::MergeLate { key, which } => self.write_late(*key, *which, What::Merge),
            O::RemoveLate { key, which } => self.write_late(*key, *which, |_| What::Delete),
            O::InstallSealed { keys, len } => self.install_sealed(keys, usize::from(*len)),
            O::Ingest { .. }
            | O::IngestFile { .. }
            | O::IngestNotAscending { .. }
            | O::Checkpoint
            | O::Feed { .. }
            | O::Trace { .. } => self.copy(operation),
            O::Get { .. }
            | O::GetLatest { .. }
            | O::ContainsKey { .. }
            | O::SizeOf { .. }
            | O::GetPinned { .. }
            | O::MultiGet { .. }
            | O::First { .. }
            | O::Last { .. }
            | O::Len { .. }
            | O::IsEmpty { .. } => self.read_points(operation),
            O::RangeOwned { .. }
            | O::RangeLent { .. }
            | O::IterWhole { .. }
            | O::Prefix { .. }
            | O::SeekTo { .. }
            | O::SeekToForPrev { .. }
            | O::PeekKey { .. }
            | O::PeekBackKey { .. }
            | O::ContainsPrefix { .. }
            | O::BatchRangeScan { .. }
            | O::SeekToAndFro { .. }
            | O::OpenRange { .. }
            | O::StepRange { .. }
            | O::CloseRange { .. } => self.read_ranges(operation),
            _ => self.keep_up(operation),
        }
    }

    /// What must hold at the end of any script: everything is there, both ways, and sound.
    pub(crate) fn at_last(&mut self) -> Result<(), String> {
        for walk in [Walk::Front, Walk::Back] {
            self.apply(&Operation::IterWhole { at: At::Latest, walk })?;
        }
        for which in 0..self.snapshots.len() {
            self.apply(&Operation::IterWhole { at: At::Snapshot(which as u16), walk: Walk::Front })?;
        }
        self.apply(&Operation::Verify)?;
        Ok(())
    }

    /// The tree.
    pub(super) fn tree(&self) -> &Tree {
        self.tree.as_ref().expect("it is only missing while it is reopened")
    }

    /// The bound of a read.
    pub(super) fn bound(&self, at: At) -> SeqNo {
        match at {
            At::Latest => SeqNo::MAX,
            At::Snapshot(which) if !self.snapshots.is_empty() => {
                self.snapshots[usize::from(which) % self.snapshots.len()].bound()
            }
            At::Snapshot(part) | At::Between(part) => {
                self.watermark + share(part, self.seqno.get() - self.watermark + 1)
            }
        }
    }

    /// The time that a read at `bound` goes by.
    pub(super) fn time_at(&self, bound: SeqNo) -> u64 {
        let held = self.snapshots.iter().filter(|snapshot| snapshot.bound() == bound);
        let earliest = held.map(Snapshot::time).min().filter(|_| bound < MAX_SEQNO);
        earliest.unwrap_or_else(|| self.clock.unix_millis())
    }

    /// A value that no other write has, and when it expires.
    pub(super) fn expiring(&mut self, len: usize, lives: u8) -> (Value, u64) {
        (self.value(len), self.clock.unix_millis() + u64::from(lives))
    }

    /// A watermark as a caller might advise it, noting what the tree may make of it.
    pub(super) fn advise(&mut self, advice: Advice) -> SeqNo {
        let advised = match advice {
            Advice::Highest => SeqNo::MAX,
            Advice::Part(part) => share(part, self.seqno.get() + 1),
        };
        self.watermark = self.watermark.max(advised.min(self.visible.get()));
        self.taken.retain(|seqno| *seqno >= self.watermark);
        advised
    }

    /// The lowest seqno that is still to be written.
    pub(super) fn lowest_open_seqno(&self) -> SeqNo {
        self.taken.iter().copied().min().unwrap_or_else(|| self.seqno.get())
    }

    /// A value that no other write has.
    pub(super) fn value(&mut self, len: usize) -> Value {
        self.writes += 1;
        let mut value = self.writes.to_string().into_bytes();
        value.resize(value.len() + len, b'x');
        Arc::from(value)
    }
}

/// Of `room` numbers the one at this share of them: it stays about there while a script is shortened.
fn share(part: u16, room: u64) -> u64 {
    (u64::from(part) * room) >> 16
}

/// Says what failed that should not have.
pub(super) fn told<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what} failed: {error}")
}

/// A difference, if there is one.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, expected {wanted:?}")) }
}

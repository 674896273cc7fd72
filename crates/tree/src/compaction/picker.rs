//! What a compaction strategy sees of a tree, and what it answers.
//!
//! A [`Shape`] is a snapshot of the tree's tables: levels of runs of tables, without their contents, and the
//! jobs that are running. A [`CompactionStrategy`] looks at it and returns a [`Plan`], or nothing. It does no I/O,
//! keeps no state between calls and is tested with tables of text.
//!
//! The caller takes the shape, picks, and marks the plan's inputs as busy under one lock, so that two plans
//! never see the same table idle. A plan stays valid while its inputs are busy: flushes only add newer runs
//! to level 0, and no other plan may take its inputs or write into its key range.
//!
//! [`super::check`] holds the rules that every plan obeys (from INV-COMPACT-1 on), so that a plan from a
//! strategy of the user's own that breaks one is refused, not run.
//!
//! Not here: any particular strategy ([`super::leveled`]), and which entries a job drops ([`super::stream`]).

use std::cmp::Ordering;
use std::fmt;

use esker_format::ids::{RunId, TableId};
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

/// Decides what to compact next. See the module for the rules that a plan must obey.
pub trait CompactionStrategy: Send + Sync {
    /// The strategy's name, for logs and metrics.
    fn name(&self) -> &'static str;

    /// The most useful compaction that can start now beside those that run, or `None`.
    fn pick(&self, shape: &Shape) -> Option<Plan>;

    /// Bytes that must still be written until the tree has the shape the strategy wants. Drives backpressure.
    fn debt(&self, shape: &Shape) -> u64;
}

/// The tables of a tree as a strategy sees them.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The order of user keys.
    pub order: KeyOrder,
    /// Entries below this seqno are old enough to be dropped: no smaller read bound is live or can come up,
    /// and no memtable holds a smaller seqno.
    pub watermark: SeqNo,
    /// Level 0 first. Always all levels that the tree may have, empty ones included.
    pub levels: Vec<LevelShape>,
    /// The jobs that run now.
    pub running: Vec<RunningJob>,
    /// Nothing else has work to do: no flush waits and no writes have come in for a while. A strategy then
    /// settles the tree for its readers, beyond what it would do under load.
    pub idle: bool,
}

/// One level: its runs, newest first. Level 0 takes a new run from each flush; under the leveled strategy deeper
/// levels hold one run at most.
#[derive(Clone, Debug, Default)]
pub struct LevelShape {
    /// Newest first.
    pub runs: Vec<RunShape>,
}

/// One sorted run: tables with disjoint key ranges.
#[derive(Clone, Debug)]
pub struct RunShape {
    /// The run's id, unique in the tree.
    pub id: RunId,
    /// Ascending by key.
    pub tables: Vec<TableShape>,
}

/// One table.
#[derive(Clone, Debug)]
pub struct TableShape {
    /// The table's id.
    pub id: TableId,
    /// Size of its file.
    pub size_bytes: u64,
    /// Smallest user key, those of range tombstones included.
    pub smallest: Slice,
    /// Largest user key, inclusive, those of range tombstones included.
    pub largest: Slice,
    /// Smallest seqno.
    pub lowest_seqno: SeqNo,
    /// Largest seqno.
    pub highest_seqno: SeqNo,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Deletes and weak deletes, and about as many values as have expired for everybody.
    pub tombstones: u64,
    /// Range tombstones: each may hide more than the table holds.
    pub range_tombstones: u64,
    /// The table may hold a version of some key that is *older* than one in an older run or a deeper level.
    /// Only trees whose caller hands out seqnos that cross a memtable's seal know such tables; what a merge of them
    /// inherits. It narrows what may be dropped (INV-DROP-6).
    pub out_of_order: bool,
    /// The table is an input of a running job.
    pub busy: bool,
}

/// A running job, as far as a strategy must stay out of its way.
#[derive(Clone, Debug)]
pub struct RunningJob {
    /// The level it writes to.
    pub output_level: usize,
    /// Smallest user key of its inputs.
    pub smallest: Slice,
    /// Largest user key of its inputs, inclusive.
    pub largest: Slice,
}

/// What a plan does with its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Merge them into new tables.
    Merge,
    /// Put them into the output level as they are: an edit of the manifest, no I/O on tables.
    Move,
    /// Forget them with all they hold.
    Drop,
}

/// Tables of one run that a plan takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanInput {
    /// The run's level.
    pub level: usize,
    /// The run.
    pub run: RunId,
    /// The tables, ascending by key.
    pub tables: Vec<TableId>,
}

/// The run that a plan's output belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputRun {
    /// The only run of the output level, beside the tables of it that are no inputs; made if the level is empty.
    Sole,
    /// A run that stands where this input run stood in its level's order. The inputs include all of that run.
    InPlaceOf(RunId),
}

/// Why and where an output table should end early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutKey {
    /// No table holds both a smaller key and this or a larger one, once the cut is made.
    pub key: Slice,
    /// Cut always; otherwise only if the table has half of its target size.
    pub hard: bool,
}

/// A compaction to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to do.
    pub kind: PlanKind,
    /// What with: newest run first (level 0 first, its runs newest first), so the order of the list is the order
    /// of age for versions of one key.
    pub inputs: Vec<PlanInput>,
    /// The level of the output.
    pub output_level: usize,
    /// Its place in that level.
    pub output_run: OutputRun,
    /// Size at which an output table is full.
    pub target_table_bytes: u64,
    /// Where output tables should end, ascending by key. See [`super::cut`].
    pub cut_keys: Vec<CutKey>,
    /// Smallest user key of all inputs.
    pub smallest: Slice,
    /// Largest user key of all inputs, inclusive.
    pub largest: Slice,
    /// Sum of the inputs' sizes.
    pub input_bytes: u64,
    /// Why, in a few words, for logs and metrics.
    pub reason: &'static str,
}

impl Plan {
    /// What other pickers must know once this plan runs.
    pub fn running(&self) -> RunningJob {
        RunningJob {
            output_level: self.output_level,
            smallest: self.smallest.clone(),
            largest: self.largest.clone(),
        }
    }

    /// Every input table.
    pub fn tables(&self) -> impl Iterator<Item = TableId> + '_ {
        self.inputs.iter().flat_map(|input| input.tables.iter().copied())
    }
}

impl Shape {
    /// The runs of a level, newest first; none where there is no such level.
    pub fn runs(&self, level: usize) -> &[RunShape] {
        self.levels.get(level).map_or(&[], |level| level.runs.as_slice())
    }

    /// Every run with its level, newest first.
    pub fn all_runs(&self) -> impl Iterator<Item = (usize, &RunShape)> {
        self.levels
            .iter()
            .enumerate()
            .flat_map(|(level, shape)| shape.runs.iter().map(move |run| (level, run)))
    }

    /// The deepest level that a table may have.
    pub fn last_level(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    /// Bytes of all tables of a level.
    pub fn level_bytes(&self, level: usize) -> u64 {
        self.runs(level).iter().map(RunShape::size_bytes).sum()
    }

    /// How many runs level 0 has: what backpressure counts.
    pub fn level_zero_runs(&self) -> usize {
        self.runs(0).len()
    }

    /// How many sorted runs a seek has to look at.
    pub fn sorted_runs(&self) -> usize {
        self.all_runs().count()
    }

    /// Whether two inclusive key ranges share a key.
    #[inline]
    pub fn overlap(&self, a: (&[u8], &[u8]), b: (&[u8], &[u8])) -> bool {
        self.order.compare(a.0, b.1) != Ordering::Greater && self.order.compare(b.0, a.1) != Ordering::Greater
    }

    /// Whether a running job writes to one of these levels within the key range. A plan that does so too must
    /// wait, even where no table of the level lies there yet.
    pub fn is_being_written(
        &self,
        levels: std::ops::RangeInclusive<usize>,
        smallest: &[u8],
        largest: &[u8],
    ) -> bool {
        self.running.iter().any(|job| {
            levels.contains(&job.output_level)
                && self.overlap((smallest, largest), (&job.smallest, &job.largest))
        })
    }
}

impl RunShape {
    /// Bytes of all tables.
    pub fn size_bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.size_bytes).sum()
    }

    /// Whether a running job takes one of its tables.
    pub fn is_busy(&self) -> bool {
        self.tables.iter().any(|table| table.busy)
    }

    /// The tables that share a key with the inclusive range: two binary searches.
    pub fn overlapping(&self, order: &KeyOrder, smallest: &[u8], largest: &[u8]) -> &[TableShape] {
        let from =
            self.tables.partition_point(|table| order.compare(&table.largest, smallest) == Ordering::Less);
        let rest = self.tables.get(from..).unwrap_or_default();
        let len = rest.partition_point(|table| order.compare(&table.smallest, largest) != Ordering::Greater);
        rest.get(..len).unwrap_or_default()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PlanKind::Merge => "merge",
            PlanKind::Move => "move",
            PlanKind::Drop => "drop",
        };
        write!(f, "{kind}")?;
        for input in &self.inputs {
            write!(f, " L{}.{}[", input.level, input.run)?;
            for (i, table) in input.tables.iter().enumerate() {
                write!(f, "{}{table}", if i == 0 { "" } else { " " })?;
            }
            write!(f, "]")?;
        }
        match self.output_run {
            OutputRun::Sole => write!(f, " -> L{}", self.output_level)?,
            OutputRun::InPlaceOf(run) => write!(f, " -> L{}.{run}", self.output_level)?,
        }
        write!(f, " ({})", self.reason)
    }
}

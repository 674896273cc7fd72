//! Level 0: getting flushed runs out of the way of reads.
//!
//! Runs of level 0 are sublevels: each is sorted in itself, and older runs lie under newer ones. A plan that takes a table
//! down must take every older table with the same keys as well, or old versions would come to lie above new ones
//! (INV-COMPACT-1); newer tables may stay. So the unit of work is a *column*: a key range and the oldest runs up to some
//! height, closed under overlap. Columns of disjoint key ranges compact at the same time, and a column under a busy newer
//! table is still free.
//!
//! Where the way down is not worth it yet, neighbouring runs are merged within level 0 (INV-COMPACT-3): those with the
//! fewest bytes per run saved, and at least doubling the largest of them, so that large runs wait until equals have
//! gathered. That keeps the number of runs, and how often a byte is rewritten, at a logarithm of level 0's size over that of a
//! flush.

use super::draft::{Hull, Taken, cut_keys, into_level, overlap_bytes};
use super::settings::Leveled;
use super::sizes::LevelSizes;
use crate::compaction::picker::{OutputRun, Plan, PlanKind, RunShape, Shape, TableShape};

/// Up to this many bytes of the base may be rewritten for each byte of level 0: five bytes written per byte in all, while the
/// merge within level 0 instead costs about one more per quadrupling of level 0.
const MAX_BASE_RATIO: u64 = 4;

/// From this multiple of the trigger on, runs go down at any price. With runs that double, level 0 reaches it only if it
/// cannot go down for long.
const PRESSING: usize = 2;

/// From this multiple of the trigger on, in halves, runs that wait for a running job are merged meanwhile. Sooner, what is
/// written twice would cost more than what readers gain until that job ends.
const WAITING_HALVES: usize = 3;

/// More starting points than this are not tried; only a level 0 of very many narrow tables has them.
const MAX_COLUMNS: usize = 64;

/// A table that meets nothing on its way moves down as far as it can.
pub(super) fn pick_move(options: &Leveled, shape: &Shape, sizes: &LevelSizes) -> Option<Plan> {
    let runs = shape.runs(0);
    for (i, run) in runs.iter().enumerate().rev() {
        let older = runs.get(i + 1..).unwrap_or_default();
        for table in run.tables.iter().filter(|table| !table.busy) {
            let hull = Hull::of(table);
            if older.iter().any(|run| !run.overlapping(&shape.order, hull.smallest, hull.largest).is_empty())
            {
                continue;
            }
            let free = |level: &usize| overlap_bytes(shape, *level, hull) == 0;
            let deepest = (1..=shape.last_level()).take_while(free).last();
            let Some(deepest) = deepest.filter(|deepest| *deepest >= sizes.base) else { continue };
            let taken = Taken { level: 0, run, tables: vec![table] };
            // From the deepest up: a heap of overlap below it, or tombstones, may forbid one level but not another.
            let mut plans = (sizes.base..=deepest).rev().filter_map(|level| {
                into_level(options, shape, std::slice::from_ref(&taken), level, "nothing in its way")
            });
            if let Some(plan) = plans.find(|plan| plan.kind == PlanKind::Move) {
                return Some(plan);
            }
        }
    }
    None
}

/// What to do once level 0 has reached its trigger.
pub(super) fn pick(options: &Leveled, shape: &Shape, sizes: &LevelSizes) -> Option<Plan> {
    // What a running job takes down already asks for no other.
    let is_free = |run: &&RunShape| run.tables.iter().any(|table| !table.busy);
    let runs = shape.runs(0).iter().filter(is_free).count();
    let trigger = options.level_zero_trigger_runs.max(2);
    if runs < trigger {
        return None;
    }
    let down = best_column(options, shape, sizes, "level 0 has many runs", |_| true);
    let worth = |column: &Column<'_>| {
        let fills_a_table = column.base_bytes > 0 || column.bytes >= options.small_table_bytes();
        fills_a_table && column.base_bytes <= column.bytes.saturating_mul(MAX_BASE_RATIO)
    };
    match down {
        Some((column, plan)) if worth(&column) => Some(plan),
        None if runs < trigger.saturating_mul(WAITING_HALVES) / 2 => None,
        down => within(options, shape, sizes, true).or_else(|| {
            if runs < trigger.saturating_mul(PRESSING) {
                return None;
            }
            down.map(|(_, plan)| plan).or_else(|| within(options, shape, sizes, false))
        }),
    }
}

/// What to do when nobody else has work: level 0 goes down if it must, if that is cheap, or if it deletes much.
pub(super) fn pick_settling(
    options: &Leveled,
    shape: &Shape,
    sizes: &LevelSizes,
    must: bool,
) -> Option<Plan> {
    let cheap = |column: &Column<'_>| column.base_bytes <= column.bytes.saturating_mul(MAX_BASE_RATIO);
    best_column(options, shape, sizes, "settling", |_| true)
        .filter(|(column, _)| must || cheap(column))
        .or_else(|| best_column(options, shape, sizes, "many tombstones", Column::is_mostly_tombstones))
        .map(|(_, plan)| plan)
}

/// A part of level 0 that may go down.
struct Column<'a> {
    /// Newest run first.
    taken: Vec<Taken<'a>>,
    bytes: u64,
    base_bytes: u64,
}

/// The column of those `wanted` that relieves most: of the most runs, then the one with the least of the base to be rewritten.
fn best_column<'a>(
    options: &Leveled,
    shape: &'a Shape,
    sizes: &LevelSizes,
    reason: &'static str,
    wanted: impl Fn(&Column<'a>) -> bool,
) -> Option<(Column<'a>, Plan)> {
    let runs = shape.runs(0);
    let mut best: Option<(Column<'a>, Plan)> = None;
    let mut tried = 0;
    let mut seen: Vec<&TableShape> = Vec::new();
    for (i, run) in runs.iter().enumerate().rev() {
        for seed in &run.tables {
            if seed.busy || tried == MAX_COLUMNS || seen.iter().any(|table| table.id == seed.id) {
                continue;
            }
            tried += 1;
            let Some(column) = column(shape, sizes.base, i, seed) else { continue };
            seen.extend(column.taken.iter().flat_map(|taken| taken.tables.iter()));
            if !wanted(&column) {
                continue;
            }
            let Some(plan) = into_level(options, shape, &column.taken, sizes.base, reason) else { continue };
            if best.as_ref().is_none_or(|(other, _)| column.relieves_more_than(other)) {
                best = Some((column, plan));
            }
        }
    }
    best
}

impl Column<'_> {
    /// Whether at least half of its entries are tombstones: until they meet what they hide, scans step over both. What is hidden is
    /// not written again, so the base to be rewritten counts for less than it seems. Range tombstones cost a scan next to nothing.
    fn is_mostly_tombstones(&self) -> bool {
        let tables = || self.taken.iter().flat_map(|taken| taken.tables.iter());
        let tombstones = tables().map(|table| table.tombstones).fold(0, u64::saturating_add);
        let entries = tables().map(|table| table.entries).fold(0, u64::saturating_add);
        tombstones > 0 && tombstones.saturating_mul(2) >= entries
    }

    fn relieves_more_than(&self, other: &Column<'_>) -> bool {
        // a / b < c / d without division.
        let cost = u128::from(self.base_bytes) * u128::from(other.bytes);
        let other_cost = u128::from(other.base_bytes) * u128::from(self.bytes);
        let runs = self.taken.len();
        runs > other.taken.len() || (runs == other.taken.len() && cost < other_cost)
    }
}

/// The highest column through a table of run `seed_run` that no busy table blocks.
fn column<'a>(shape: &'a Shape, base: usize, seed_run: usize, seed: &'a TableShape) -> Option<Column<'a>> {
    let runs = shape.runs(0);
    let mut newest = 0;
    while newest <= seed_run {
        match closure(shape, runs, newest, seed) {
            Ok(taken) => {
                let hull = Hull::of_all(&shape.order, &taken)?;
                let bytes = taken.iter().map(Taken::bytes).sum();
                return Some(Column { taken, bytes, base_bytes: overlap_bytes(shape, base, hull) });
            }
            // A busy table keeps what is newer in place, but not what is older.
            Err(busy_run) => newest = busy_run + 1,
        }
    }
    None
}

/// All tables from run `newest` on that overlap the seed, or each other and so on; or the oldest run with a busy one.
fn closure<'a>(
    shape: &'a Shape,
    runs: &'a [RunShape],
    newest: usize,
    seed: &'a TableShape,
) -> Result<Vec<Taken<'a>>, usize> {
    let mut hull = Hull::of(seed);
    loop {
        let mut grown = false;
        let mut taken = Vec::new();
        let mut busy = None;
        for (i, run) in runs.iter().enumerate().skip(newest) {
            let tables = run.overlapping(&shape.order, hull.smallest, hull.largest);
            if tables.iter().any(|table| table.busy) {
                busy = Some(i);
            }
            for table in tables {
                grown |= hull.extend(&shape.order, table);
            }
            if !tables.is_empty() {
                taken.push(Taken { level: 0, run, tables: tables.iter().collect() });
            }
        }
        if let Some(busy) = busy {
            return Err(busy);
        }
        if !grown {
            return Ok(taken);
        }
    }
}

/// The stretch of neighbouring idle runs with the fewest bytes per run that it saves. A `fair` one holds three runs or more
/// and is at least twice as large as its largest run.
fn within(options: &Leveled, shape: &Shape, sizes: &LevelSizes, fair: bool) -> Option<Plan> {
    let runs = shape.runs(0);
    let least = if fair { 3 } else { 2 };
    let mut best: Option<(u64, &[RunShape])> = None;
    for from in 0..runs.len() {
        let (mut bytes, mut largest) = (0u64, 0u64);
        for (len, run) in (1u64..).zip(runs.iter().skip(from).take_while(|run| !run.is_busy())) {
            let size = run.size_bytes();
            bytes = bytes.saturating_add(size);
            largest = largest.max(size);
            let cost = bytes.checked_div(len - 1).unwrap_or(u64::MAX);
            let doubles = largest.saturating_mul(2) <= bytes;
            if len >= least && (doubles || !fair) && best.is_none_or(|(other, _)| cost < other) {
                best =
                    usize::try_from(len).ok().and_then(|len| runs.get(from..from + len)).map(|s| (cost, s));
            }
        }
    }
    let (_, stretch) = best?;
    let whole = |run| Taken { level: 0, run, tables: run.tables.iter().collect() };
    let taken: Vec<Taken<'_>> = stretch.iter().map(whole).collect();
    let hull = Hull::of_all(&shape.order, &taken)?;
    Some(Plan {
        kind: PlanKind::Merge,
        inputs: taken.iter().map(Taken::input).collect(),
        output_level: 0,
        output_run: OutputRun::InPlaceOf(stretch.first()?.id),
        target_table_bytes: options.target_table_bytes,
        // Tables in line with those of the base make for narrow columns later.
        cut_keys: cut_keys(options, shape, sizes.base, hull),
        smallest: hull.smallest.clone(),
        largest: hull.largest.clone(),
        input_bytes: taken.iter().map(Taken::bytes).sum(),
        reason: "level 0 has many small runs",
    })
}

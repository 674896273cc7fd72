//! What a merge leaves out: the one place where data is let go.
//!
//! A job pushes its inputs' entries in internal order (user key ascending, seqno descending, kind) and gets back, in the
//! same order, those that must be written. Nothing is allocated or copied per entry. Whoever pushes says where a new key begins
//! ([`KeyTracker`]), and is told the same of what comes out. What would come out as it is may go by unseen ([`DropStream::pass`]).
//!
//! Who can still read decides what may go. A read at bound `R` sees `seqno < R`. Allowed are every `R ≥ W` (the
//! watermark) and the bounds in the list of snapshots. Snapshots cut the seqnos into *stripes*: two versions lie in the
//! same stripe if no snapshot sees the older without the newer. Then, for versions of one key:
//!
//! - **Shadowed** (INV-DROP-1): a version goes if a newer full version (anything but a merge operand) below `W` lies in
//!   its stripe: whoever could see the one sees the other.
//! - **Tombstones** (INV-DROP-2) go where no older data remains: below `W`, in the oldest stripe (so that all older
//!   versions among the inputs go as well), no older data below the output for that key.
//! - **Weak deletes** (INV-DROP-3, INV-DROP-4) take the immediately older version with them if that is a put in their
//!   stripe. They do not go for being shadowed, as their put may still come: put, weak delete, put, weak delete would
//!   otherwise bring the first put back once the second pair is gone. So a weak delete is held back until the next
//!   entry tells.
//! - **Seqnos** (INV-DROP-5) of puts become 0 in the last level under the conditions of a tombstone's going. At most one
//!   version of a key meets them.
//! - **Operands** of a merge operator are folded with their neighbours in their stripe (`fold`, INV-MERGE-3).
//! - A compaction **filter** judges newest versions that no snapshot sees (`judge`, INV-FILTER-1).
//! - Nothing at or above `W` is dropped or changed (INV-DROP-7).
//!
//! If seqnos may arrive out of order (INV-DROP-6), a newer source may hold an older version. [`DropLimits`] tells; then
//! only seqnos below all such strays count as settled for the three last rules.
//!
//! A range tombstone is a full version of every key that it covers, so what it covers in its stripe goes, weak deletes too
//! (INV-RANGE-4); it parts a weak delete or an operand from what is older; and a put keeps its seqno where 0 would be covered by
//! what is written of range tombstones (INV-RANGE-6). Which of these go themselves is decided before ([`super::fragments`]).
//!
//! A value that **expires** is a value until it has for every reader; from then on it goes where a tombstone would, and until
//! then stays without its value (`expire`, INV-TTL-3).
//!
//! Not here: which tables are merged ([`super::picker`]), where output tables end ([`super::cut`]).

mod expire;
mod fold;
mod judge;
mod operands;
mod tombstones;

use std::cmp::Ordering;
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

use super::filter::RunningFilter;
use super::fragments::{Covering, Fragments};
use super::limits::{DropLimits, OlderData};
pub use super::readers::Readers;
use crate::error::Error;
use crate::merge_operator::SharedMergeOperator;
use operands::Operands;

/// One version of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The user key.
    pub key: &'a [u8],
    /// Whether it is the first entry of its key on the way that it goes: into a stream, or out of it. See [`KeyTracker`].
    pub is_new_key: bool,
    /// Its sequence number.
    pub seqno: SeqNo,
    /// What it is.
    pub kind: Kind,
    /// Its value, empty for tombstones.
    pub value: &'a [u8],
}

/// Tells where a new user key begins in a sequence of ascending keys.
#[derive(Debug)]
pub struct KeyTracker {
    order: KeyOrder,
    key: Vec<u8>,
    has_key: bool,
}

impl KeyTracker {
    /// For keys of `order`, of which none came yet.
    pub fn new(order: KeyOrder) -> KeyTracker {
        KeyTracker { order, key: Vec::new(), has_key: false }
    }

    /// Takes the next key; says whether it is another one than the last.
    #[inline]
    pub fn is_new(&mut self, key: &[u8]) -> bool {
        // Neighbouring keys differ at their end as a rule, which costs less to see than a call of `memcmp`.
        let differs = self.order.is_bytes() && self.key.last_chunk::<8>() != key.last_chunk::<8>();
        if !differs && self.has_key && self.order.same_key(&self.key, key) {
            return false;
        }
        self.key.clear();
        self.key.extend_from_slice(key);
        self.has_key = true;
        true
    }
}

/// Puts of different keys that stand together in the inputs, as a block of a table: see [`DropStream::pass`].
#[derive(Clone, Copy, Debug)]
pub struct Puts<'a> {
    /// The first key.
    pub first: &'a [u8],
    /// The last key.
    pub last: &'a [u8],
    /// Lower than or equal to all their seqnos.
    pub lowest_seqno: SeqNo,
    /// Higher than or equal to all their seqnos.
    pub highest_seqno: SeqNo,
    /// The seqno of the last of them.
    pub last_seqno: SeqNo,
}

/// What a merge left out, in entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounts {
    /// Hidden by a newer version.
    pub shadowed: u64,
    /// Tombstones that had nothing left to hide.
    pub tombstones: u64,
    /// Weak deletes with the put that they deleted: two entries each.
    pub weak_pairs: u64,
    /// Kept, with their seqno set to 0.
    pub zeroed: u64,
    /// Folded into a newer entry of their key.
    pub folded: u64,
    /// Left out as expired, or cut off their value.
    pub expired: u64,
    /// Left out by a compaction filter without a tombstone.
    pub destroyed: u64,
    /// How often the merge operator could not fold operands, which were kept as they are.
    pub failed_folds: u64,
}

/// No version lies at or above this seqno, so nothing is hidden.
const NOTHING_HIDDEN: SeqNo = SeqNo::MAX;

/// Decides for each entry of a merge whether it is written. One per job or part of a job, used once.
#[derive(Debug)]
pub struct DropStream {
    order: KeyOrder,
    readers: Readers,
    older: OlderData,
    /// The first range of `older` that does not end before the current key.
    next_older: usize,
    /// Below it, a version that is its key's oldest data has no reader who could miss it (see INV-DROP-2).
    settled_below: SeqNo,
    /// Below it, a weak delete may take its put along.
    pairs_below: SeqNo,
    /// From here on, a newer source may hold versions between those of the inputs.
    strays_from: SeqNo,
    /// As in [`DropLimits`].
    out_of_order: bool,
    /// Seqnos may become 0.
    zeroes: bool,
    /// Whether an entry of the current key was handed out.
    emitted: bool,
    /// Whether nothing older than the current key's inputs remains; asked at most once per key.
    oldest: Option<bool>,
    /// Versions of the current key from this seqno on are hidden by a newer full version that is written, or that is a
    /// tombstone which nothing needs.
    hidden_from: SeqNo,
    /// Puts and operands from this seqno on are hidden by a weak delete that has gone with its put. Tombstones are not:
    /// they still hide what is older than the pair.
    hidden_by_pair_from: SeqNo,
    waiting: Waiting,
    held: Held,
    operands: Operands,
    filter: Option<Box<RunningFilter>>,
    /// What expires up to here has for every reader.
    expired_at: u64,
    /// What covers the current key, if any range tombstone is among the inputs.
    covering: Option<Covering>,
    counts: DropCounts,
    #[cfg(test)]
    broken: Option<Rule>,
}

/// Rules that the tests break on purpose, to see that they notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    WeakDeleteOutlivesShadow,
    TombstoneOutlivesPair,
    OperandHidesNothing,
    FoldsWithinStripe,
    FoldsOntoNothingAtBottom,
    FoldsOnlyNeighbours,
    CoveredEntryGoes,
    SeqnoStaysUnderRange,
    RangeParts,
    ExpiredStaysToHide,
    ExpiredIsNoTombstone,
    ExpiredTakesNoOlder,
    ExpiredOnlyForAll,
    ExpiringBaseIsNotFolded,
}

/// What waits for the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    /// [`Held`].
    WeakDelete,
    /// [`Operands`].
    Operands,
}

/// A weak delete that waits for the next entry.
#[derive(Debug, Default)]
struct Held {
    key: Vec<u8>,
    value: Vec<u8>,
    seqno: SeqNo,
    /// `hidden_from` without it.
    hidden_from: SeqNo,
}

impl DropStream {
    /// A stream over keys of `order`, for the given readers, within the limits of the job's plan.
    pub fn new(order: KeyOrder, readers: Readers, limits: DropLimits) -> DropStream {
        let strays_from = limits.newer_lowest_seqno.min(readers.watermark);
        let settled_below = limits.settled_below(&readers);
        // Two versions that are not neighbours are no pair, and out of order nobody knows what lies between them.
        let pairs_below = if limits.out_of_order { 0 } else { strays_from };
        DropStream {
            order,
            readers,
            next_older: 0,
            settled_below,
            pairs_below,
            strays_from,
            out_of_order: limits.out_of_order,
            zeroes: limits.last_level,
            older: limits.older,
            emitted: false,
            oldest: None,
            hidden_from: NOTHING_HIDDEN,
            hidden_by_pair_from: NOTHING_HIDDEN,
            waiting: Waiting::Nothing,
            held: Held::default(),
            operands: Operands::default(),
            filter: None,
            expired_at: 0,
            covering: None,
            counts: DropCounts::default(),
            #[cfg(test)]
            broken: None,
        }
    }

    /// Folds operands by `operator`; without one they are kept as they are.
    #[must_use]
    pub fn folding(mut self, operator: Option<SharedMergeOperator>) -> DropStream {
        self.operands = Operands::new(operator);
        self
    }

    /// Asks `filter` about newest versions (`judge`).
    #[must_use]
    pub fn filtering(mut self, filter: Option<RunningFilter>) -> DropStream {
        self.filter = filter.map(Box::new);
        self
    }

    /// Takes what expires up to `expired_at` for expired: it is so now, and for every live snapshot (INV-TTL-2). Without it, only
    /// what always is.
    #[must_use]
    pub fn expiring(mut self, expired_at: u64) -> DropStream {
        self.expired_at = expired_at;
        self
    }

    /// What the filter did wrong, if anything.
    ///
    /// # Errors
    /// [`Error::FilterValueTooLong`]: nothing that the stream handed out may be used.
    pub fn check_filter(&self) -> Result<(), Error> {
        self.filter.as_ref().map_or(Ok(()), |filter| filter.check())
    }

    /// The filter, which has seen all that it will.
    pub fn take_filter(&mut self) -> Option<RunningFilter> {
        self.filter.take().map(|filter| *filter)
    }

    /// The same over inputs with range tombstones.
    #[must_use]
    pub fn covered_by(mut self, fragments: Arc<Fragments>) -> DropStream {
        if !fragments.is_empty() {
            self.covering = Some(Covering::new(fragments, self.order.clone()));
        }
        self
    }

    /// Takes the next entry of the merge; hands to `emit` what is to be written now: nothing, this entry (perhaps with
    /// seqno 0), or a weak delete that was held back and then this entry, or what operands were folded to.
    ///
    /// # Errors
    /// Those of `emit`; the stream is of no use afterwards.
    #[inline]
    pub fn push<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let covered = self.covering.is_some() && self.is_covered(entry);
        if entry.is_new_key {
            self.release(emit)?;
            self.begin_key();
        } else if covered && self.holds(Rule::RangeParts) {
            // What waits is as new as the range tombstone, or it would be covered itself, so it has nothing to do with this.
            self.release(emit)?;
        } else if self.waiting != Waiting::Nothing && self.meet(entry, emit)? {
            return Ok(());
        }
        if covered && self.holds(Rule::CoveredEntryGoes) {
            self.counts.shadowed += 1;
            return Ok(());
        }
        if entry.kind.is_tombstone() {
            return self.push_tombstone(entry, emit);
        }
        // INV-DROP-1, INV-DROP-4.
        if entry.seqno >= self.hidden_from || entry.seqno >= self.hidden_by_pair_from {
            self.counts.shadowed += 1;
            return Ok(());
        }
        if entry.kind != Kind::Put {
            return self.push_unusual(entry, emit);
        }
        self.push_whole(entry, emit)
    }

    /// What is neither a tombstone nor a plain value, and is hidden by nothing.
    #[cold]
    #[inline(never)]
    fn push_unusual<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match entry.kind {
            Kind::Merge if self.holds(Rule::OperandHidesNothing) => self.push_operand(entry, emit),
            Kind::ExpiringPut => self.push_expiring(entry, emit),
            _ => self.push_whole(entry, emit),
        }
    }

    /// A value that nothing hides.
    #[inline]
    fn push_whole<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.filter.is_some() { self.push_judged(entry, emit) } else { self.keep_whole(entry, emit) }
    }

    /// A value that stays.
    #[inline]
    fn keep_whole<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.hidden_from = self.hidden_behind(entry.seqno);
        // INV-DROP-5.
        if self.zeroes
            && entry.seqno < self.settled_below
            && entry.seqno != 0
            && self.is_oldest(entry.key)
            && !(self.must_keep_seqno(entry) && self.holds(Rule::SeqnoStaysUnderRange))
        {
            self.counts.zeroed += 1;
            return self.hand_out(Entry { seqno: 0, ..entry }, emit);
        }
        self.hand_out(entry, emit)
    }

    /// Whether [`Self::push`] would hand out each of these puts as it is. Then they may be written unseen, after what this
    /// hands to `emit`, and the stream goes on behind them; otherwise nothing has happened, and they are to be pushed. The
    /// first of them must be of a new key, and so must each of the others.
    ///
    /// # Errors
    /// Those of `emit`; the stream is of no use afterwards.
    pub fn pass<E>(
        &mut self,
        puts: Puts<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        // A new key's newest version is hidden by nothing, so only its seqno could change (INV-DROP-5).
        let keeps_seqnos = puts.highest_seqno == 0 || puts.lowest_seqno >= self.settled_below;
        if self.zeroes && !keeps_seqnos || self.filter.is_some() {
            return Ok(false);
        }
        if let Some(covering) = &mut self.covering {
            let newest = covering.newest_between(puts.first, puts.last);
            if newest.is_some_and(|newest| newest > puts.lowest_seqno) {
                return Ok(false);
            }
            covering.enter(puts.last);
        }
        self.release(emit)?;
        self.begin_key();
        self.emitted = true;
        self.hidden_from = self.hidden_behind(puts.last_seqno);
        Ok(true)
    }

    /// Ends the stream: hands out what still waits. To be called after the last entry.
    ///
    /// # Errors
    /// Those of `emit`.
    pub fn finish<E>(&mut self, emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        self.release(emit)
    }

    /// What was left out so far.
    pub fn counts(&self) -> DropCounts {
        self.counts
    }

    /// Whether a rule is in force: always, but where a test breaks it.
    #[inline]
    fn holds(&self, rule: Rule) -> bool {
        #[cfg(test)]
        return self.broken != Some(rule);
        #[cfg(not(test))]
        {
            let _ = rule;
            true
        }
    }

    #[inline]
    fn begin_key(&mut self) {
        self.emitted = false;
        self.oldest = None;
        self.hidden_from = NOTHING_HIDDEN;
        self.hidden_by_pair_from = NOTHING_HIDDEN;
    }

    #[inline]
    fn hand_out<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_new_key = !std::mem::replace(&mut self.emitted, true);
        emit(Entry { is_new_key, ..entry })
    }

    #[inline]
    fn release<E>(&mut self, emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.waiting == Waiting::Nothing { Ok(()) } else { self.release_waiting(emit) }
    }

    #[cold]
    fn release_waiting<E>(&mut self, emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        if std::mem::replace(&mut self.waiting, Waiting::Nothing) == Waiting::Operands {
            return self.end_operands(emit);
        }
        let is_new_key = !std::mem::replace(&mut self.emitted, true);
        emit(self.held.entry(is_new_key))
    }

    /// What waits meets an older version of its key; says whether that is done with.
    #[cold]
    fn meet<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.waiting == Waiting::Operands {
            return self.meet_operands(entry, emit);
        }
        if self.completes_pair(entry) {
            return Ok(true);
        }
        self.release(emit).map(|()| false)
    }

    /// See [`Readers::hidden_behind`].
    #[inline]
    fn hidden_behind(&self, seqno: SeqNo) -> SeqNo {
        self.readers.hidden_behind(seqno)
    }

    /// Takes note of the key of an entry, and says whether a range tombstone hides the entry from every reader who could see it
    /// (INV-RANGE-4).
    #[cold]
    #[inline(never)]
    fn is_covered(&mut self, entry: Entry<'_>) -> bool {
        let Some(covering) = &mut self.covering else { return false };
        if entry.is_new_key {
            covering.enter(entry.key);
        }
        covering
            .nearest_over(entry.seqno)
            .is_some_and(|nearest| entry.seqno >= self.readers.hidden_behind(nearest))
    }

    /// Whether the entry's seqno keeps it from being covered by a range tombstone that is written (INV-RANGE-6).
    #[inline]
    fn must_keep_seqno(&self, entry: Entry<'_>) -> bool {
        self.covering.as_ref().is_some_and(|covering| covering.keeps_up_to(entry.seqno))
    }

    /// Whether no data older than the job's inputs can exist for the key. Keys only ascend, so this is one step as a rule.
    #[inline]
    fn is_oldest(&mut self, key: &[u8]) -> bool {
        if let Some(known) = self.oldest {
            return known;
        }
        let ranges = self.older.ranges();
        while let Some((_, largest)) = ranges.get(self.next_older) {
            if self.order.compare(largest, key) != Ordering::Less {
                break;
            }
            self.next_older += 1;
        }
        let older = ranges.get(self.next_older);
        let oldest = older.is_none_or(|(smallest, _)| self.order.compare(smallest, key) == Ordering::Greater);
        self.oldest = Some(oldest);
        oldest
    }
}

impl Held {
    fn hold(&mut self, entry: Entry<'_>, hidden_from: SeqNo) {
        self.key.clear();
        self.key.extend_from_slice(entry.key);
        self.value.clear();
        self.value.extend_from_slice(entry.value);
        self.seqno = entry.seqno;
        self.hidden_from = hidden_from;
    }

    fn entry(&self, is_new_key: bool) -> Entry<'_> {
        Entry { key: &self.key, is_new_key, seqno: self.seqno, kind: Kind::SingleDelete, value: &self.value }
    }
}

#[cfg(test)]
mod range_tests;
#[cfg(test)]
mod tests;

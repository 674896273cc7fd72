//! Folding operands, as far as no reader can tell (INV-MERGE-3).
//!
//! Operands come newest first. They are folded only with versions of their own stripe, below the watermark, so that no reader
//! sees the one without the other; the outcome stands at the newest one's seqno:
//!
//! - down to a value: folded onto that value, a put;
//! - down to a tombstone, a value that has expired for every reader, or to the end where no older data remains: folded onto
//!   nothing, a put;
//! - down to a value that may still expire: one operand, if the operator can make one, above that value. Folded, what readers
//!   see once the value has expired could not be told any more (INV-TTL-4);
//! - down to the end of the stripe or of the inputs: one operand, if the operator can make one; else all stay.
//!
//! What is next to each other in the merge must be so in the tree: nothing between may lie elsewhere. So nothing is folded that newer
//! sources may hold strays below, nor, above older data, where the inputs themselves came out of order.
//!
//! An operator that fails leaves everything as it is: readers will be told.

use esker_format::expiry::split_expiring;
use esker_mem::kind::Kind;

use super::{DropStream, Entry, Rule, Waiting};

impl DropStream {
    /// An operand that nothing hides: waits for what it can be folded with, if it may be folded at all.
    #[cold]
    pub(super) fn push_operand<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let has_neighbours = entry.seqno < self.strays_from
            && (!self.out_of_order || self.is_oldest(entry.key))
            || !self.holds(Rule::FoldsOnlyNeighbours);
        if self.operands.operator.is_none() || !has_neighbours {
            return self.hand_out(entry, emit);
        }
        let stripe_from =
            if self.holds(Rule::FoldsWithinStripe) { self.hidden_behind(entry.seqno) } else { 0 };
        self.operands.begin(entry.key, entry.is_new_key, stripe_from);
        self.operands.add(entry.seqno, entry.value);
        self.waiting = Waiting::Operands;
        Ok(())
    }

    /// Operands that wait meet an older version of their key; says whether that is done with.
    pub(super) fn meet_operands<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let is_hidden = entry.seqno >= self.hidden_from || entry.seqno >= self.hidden_by_pair_from;
        if is_hidden && !entry.kind.is_tombstone() {
            self.counts.shadowed += 1;
            return Ok(true);
        }
        if entry.seqno < self.operands.stripe_from {
            self.waiting = Waiting::Nothing;
            return self.hand_out_folded(emit).map(|()| false);
        }
        match entry.kind {
            Kind::Merge => {
                self.operands.add(entry.seqno, entry.value);
                Ok(true)
            }
            Kind::Put => {
                let is_folded = self.fold_onto(Some(entry.value), emit)?;
                self.counts.folded += u64::from(is_folded);
                Ok(is_folded)
            }
            Kind::Delete | Kind::SingleDelete => self.fold_onto(None, emit).map(|_| false),
            Kind::ExpiringPut if !self.holds(Rule::ExpiringBaseIsNotFolded) => {
                let is_folded = self.fold_onto(Some(split_expiring(entry.value).0), emit)?;
                self.counts.folded += u64::from(is_folded);
                Ok(is_folded)
            }
            Kind::ExpiringPut if self.is_expired(entry) => self.fold_onto(None, emit).map(|_| false),
            // Its value is elsewhere, or will go some day.
            Kind::BlobPointer | Kind::ExpiringPut => {
                self.waiting = Waiting::Nothing;
                self.hand_out_folded(emit).map(|()| false)
            }
        }
    }

    /// No older version of the key comes.
    pub(super) fn end_operands<E>(
        &mut self,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = std::mem::take(&mut self.operands.key);
        let is_settled = self.operands.newest_seqno() < self.settled_below;
        let is_whole = is_settled && (self.is_oldest(&key) || !self.holds(Rule::FoldsOntoNothingAtBottom));
        self.operands.key = key;
        if is_whole { self.fold_onto(None, emit).map(|_| ()) } else { self.hand_out_folded(emit) }
    }

    /// Hands out the value that the operands make of `base`, or, if the operator fails, themselves; says which.
    fn fold_onto<E>(
        &mut self,
        base: Option<&[u8]>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.waiting = Waiting::Nothing;
        let Some(value) = self.operands.fold_onto(base) else {
            self.counts.failed_folds += 1;
            return self.hand_out_operands(emit).map(|()| false);
        };
        self.counts.folded += self.operands.taken - 1;
        let key = std::mem::take(&mut self.operands.key);
        let (seqno, is_new_key) = (self.operands.newest_seqno(), self.operands.is_newest);
        let folded = Entry { key: &key, is_new_key, seqno, kind: Kind::Put, value: &value };
        let outcome = self.push_whole(folded, emit);
        self.operands.key = key;
        outcome.map(|()| true)
    }

    /// Hands out the operands as one, if the operator can make one of them.
    fn hand_out_folded<E>(&mut self, emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        self.operands.fold_partly();
        self.counts.folded += self.operands.taken - self.operands.waiting.len() as u64;
        self.hand_out_operands(emit)
    }

    /// Hands out the operands as they are.
    fn hand_out_operands<E>(&mut self, emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        let key = std::mem::take(&mut self.operands.key);
        let waiting = std::mem::take(&mut self.operands.waiting);
        let outcome = waiting.iter().try_for_each(|(seqno, operand)| {
            let entry =
                Entry { key: &key, is_new_key: false, seqno: *seqno, kind: Kind::Merge, value: operand };
            self.hand_out(entry, emit)
        });
        (self.operands.key, self.operands.waiting) = (key, waiting);
        outcome
    }
}

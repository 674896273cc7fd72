//! Tombstones, and the weak deletes among them that wait for what they delete (INV-DROP-2 to INV-DROP-4).
//!
//! Not here: what waits otherwise ([`super::operands`]).

use esker_mem::kind::Kind;

use super::{DropStream, Entry, Rule, Waiting};

impl DropStream {
    /// What deletes a key, strongly or weakly.
    pub(super) fn push_tombstone<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // INV-DROP-2. All older versions among the inputs lie in the same stripe, so they are hidden and go too.
        if entry.seqno < self.settled_below && self.is_oldest(entry.key) {
            self.counts.tombstones += 1;
            self.hidden_from = 0;
            return Ok(());
        }
        let hidden_before = self.hidden_from;
        self.hidden_from = hidden_before.min(self.hidden_behind(entry.seqno));
        let hidden = entry.seqno >= hidden_before
            || (entry.seqno >= self.hidden_by_pair_from && !self.holds(Rule::TombstoneOutlivesPair));
        if entry.kind == Kind::SingleDelete && (!hidden || self.holds(Rule::WeakDeleteOutlivesShadow)) {
            // INV-DROP-3: never dropped for being shadowed.
            if entry.seqno < self.pairs_below {
                self.held.hold(entry, hidden_before);
                self.waiting = Waiting::WeakDelete;
                return Ok(());
            }
        } else if hidden {
            self.counts.shadowed += 1;
            return Ok(());
        }
        self.hand_out(entry, emit)
    }

    /// Whether the held weak delete and this entry, the next older version of its key, both go (INV-DROP-4).
    pub(super) fn completes_pair(&mut self, entry: Entry<'_>) -> bool {
        let hidden_from = self.hidden_behind(self.held.seqno);
        let is_put = matches!(entry.kind, Kind::Put | Kind::BlobPointer | Kind::ExpiringPut);
        let pair = is_put && entry.seqno >= hidden_from;
        if pair {
            self.waiting = Waiting::Nothing;
            self.hidden_from = self.held.hidden_from;
            self.hidden_by_pair_from = hidden_from;
            self.counts.weak_pairs += 1;
        }
        pair
    }
}

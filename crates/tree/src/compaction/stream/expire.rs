//! What becomes of values that expire (INV-TTL-2, INV-TTL-3).
//!
//! One that has not expired for every reader is a value like any other. One that has, below the watermark, reads as a tombstone,
//! and goes where a tombstone would go: in the oldest stripe, where no older data remains. Elsewhere its value goes, and an entry
//! stays that is expired at every time: it hides what is older.
//!
//! It does not become a tombstone, since a weak delete still has to find it: put, put, delete, expiring put, weak delete is within
//! the contract of weak deletes, and a weak delete that met a tombstone in place of its put would go on, take the second put
//! along, and bring the first one back.
//!
//! Not here: operands upon such values ([`super::fold`]), compaction filters ([`super::judge`]).

use esker_format::expiry::{EXPIRED, EXPIRY_BYTES, is_expired, split_expiring};
use esker_mem::kind::Kind;

use super::{DropStream, Entry, Rule};

impl DropStream {
    /// Whether the entry is a value that has expired for every reader, and may be changed (INV-DROP-7).
    pub(super) fn is_expired(&self, entry: Entry<'_>) -> bool {
        let expired_at = if self.holds(Rule::ExpiredOnlyForAll) { self.expired_at } else { u64::MAX };
        entry.kind == Kind::ExpiringPut
            && entry.seqno < self.readers.watermark
            && is_expired(split_expiring(entry.value).1, expired_at)
    }

    /// A value that expires and that nothing hides.
    pub(super) fn push_expiring<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.is_expired(entry) {
            return self.push_whole(entry, emit);
        }
        if !self.holds(Rule::ExpiredIsNoTombstone) {
            return self.push_tombstone(Entry { kind: Kind::Delete, value: &[], ..entry }, emit);
        }
        // INV-DROP-2, as for a tombstone: all older versions among the inputs are hidden and go too.
        let hides_nothing = entry.seqno < self.settled_below && self.is_oldest(entry.key);
        if hides_nothing || !self.holds(Rule::ExpiredStaysToHide) {
            self.counts.expired += 1;
            if self.holds(Rule::ExpiredTakesNoOlder) {
                self.hidden_from = 0;
            }
            return Ok(());
        }
        self.counts.expired += u64::from(entry.value.len() > EXPIRY_BYTES);
        self.hidden_from = self.hidden_behind(entry.seqno);
        self.hand_out(Entry { value: &EXPIRED, ..entry }, emit)
    }
}

//! What a compaction filter's verdict does (INV-FILTER-1).
//!
//! The filter is asked about a value that is the first version of its key among the inputs, below the watermark; what snapshots see
//! it does not get to see ([`RunningFilter`](crate::compaction::filter::RunningFilter)). Removing turns the value into a tombstone with
//! its seqno, which then goes by the rules of tombstones; replacing leaves a value with its seqno. Either hides what the value
//! hid. Destroying leaves nothing, but takes along what the value hid among the inputs.
//!
//! Of a value that expires the filter sees the value and when; what has expired it does not get to see, and a value that replaces
//! another one has its expiry (INV-TTL-6).

use esker_format::expiry::split_expiring;
use esker_mem::kind::Kind;

use super::{DropStream, Entry};
use crate::compaction::filter::{FilterItem, Verdict};
use crate::expiry::stored;

impl DropStream {
    /// A value that nothing hides, with a filter in place.
    #[cold]
    #[inline(never)]
    pub(super) fn push_judged<E>(
        &mut self,
        entry: Entry<'_>,
        emit: &mut impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Entry { key, seqno, kind, .. } = entry;
        let (value, expires_at) = match kind {
            Kind::ExpiringPut => {
                let (value, expires_at) = split_expiring(entry.value);
                (value, Some(expires_at))
            }
            _ => (entry.value, None),
        };
        let is_value = matches!(kind, Kind::Put | Kind::ExpiringPut);
        let is_asked = entry.is_new_key && is_value && seqno < self.readers.watermark;
        let verdict = match &mut self.filter {
            Some(filter) if is_asked => filter.judge(FilterItem::new(key, value, seqno, expires_at)),
            _ => Verdict::Keep,
        };
        match verdict {
            Verdict::Keep => self.keep_whole(entry, emit),
            Verdict::ReplaceValue(value) => match expires_at {
                None => self.keep_whole(Entry { value: &value, ..entry }, emit),
                // Another value until the same time (INV-TTL-6).
                Some(expires_at) => {
                    let value = stored(&value, expires_at);
                    self.keep_whole(Entry { value: &value, ..entry }, emit)
                }
            },
            Verdict::Remove => self.push_tombstone(Entry { kind: Kind::Delete, value: &[], ..entry }, emit),
            Verdict::RemoveWeak => {
                self.push_tombstone(Entry { kind: Kind::SingleDelete, value: &[], ..entry }, emit)
            }
            Verdict::Destroy => {
                self.counts.destroyed += 1;
                self.hidden_from = self.hidden_behind(seqno);
                Ok(())
            }
        }
    }
}

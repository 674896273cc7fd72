//! Who can still read: which read bounds are in use, and so which versions no reader can tell apart.
//!
//! Snapshots cut the seqnos below the watermark into *stripes*: two versions lie in the same stripe if no bound in use sees the
//! older without the newer.

use esker_mem::seqno::SeqNo;

/// Which read bounds are still in use.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// Every bound from here on may be read at. No write below it can come any more.
    pub watermark: SeqNo,
    /// Live bounds below the watermark, ascending. Empty if the watermark is already capped by live snapshots.
    pub snapshots: Vec<SeqNo>,
}

impl Readers {
    /// From which seqno on older versions are hidden by a full version at `seqno`: the start of its stripe; nothing is hidden,
    /// and it is [`SeqNo::MAX`], if it is not below the watermark.
    #[inline]
    pub(crate) fn hidden_behind(&self, seqno: SeqNo) -> SeqNo {
        if seqno >= self.watermark {
            return SeqNo::MAX;
        }
        if self.snapshots.is_empty() {
            return 0;
        }
        let below = self.snapshots.partition_point(|bound| *bound <= seqno);
        below.checked_sub(1).and_then(|i| self.snapshots.get(i)).copied().unwrap_or(0)
    }
}

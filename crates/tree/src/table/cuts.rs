//! The partitions of an index or a filter that is being written.
//!
//! A partition is for a fixed number of data blocks, and ends with the separator of its last one. Its payload is finished at once and
//! waits here for the end of the table, where partitions are written before their directory ([`esker_format::partitions`]). A
//! table that never fills a partition stores its part whole.

use esker_format::block::BlockHandle;
use esker_format::index_block::builder::IndexBuilder;
use esker_format::partitions::Partitions;
use esker_mem::seqno::SeqNo;

/// A finished partition.
struct Cut {
    payload: Vec<u8>,
    separator: Vec<u8>,
    highest_seqno: SeqNo,
}

/// What is finished of a part.
pub(crate) struct Cuts {
    /// Data blocks for each partition; none if there shall be no partitions.
    each: Option<u32>,
    /// Data blocks of the table so far.
    blocks: u32,
    /// Of the partition under construction.
    pending: u32,
    highest_seqno: SeqNo,
    finished: Vec<Cut>,
}

impl Cuts {
    pub(crate) fn new(each: Option<u32>) -> Self {
        Self { each, blocks: 0, pending: 0, highest_seqno: 0, finished: Vec::new() }
    }

    /// Takes note of a data block; says whether the partition is full.
    #[inline]
    pub(crate) fn is_full_with(&mut self, highest_seqno: SeqNo) -> bool {
        self.blocks += 1;
        self.pending += 1;
        self.highest_seqno = self.highest_seqno.max(highest_seqno);
        self.each.is_some_and(|each| self.pending >= each)
    }

    /// Ends the partition under construction.
    pub(crate) fn cut(&mut self, payload: Vec<u8>, separator: &[u8]) {
        let (separator, highest_seqno) = (separator.to_vec(), self.highest_seqno);
        self.finished.push(Cut { payload, separator, highest_seqno });
        self.pending = 0;
        self.highest_seqno = 0;
    }

    /// Whether there are partitions, to which the rest must be added as the last one.
    pub(crate) fn is_partitioned(&self) -> bool {
        !self.finished.is_empty()
    }

    /// Whether a partition is under construction.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Hands the partitions to `write`, one by one, and appends the directory of where it put them to `out`.
    pub(crate) fn finish(
        self,
        order_is_bytes: bool,
        mut write: impl FnMut(Vec<u8>) -> BlockHandle,
        out: &mut Vec<u8>,
    ) {
        let mut directory = IndexBuilder::new(order_is_bytes);
        for Cut { payload, separator, highest_seqno } in self.finished {
            directory.add(&separator, write(payload), highest_seqno);
        }
        Partitions::encode(&mut directory, self.blocks, self.each.unwrap_or(1), out);
    }
}

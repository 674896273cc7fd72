//! The inner loop of a compaction: from the merge through the drop rules into tables.
//!
//! Entries go one by one. Where a whole block of an input stands alone, before all that the other inputs have left, and the
//! drop rules would change nothing in it, it is **copied as it is stored**: verified, its keys hashed for the filter, but neither
//! encoded nor compressed again. That needs all of this (INV-COMPACT-8):
//!
//! - its checksum is right ([`crate::table::sequence`] hands out no other), and it stands alone;
//! - its entries are puts of different keys, the first of which is new ([`DropStream::pass`] judges the rest), and no filter has to see them;
//! - no table must end amid its keys;
//! - it was written with the codec of the output level and as its hash policy wants it, has about its block size, and leaves no small block before it.
//!
//! Not here: the rules themselves ([`crate::compaction::stream`], [`crate::compaction::cut`]).

use crate::compact::merge::Merge;
use crate::compaction::cut::OutputCutter;
use crate::compaction::stream::{DropStream, Entry, KeyTracker, Puts};
use crate::error::{Error, Result};
use crate::install::Output;
use crate::table::sequence::SequenceBlock;

use esker_mem::kind::Kind;

/// One merge, or a part of one.
pub(crate) struct Rewrite<'a> {
    pub(crate) merge: Merge,
    pub(crate) keys: KeyTracker,
    pub(crate) stream: DropStream,
    pub(crate) tables: CutOutput<'a>,
    /// Room for the last key of a block.
    pub(crate) last_key: Vec<u8>,
    /// Entries of the inputs so far.
    pub(crate) seen: u64,
}

/// Tables that end where the plan wants it.
pub(crate) struct CutOutput<'a> {
    pub(crate) output: Output<'a>,
    pub(crate) cutter: OutputCutter<'a>,
    /// Entries so far.
    pub(crate) written: u64,
}

/// Entries between two looks at the request to stop.
const CANCEL_STRIDE: u64 = 1024;

impl Rewrite<'_> {
    /// Rewrites all of it (INV-FILTER-2).
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if asked to stop; what the file system says; damage in an input; what a compaction filter did wrong.
    pub(crate) fn run(&mut self, is_cancelled: impl Fn() -> bool) -> Result<()> {
        let mut look_at = 0;
        while let Some(input) = self.merge.first() {
            if self.seen >= look_at {
                if is_cancelled() {
                    return Err(Error::Cancelled);
                }
                self.stream.check_filter()?;
                look_at = self.seen + CANCEL_STRIDE;
            }
            let key = input.key();
            let is_new_key = self.keys.is_new(key);
            if is_new_key && input.is_at_block() && self.copy_block()? {
                continue;
            }
            let Some(input) = self.merge.first() else { break };
            let (key, seqno) = (input.key(), input.seqno());
            let entry = Entry { key, is_new_key, seqno, kind: input.kind(), value: input.value() };
            let tables = &mut self.tables;
            self.stream.push(entry, &mut |entry| tables.add(entry))?;
            self.seen += 1;
            self.merge.next()?;
        }
        let tables = &mut self.tables;
        self.stream.finish(&mut |entry| tables.add(entry))?;
        self.stream.check_filter()
    }

    /// Copies the block whose first entry is the next one of the merge, if that may be (INV-COMPACT-8).
    fn copy_block(&mut self) -> Result<bool> {
        let Some((input, whole)) = self.merge.first().and_then(|input| Some((input, input.whole_block()?)))
        else {
            return Ok(false);
        };
        let block = &whole.block;
        if !self.tables.output.takes_block(input.codec(), block) {
            return Ok(false);
        }
        let last = block.len() - 1;
        block.key_into(last, &mut self.last_key);
        if !self.merge.is_alone_up_to(&self.last_key)
            || !self.tables.cutter.has_no_cut_between(input.key(), &self.last_key)
            || block.kind_of_distinct_keys() != Some(Kind::Put)
        {
            return Ok(false);
        }
        let seqnos = block.seqno_range();
        let puts = Puts {
            first: input.key(),
            last: &self.last_key,
            lowest_seqno: *seqnos.start(),
            highest_seqno: *seqnos.end(),
            last_seqno: block.seqno(last),
        };
        let tables = &mut self.tables;
        if !self.stream.pass(puts, &mut |entry| tables.add(entry))? {
            return Ok(false);
        }
        self.tables.add_block(input.key(), whole)?;
        self.seen += block.len() as u64;
        self.keys.is_new(&self.last_key);
        self.merge.next_block()?;
        Ok(true)
    }
}

impl CutOutput<'_> {
    #[inline]
    fn add(&mut self, entry: Entry<'_>) -> Result<()> {
        self.written += 1;
        if entry.is_new_key && self.cutter.ends_before(entry.key, self.output.table_bytes()) {
            self.output.end_table_before(entry.key)?;
        }
        self.output.add(entry)
    }

    fn add_block(&mut self, first_key: &[u8], whole: &SequenceBlock) -> Result<()> {
        self.written += whole.block.len() as u64;
        if self.cutter.ends_before(first_key, self.output.table_bytes()) {
            self.output.end_table_before(first_key)?;
        }
        self.output.add_block(&whole.block, &whole.stored, whole.block.seqno_range())
    }
}

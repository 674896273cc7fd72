//! One input of a merge: a sorted run of tables, walked from end to end.
//!
//! It stands on one entry, whose key is assembled once and whose value stays in its block until it is asked for. Nothing
//! is allocated per entry. It walks one way only and cannot seek: that is what keeps a step short.
//!
//! Not here: which input comes next ([`super::merge`]), reading ([`crate::table::sequence`]).

use std::ops::Range;
use std::sync::Arc;

use esker_format::codec::Codec;
use esker_format::data_block::DataBlock;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

use crate::error::Result;
use crate::table::reader::Table;
use crate::table::sequence::{BlockSequence, SequenceBlock};

/// A position in a run of disjoint tables.
pub(crate) struct Input {
    /// Those that were not begun.
    tables: std::vec::IntoIter<Arc<Table>>,
    sequence: Option<BlockSequence>,
    /// Added to the numbers in the file.
    base_seqno: SeqNo,
    /// `None` at the end.
    current: Option<SequenceBlock>,
    /// The index of the current entry in its block.
    at: usize,
    key: Vec<u8>,
    value: Range<usize>,
}

impl Input {
    /// At the first entry of `tables`, which ascend.
    pub(crate) fn new(tables: Vec<Arc<Table>>) -> Result<Self> {
        let tables = tables.into_iter();
        let mut input = Self {
            tables,
            sequence: None,
            base_seqno: 0,
            current: None,
            at: 0,
            key: Vec::new(),
            value: 0..0,
        };
        input.next_block()?;
        Ok(input)
    }

    /// Whether it stands on an entry.
    #[inline]
    pub(crate) fn is_valid(&self) -> bool {
        self.current.is_some()
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    #[inline]
    pub(crate) fn seqno(&self) -> SeqNo {
        self.block().map_or(0, |block| self.base_seqno + block.seqno(self.at))
    }

    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.block().map_or(Kind::Put, |block| block.kind(self.at))
    }

    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        self.block().map_or(&[], |block| block.bytes(self.value.clone()))
    }

    /// Goes to the next entry.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        if let Some(current) = &self.current
            && self.at + 1 < current.block.len()
        {
            self.at += 1;
            self.value = current.block.step(self.at, &mut self.key);
            return Ok(());
        }
        self.next_block()
    }

    /// Whether it stands on the first entry of a block.
    #[inline]
    pub(crate) fn is_at_block(&self) -> bool {
        self.at == 0
    }

    /// The block whose first entry it stands on, if its numbers count.
    pub(crate) fn whole_block(&self) -> Option<&SequenceBlock> {
        self.current.as_ref().filter(|_| self.at == 0 && self.base_seqno == 0)
    }

    /// The codec that the table of the current block was written with.
    pub(crate) fn codec(&self) -> Option<Codec> {
        Codec::from_u8(self.sequence.as_ref()?.table().properties().codec_id)
    }

    /// Goes to the first entry of the next block.
    pub(crate) fn next_block(&mut self) -> Result<()> {
        self.current = None;
        loop {
            if let Some(sequence) = &mut self.sequence
                && let Some(next) = sequence.next()?
            {
                self.at = 0;
                self.key.clear();
                self.key.extend_from_slice(next.block.prefix());
                self.value = next.block.step(0, &mut self.key);
                self.current = Some(next);
                return Ok(());
            }
            let Some(table) = self.tables.next() else { return Ok(()) };
            self.base_seqno = table.base_seqno();
            self.sequence = Some(BlockSequence::new(table)?);
        }
    }

    #[inline]
    fn block(&self) -> Option<&DataBlock> {
        self.current.as_ref().map(|current| &current.block)
    }
}

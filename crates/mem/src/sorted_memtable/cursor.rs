//! Cursors over a sorted memtable: all versions of all keys, in order, in both directions.
//!
//! Where the record of the current entry lies is looked up once, on arrival. Records of neighbours are far apart in
//! memory, so those a few steps ahead are touched early.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use crate::head::head;
use crate::kind::Kind;
use crate::seqno::SeqNo;
use crate::sorted_memtable::section::Layout;
use crate::sorted_memtable::table::{Place, SortedMemtable};

/// How many entries ahead records are fetched.
const AHEAD: usize = 8;

/// A position in a sorted memtable, which it keeps alive.
///
/// While not [`valid`](Self::valid), the accessors return empty values and moving does nothing, except seeking.
pub struct SortedCursor {
    memtable: Arc<SortedMemtable>,
    place: Place,
    /// Where the record here is: its section, and where in that. None while not valid.
    record: Option<(usize, Layout)>,
}

impl SortedMemtable {
    /// A cursor, not yet positioned.
    #[must_use]
    pub fn cursor(self: &Arc<Self>) -> SortedCursor {
        SortedCursor { memtable: Arc::clone(self), place: Place::default(), record: None }
    }
}

impl SortedCursor {
    /// Whether the cursor stands on an entry.
    #[inline]
    #[must_use]
    pub const fn valid(&self) -> bool {
        self.record.is_some()
    }

    /// The highest sequence number of all entries.
    #[must_use]
    pub fn highest_seqno(&self) -> Option<SeqNo> {
        self.memtable.highest_seqno()
    }

    /// Moves to the first entry.
    pub fn seek_to_first(&mut self) {
        self.place = Place::default();
        self.arrive();
    }

    /// Moves to the last entry.
    pub fn seek_to_last(&mut self) {
        self.place = Place { portion: self.memtable.portions.len(), at: 0 };
        self.arrive_before();
    }

    /// Moves to the first entry (the newest version) whose user key is `key` or greater.
    pub fn seek(&mut self, key: &[u8]) {
        self.place = self.memtable.place_of(key, false);
        self.arrive();
    }

    /// Moves to the last entry (the oldest version) whose user key is `key` or less.
    pub fn seek_for_prev(&mut self, key: &[u8]) {
        self.place = self.memtable.place_of(key, true);
        self.arrive_before();
    }

    /// Moves one entry forward: to the next older version of the key, or the newest one of the next key.
    #[inline]
    #[allow(
        clippy::should_implement_trait,
        reason = "a cursor borrows its entries and cannot be an iterator"
    )]
    pub fn next(&mut self) {
        if self.valid() {
            self.place.at += 1;
            self.arrive();
        }
    }

    /// Moves one entry backward: to the next newer version of the key, or the oldest one of the previous key.
    #[inline]
    pub fn prev(&mut self) {
        if self.valid() {
            self.arrive_before();
        }
    }

    /// The user key here; empty when not valid.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.bytes(|layout| layout.key_at..layout.value_at)
    }

    /// The sequence number here.
    #[inline]
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        self.record.map_or(0, |(_, layout)| layout.seqno)
    }

    /// The kind here.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.record.map_or(Kind::Delete, |(_, layout)| layout.kind)
    }

    /// The value here; empty when not valid.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.bytes(|layout| layout.value_at..layout.end)
    }

    /// The head of the key here.
    #[inline]
    #[must_use]
    pub fn head(&self) -> u64 {
        head(self.key())
    }

    #[inline]
    fn bytes(&self, range: impl Fn(&Layout) -> std::ops::Range<usize>) -> &[u8] {
        let bytes = self.record.as_ref().and_then(|(section, layout)| {
            self.memtable.contents.chunks.get(*section)?.get(layout.chunk)?.get(range(layout))
        });
        bytes.unwrap_or_default()
    }

    /// Stands on the entry at the place, or on the first one of the next portion.
    #[inline]
    fn arrive(&mut self) {
        let entry = loop {
            let Some(portion) = self.memtable.portions.get(self.place.portion) else {
                self.record = None;
                return;
            };
            if let Some(&entry) = portion.entries.get(self.place.at) {
                self.touch(self.place.at + AHEAD);
                break entry;
            }
            self.place = Place { portion: self.place.portion + 1, at: 0 };
        };
        let contents = &self.memtable.contents;
        self.record = contents.layout(entry).map(|layout| (contents.section_index(entry), layout));
    }

    /// Stands on the entry before the place.
    #[inline]
    fn arrive_before(&mut self) {
        while self.place.at == 0 {
            let Some(portion) = self.place.portion.checked_sub(1) else {
                self.record = None;
                return;
            };
            let at = self.memtable.portions.get(portion).map_or(0, |portion| portion.entries.len());
            self.place = Place { portion, at };
        }
        self.place.at -= 1;
        self.touch(self.place.at.wrapping_sub(AHEAD));
        self.arrive();
    }

    /// Begins to fetch the record of an entry of this portion, without waiting for it.
    #[inline]
    fn touch(&self, at: usize) {
        let portion = self.memtable.portions.get(self.place.portion);
        if let Some(&entry) = portion.and_then(|portion| portion.entries.get(at)) {
            black_box(self.memtable.contents.first_byte(entry));
        }
    }
}

impl fmt::Debug for SortedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortedCursor")
            .field("valid", &self.valid())
            .field("key", &self.key().escape_ascii().to_string())
            .field("seqno", &self.seqno())
            .finish_non_exhaustive()
    }
}

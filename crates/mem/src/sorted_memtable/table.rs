//! The sorted memtable itself, and point reads.
//!
//! Searching goes by codes as far as those tell: the portion by its first code, then the guide (every 64th code, small
//! enough to stay in the cache), then the entries between two marks. Only entries whose code is that of the key are
//! compared by key. Immutable, so readers need no care at all.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::comparator::KeyOrder;
use crate::memtable::Version;
use crate::seqno::SeqNo;
use crate::sorted_memtable::entry::{Entry, PLACE_BITS, code_of, place_of};
use crate::sorted_memtable::key_code::KeyCode;
use crate::sorted_memtable::section::{Layout, Record, Summary, first_byte, layout, record};

/// One code in the guide stands for this many entries.
const GUIDE_ENTRIES: usize = 64;

/// The records, and how their keys are ordered.
pub(super) struct Contents {
    pub(super) order: KeyOrder,
    pub(super) code: Arc<KeyCode>,
    /// The chunks of each section.
    pub(super) chunks: Vec<Vec<Vec<u8>>>,
}

impl Contents {
    /// Which section an entry names.
    #[inline]
    pub(super) fn section_index(&self, entry: Entry) -> usize {
        usize::try_from(!place_of(entry) >> PLACE_BITS).unwrap_or(usize::MAX)
    }

    /// The chunks of the section that an entry names.
    #[inline]
    fn section(&self, entry: Entry) -> &[Vec<u8>] {
        self.chunks.get(self.section_index(entry)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first byte of an entry's record.
    #[inline]
    pub(super) fn first_byte(&self, entry: Entry) -> Option<u8> {
        first_byte(self.section(entry), entry)
    }

    #[inline]
    pub(super) fn record(&self, entry: Entry) -> Record<'_> {
        record(self.section(entry), entry)
    }

    #[inline]
    pub(super) fn layout(&self, entry: Entry) -> Option<Layout> {
        layout(self.section(entry), entry)
    }
}

/// A sorted part of a memtable.
pub struct Portion {
    pub(super) entries: Vec<Entry>,
    /// The code of every 64th entry.
    guide: Vec<u64>,
}

impl Portion {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let guide = entries.iter().step_by(GUIDE_ENTRIES).map(|&entry| code_of(entry)).collect();
        Self { entries, guide }
    }
}

impl fmt::Debug for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portion").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// A sealed memtable that was sorted instead of grown. See the [module](crate::sorted_memtable).
pub struct SortedMemtable {
    pub(super) contents: Arc<Contents>,
    pub(super) portions: Vec<Portion>,
    /// The first code of each portion.
    firsts: Vec<u64>,
    summary: Summary,
    memory_bytes: usize,
}

/// A place in a sorted memtable: a portion, and an entry of it or its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) portion: usize,
    pub(super) at: usize,
}

impl SortedMemtable {
    pub(super) fn new(contents: Arc<Contents>, mut portions: Vec<Portion>, summary: Summary) -> Self {
        portions.retain(|portion| !portion.entries.is_empty());
        let firsts = portions.iter().filter_map(|portion| portion.guide.first().copied()).collect();
        let chunks = contents.chunks.iter().flatten();
        let of_portion = |portion: &Portion| {
            portion.entries.capacity() * size_of::<Entry>() + portion.guide.capacity() * size_of::<u64>()
        };
        let memory_bytes = chunks.map(|chunk| chunk.capacity() + size_of::<Vec<u8>>()).sum::<usize>()
            + portions.iter().map(of_portion).sum::<usize>();
        Self { contents, portions, firsts, summary, memory_bytes }
    }

    /// The order of keys.
    #[must_use]
    pub fn order(&self) -> &KeyOrder {
        &self.contents.order
    }

    /// The number of entries: versions, not keys.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.summary.entries
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest sequence number of an entry.
    #[must_use]
    pub fn highest_seqno(&self) -> Option<SeqNo> {
        self.summary.seqnos.map(|(_, highest)| highest)
    }

    /// The lowest sequence number of an entry.
    #[must_use]
    pub fn lowest_seqno(&self) -> Option<SeqNo> {
        self.summary.seqnos.map(|(lowest, _)| lowest)
    }

    /// How many entries are tombstones.
    #[must_use]
    pub const fn tombstones(&self) -> usize {
        self.summary.tombstones
    }

    /// Whether an entry may expire.
    #[must_use]
    pub const fn has_expiring(&self) -> bool {
        self.summary.expiring > 0
    }

    /// Bytes of the keys and values of all entries, as the user counts them.
    #[must_use]
    pub const fn user_bytes(&self) -> usize {
        self.summary.user_bytes
    }

    /// All heap memory of this memtable.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The newest version of `key` with `seqno < bound`, tombstones included.
    #[must_use]
    pub fn get(&self, key: &[u8], bound: SeqNo) -> Option<Version<'_>> {
        let code = self.contents.code.code(key);
        let place = self.search(code, key, false);
        let entries = self.portions.get(place.portion)?.entries.get(place.at..)?;
        // Versions stand newest first.
        let too_new = |entry: &Entry| {
            code_of(*entry) == code && {
                let record = self.contents.record(*entry);
                record.seqno >= bound && self.contents.order.same_key(record.key, key)
            }
        };
        let entry = entries.get(partition_near(entries, too_new)).filter(|entry| code_of(**entry) == code)?;
        let Record { seqno, kind, key: found, value } = self.contents.record(*entry);
        self.contents.order.same_key(found, key).then_some(Version { seqno, kind, value })
    }

    /// How many entries have keys from `from` up to `to`; without a bound, to that end. Exact; O(log n).
    #[must_use]
    pub fn approximate_len(&self, from: Option<&[u8]>, to: Option<&[u8]>) -> usize {
        let start = from.map_or(0, |key| self.entries_before(self.place_of(key, false)));
        let end = to.map_or(self.len(), |key| self.entries_before(self.place_of(key, false)));
        end.saturating_sub(start)
    }

    fn entries_before(&self, place: Place) -> usize {
        self.portions.iter().take(place.portion).map(|portion| portion.entries.len()).sum::<usize>()
            + place.at
    }

    /// The first entry whose key is `key` or greater; or, if `after`, greater.
    pub(super) fn place_of(&self, key: &[u8], after: bool) -> Place {
        self.search(self.contents.code.code(key), key, after)
    }

    #[inline]
    fn search(&self, code: u64, key: &[u8], after: bool) -> Place {
        let portion = self.firsts.partition_point(|&first| first <= code).saturating_sub(1);
        let Some(Portion { entries, guide }) = self.portions.get(portion) else { return Place::default() };
        let mark = guide.partition_point(|&mark| mark < code).saturating_sub(1) * GUIDE_ENTRIES;
        let until = entries.len().min(mark + GUIDE_ENTRIES);
        let between = entries.get(mark..until).unwrap_or_default();
        let start = mark + between.partition_point(|&entry| code_of(entry) < code);
        let goes_before = |entry: &Entry| {
            code_of(*entry) == code
                && match self.contents.order.compare(self.contents.record(*entry).key, key) {
                    Ordering::Less => true,
                    Ordering::Equal => after,
                    Ordering::Greater => false,
                }
        };
        let at = start + partition_near(entries.get(start..).unwrap_or_default(), goes_before);
        Place { portion, at }
    }
}

/// How many of `entries` satisfy `goes_before`; those that do come first, and few are expected.
#[inline]
fn partition_near(entries: &[Entry], goes_before: impl Fn(&Entry) -> bool) -> usize {
    let (mut from, mut step) = (0, 1);
    while let Some(entry) = entries.get(from + step - 1) {
        if !goes_before(entry) {
            break;
        }
        from += step;
        step *= 2;
    }
    let until = entries.len().min(from + step);
    from + entries.get(from..until).unwrap_or_default().partition_point(goes_before)
}

impl fmt::Debug for SortedMemtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortedMemtable")
            .field("order", self.order())
            .field("summary", &self.summary)
            .field("memory_bytes", &self.memory_bytes)
            .finish_non_exhaustive()
    }
}

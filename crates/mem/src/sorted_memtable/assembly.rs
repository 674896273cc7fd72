//! From sorted sections to a sorted memtable, in portions that any number of threads can work on.
//!
//! The cuts are chosen from a sample of the sections' codes, so that portions are about equally large; entries with the
//! same code are never cut apart (INV-MEM-14). A portion is the concatenation of a stretch of each section, each sorted
//! already, and a merge sort finds and merges those. What is left are *ties*, neighbours with equal codes:
//!
//! - a few are sorted by key;
//! - many get codes of their own, made for what these keys look like, are sorted by those, and their ties settled in
//!   turn: so keys are fetched once for each such step and not for each comparison.
//!
//! Not here: threads. The caller shares the assembly and hands out the numbers of portions.

use std::fmt;
use std::sync::Arc;

use crate::comparator::KeyOrder;
use crate::sorted_memtable::entry::{Entry, PLACE_BITS, code_of, entry, in_section, place_of};
use crate::sorted_memtable::key_code::KeyCode;
use crate::sorted_memtable::section::{Record, Section, Summary, compare};
use crate::sorted_memtable::sort::sorted;
use crate::sorted_memtable::table::{Contents, Portion, SortedMemtable};

/// The most sections of a memtable.
pub const MAX_SECTIONS: usize = 1 << (64 - PLACE_BITS);

/// Entries of a portion, on average: few enough to be sorted within the cache, enough for huge pages.
const PORTION_ENTRIES: usize = 1 << 19;
/// Codes looked at for each portion when the cuts are chosen.
const SAMPLES: usize = 64;
/// Ties up to this many are sorted by key.
const FEW: usize = 32;
/// How often ties get codes of their own before keys are compared after all.
const MOST_STEPS: usize = 16;

/// Sorted sections about to become a memtable. Shared by the threads that sort its portions.
pub struct Assembly {
    contents: Arc<Contents>,
    /// The entries of each section.
    entries: Vec<Vec<Entry>>,
    /// The lowest code of each portion but the first.
    cuts: Vec<u64>,
    summary: Summary,
}

impl Assembly {
    /// Takes [sorted](Section::sort) sections, in the order in which their entries were written; all made with `code`.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_SECTIONS`].
    #[must_use]
    pub fn new(order: KeyOrder, code: Arc<KeyCode>, sections: Vec<Section>) -> Self {
        assert!(sections.len() <= MAX_SECTIONS, "more sections than an entry can name");
        let mut chunks = Vec::with_capacity(sections.len());
        let mut entries = Vec::with_capacity(sections.len());
        let mut summary = Summary::default();
        for section in sections {
            summary = summary.join(section.summary);
            chunks.push(section.chunks);
            entries.push(section.entries);
        }
        let cuts = if order.is_bytes() { choose_cuts(&entries, summary.entries) } else { Vec::new() };
        Self { contents: Arc::new(Contents { order, code, chunks }), entries, cuts, summary }
    }

    /// How many portions there are.
    #[must_use]
    pub fn portions(&self) -> usize {
        self.cuts.len() + 1
    }

    /// Sorts portion `index`, on any thread, in any order.
    #[must_use]
    pub fn sort_portion(&self, index: usize) -> Portion {
        let from = index.checked_sub(1).and_then(|before| self.cuts.get(before)).copied();
        let to = self.cuts.get(index).copied();
        let stretches = self.entries.iter().map(|entries| {
            let start = from.map_or(0, |from| entries.partition_point(|&entry| code_of(entry) < from));
            let end = to.map_or(entries.len(), |to| entries.partition_point(|&entry| code_of(entry) < to));
            entries.get(start..end).unwrap_or_default()
        });
        let stretches: Vec<&[Entry]> = stretches.collect();
        let change = |section, entry| in_section(entry, section);
        if self.contents.order.is_bytes() {
            let mut sorted = sorted(&stretches, change);
            for ties in sorted.chunk_by_mut(|a, b| code_of(*a) == code_of(*b)) {
                self.settle(ties, 0);
            }
            Portion::new(sorted)
        } else {
            let mut sorted = Vec::with_capacity(stretches.iter().map(|stretch| stretch.len()).sum());
            for (section, stretch) in stretches.iter().enumerate() {
                sorted.extend(stretch.iter().map(|&entry| change(section, entry)));
            }
            // What is sorted in stretches already is merged.
            sorted.sort_by(|a, b| compare(&self.contents.order, self.record(*a), self.record(*b)));
            Portion::new(sorted)
        }
    }

    /// Puts entries with equal codes in order.
    fn settle(&self, ties: &mut [Entry], step: usize) {
        if ties.len() < 2 {
            return;
        }
        let code = match ties.len() > FEW && step < MOST_STEPS {
            true => {
                KeyCode::of_sample(ties.iter().step_by(ties.len() / FEW).map(|&tie| self.record(tie).key))
            }
            false => KeyCode::flat(),
        };
        if code.is_flat() {
            // A stable sort of what is in order already, as the versions of one key are, takes one comparison each.
            ties.sort_by(|a, b| compare(&self.contents.order, self.record(*a), self.record(*b)));
            return;
        }
        let shared = ties.first().map_or(0, |&tie| code_of(tie));
        let mut coded: Vec<Entry> =
            ties.iter().map(|&tie| entry(code.code(self.record(tie).key), place_of(tie))).collect();
        coded.sort_unstable();
        for (tie, &entry_of_step) in ties.iter_mut().zip(&coded) {
            *tie = entry(shared, place_of(entry_of_step));
        }
        let mut rest = ties;
        for group in coded.chunk_by(|a, b| code_of(*a) == code_of(*b)) {
            let (these, others) = rest.split_at_mut(group.len().min(rest.len()));
            self.settle(these, step + 1);
            rest = others;
        }
    }

    fn record(&self, entry: Entry) -> Record<'_> {
        self.contents.record(entry)
    }

    /// Puts the portions together: all of them, in order. The assembly holds the sections' entries, and is to be dropped.
    #[must_use]
    pub fn finish(&self, portions: Vec<Portion>) -> SortedMemtable {
        debug_assert_eq!(
            portions.iter().map(|portion| portion.entries.len()).sum::<usize>(),
            self.summary.entries
        );
        SortedMemtable::new(Arc::clone(&self.contents), portions, self.summary)
    }

    /// Sorts and puts together all portions on this thread.
    #[must_use]
    pub fn build(&self) -> SortedMemtable {
        self.finish((0..self.portions()).map(|index| self.sort_portion(index)).collect())
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly").field("summary", &self.summary).field("cuts", &self.cuts.len()).finish()
    }
}

/// The codes at which portions begin (INV-MEM-14): distinct, ascending.
fn choose_cuts(sections: &[Vec<Entry>], entries: usize) -> Vec<u64> {
    let portions = entries / PORTION_ENTRIES;
    if portions < 2 {
        return Vec::new();
    }
    let stride = (entries / (portions * SAMPLES)).max(1);
    let sample = sections.iter().flat_map(|entries| entries.iter().skip(stride / 2).step_by(stride));
    let mut sample: Vec<u64> = sample.map(|&entry| code_of(entry)).collect();
    sample.sort_unstable();
    let mut cuts: Vec<u64> = sample.iter().skip(SAMPLES).step_by(SAMPLES).copied().collect();
    cuts.dedup();
    // Below the lowest code there is nothing to cut off.
    cuts.retain(|cut| Some(cut) > sample.first());
    cuts
}

#[cfg(test)]
mod tests;

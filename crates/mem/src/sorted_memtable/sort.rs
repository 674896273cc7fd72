//! Sorting entries: into buckets by where their codes lie between the lowest and the highest, then each bucket by itself.
//!
//! Codes of keys that are spread evenly are spread evenly, too ([`KeyCode`](super::KeyCode)), so that a bucket has few
//! entries, and an entry is moved twice instead of once for each halving. However codes are spread, the worst is that
//! most entries share a bucket, and sorting that costs what sorting everything would have.
//!
//! Not here: keys; entries with equal codes come out in the order of their places.

use crate::huge_pages::ask_for_huge_pages;
use crate::sorted_memtable::entry::{Entry, code_of};

/// Entries of a bucket, on average, where codes are spread evenly.
const BUCKET_ENTRIES: usize = 8;
/// Fewer entries than this make no buckets.
const FEW_ENTRIES: usize = 256;
/// The most buckets: their counters are to stay in the cache.
const MOST_BUCKETS: usize = 1 << 16;

/// So many entries of zero, in huge pages if they are many.
fn zeros(entries: usize) -> Vec<Entry> {
    let zeros: Vec<Entry> = vec![0; entries];
    // Nothing was touched yet: memory comes cleared from the system.
    ask_for_huge_pages(zeros.as_ptr(), entries * size_of::<Entry>());
    zeros
}

/// All entries of `stretches`, sorted, each changed by `change`, which is told the index of its stretch and leaves codes
/// alone.
pub(super) fn sorted(stretches: &[&[Entry]], change: impl Fn(usize, Entry) -> Entry) -> Vec<Entry> {
    let count: usize = stretches.iter().map(|stretch| stretch.len()).sum();
    let all = stretches.iter().flat_map(|stretch| stretch.iter());
    let range =
        all.fold((u64::MAX, 0), |(low, high), entry| (low.min(code_of(*entry)), high.max(code_of(*entry))));
    let (lowest, highest) = range;
    if count < FEW_ENTRIES || u32::try_from(count).is_err() || lowest >= highest {
        let mut sorted = Vec::with_capacity(count);
        for (index, stretch) in stretches.iter().enumerate() {
            sorted.extend(stretch.iter().map(|&entry| change(index, entry)));
        }
        sorted.sort_unstable();
        return sorted;
    }
    let buckets = (count / BUCKET_ENTRIES).next_power_of_two().min(MOST_BUCKETS);
    // As many of the leading bits of a difference as buckets can tell apart.
    let shift = (highest - lowest).ilog2().saturating_sub(buckets.ilog2() - 1);
    let bucket_of = |entry: Entry| usize::try_from((code_of(entry) - lowest) >> shift).unwrap_or(usize::MAX);
    let mut ends = vec![0u32; buckets];
    for &entry in stretches.iter().copied().flatten() {
        if let Some(count) = ends.get_mut(bucket_of(entry)) {
            *count += 1;
        }
    }
    let mut before = 0;
    for end in &mut ends {
        (*end, before) = (before, before + *end);
    }
    let mut sorted = zeros(count);
    for (index, stretch) in stretches.iter().enumerate() {
        for &entry in *stretch {
            let Some(end) = ends.get_mut(bucket_of(entry)) else { continue };
            if let Some(place) = sorted.get_mut(*end as usize) {
                *place = change(index, entry);
            }
            *end += 1;
        }
    }
    let mut rest = sorted.as_mut_slice();
    let mut start = 0;
    for end in ends {
        let (bucket, behind) = rest.split_at_mut(((end - start) as usize).min(rest.len()));
        bucket.sort_unstable();
        (rest, start) = (behind, end);
    }
    sorted
}

#[cfg(test)]
mod tests;

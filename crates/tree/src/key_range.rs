//! A range of keys as a caller gives it, against tables and keys.
//!
//! Not here: ranges that are read ([`crate::scan`]), whose cursors know their bounds.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use crate::error::{Error, Result};

/// A range that is not inverted.
#[derive(Clone, Debug)]
pub(crate) struct KeyRange {
    lower: Bound<Slice>,
    upper: Bound<Slice>,
}

impl KeyRange {
    /// The range, owned.
    ///
    /// # Errors
    ///
    /// [`Error::InvertedRange`] if it begins behind its end.
    pub(crate) fn new<K: AsRef<[u8]>>(range: &impl RangeBounds<K>, order: &KeyOrder) -> Result<Self> {
        let owned = |bound: Bound<&K>| bound.map(|key| Slice::new(key.as_ref()));
        let range = Self { lower: owned(range.start_bound()), upper: owned(range.end_bound()) };
        if let (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) = (&range.lower, &range.upper)
            && order.compare(lower, upper) == Ordering::Greater
        {
            return Err(Error::InvertedRange);
        }
        Ok(range)
    }

    /// Whether it holds all keys of the inclusive range `smallest..=largest`.
    pub(crate) fn covers(&self, smallest: &[u8], largest: &[u8], order: &KeyOrder) -> bool {
        !self.begins_behind(smallest, order) && !self.ends_before(largest, order)
    }

    /// Whether it shares a key with the inclusive range `smallest..=largest`, as far as the bounds tell.
    pub(crate) fn overlaps(&self, smallest: &[u8], largest: &[u8], order: &KeyOrder) -> bool {
        !self.begins_behind(largest, order) && !self.ends_before(smallest, order)
    }

    /// Whether `key` lies before the range.
    fn begins_behind(&self, key: &[u8], order: &KeyOrder) -> bool {
        match &self.lower {
            Bound::Unbounded => false,
            Bound::Included(lower) => order.compare(key, lower) == Ordering::Less,
            Bound::Excluded(lower) => order.compare(key, lower) != Ordering::Greater,
        }
    }

    /// Whether `key` lies behind the range.
    fn ends_before(&self, key: &[u8], order: &KeyOrder) -> bool {
        match &self.upper {
            Bound::Unbounded => false,
            Bound::Included(upper) => order.compare(key, upper) == Ordering::Greater,
            Bound::Excluded(upper) => order.compare(key, upper) != Ordering::Less,
        }
    }
}

/// Whether two inclusive key ranges share a key, as far as their bounds tell.
pub(crate) fn ranges_overlap(order: &KeyOrder, a: (&[u8], &[u8]), b: (&[u8], &[u8])) -> bool {
    order.compare(a.0, b.1) != Ordering::Greater && order.compare(b.0, a.1) != Ordering::Greater
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(range: impl RangeBounds<&'static str>) -> Result<KeyRange> {
        KeyRange::new(&range, &KeyOrder::Bytes)
    }

    #[test]
    fn a_range_covers_what_lies_inside_and_overlaps_what_touches_it() {
        let order = KeyOrder::Bytes;
        for (given, covers, overlaps) in [
            (range("b".."d").unwrap(), false, true),
            (range("b"..="d").unwrap(), true, true),
            (range("b"..).unwrap(), true, true),
            (range("d"..).unwrap(), false, true),
            (range((Bound::Excluded("b"), Bound::Unbounded)).unwrap(), false, true),
            (range((Bound::Excluded("d"), Bound::Unbounded)).unwrap(), false, false),
            (range(.."b").unwrap(), false, false),
            (range(..="b").unwrap(), false, true),
            (range(..).unwrap(), true, true),
        ] {
            assert_eq!(given.covers(b"b", b"d", &order), covers, "{given:?}");
            assert_eq!(given.overlaps(b"b", b"d", &order), overlaps, "{given:?}");
        }
        assert!(matches!(range("d".."b"), Err(Error::InvertedRange)));
    }
}

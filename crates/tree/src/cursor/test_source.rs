//! A cursor over a vector, for tests of the cursors that stand on others.

use esker_format::data_block::walk::{Glide, Stretch};
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::{Error, Result};

/// An entry: key, seqno, kind; its value is its seqno in decimal.
pub(crate) type TestEntry = (Vec<u8>, SeqNo, Kind);

/// Sorted entries in memory; fails on the `fails_in`-th move from now.
pub(crate) struct VecCursor {
    entries: Vec<TestEntry>,
    values: Vec<String>,
    at: Option<usize>,
    order: KeyOrder,
    pub(crate) fails_in: Option<usize>,
    /// Glides within: direction, bound, limits, and whether ties are settled.
    stretch: Option<(bool, SeqNo, Vec<Vec<u8>>, bool)>,
    /// A planted fault: glides overstep this one of a stretch's limits.
    pub(crate) oversteps: Option<usize>,
    /// What a seek in parts was told last, and whether its second part fails.
    aimed: Option<Vec<u8>>,
    pub(crate) fails_to_pin: bool,
    /// How many entries were glided onto.
    pub(crate) glides: usize,
}

/// Sorts into internal order.
pub(crate) fn sort(entries: &mut [TestEntry], order: &KeyOrder) {
    entries.sort_by(|a, b| order.compare(&a.0, &b.0).then(b.1.cmp(&a.1)));
}

impl VecCursor {
    pub(crate) fn new(mut entries: Vec<TestEntry>, order: &KeyOrder) -> Self {
        sort(&mut entries, order);
        let values = entries.iter().map(|entry| entry.1.to_string()).collect();
        Self {
            entries,
            values,
            at: None,
            order: order.clone(),
            fails_in: None,
            stretch: None,
            oversteps: None,
            aimed: None,
            fails_to_pin: false,
            glides: 0,
        }
    }

    fn go(&mut self, at: Option<usize>) -> Result<()> {
        if let Some(left) = &mut self.fails_in {
            if *left == 0 {
                self.at = None;
                return Err(Error::Cancelled);
            }
            *left -= 1;
        }
        self.at = at.filter(|&at| at < self.entries.len());
        Ok(())
    }

    /// Whether a glide may step onto entry `at`, coming from or passing on to the entry at `other`. A limit with the same
    /// first byte is a tie until the stretch is exact.
    fn may_glide(&self, forward: bool, at: Option<usize>, other: Option<usize>) -> Glide {
        let (Some((open_forward, bound, limits, exact)), Some(at), Some(other)) = (&self.stretch, at, other)
        else {
            return Glide::Stopped;
        };
        let (Some(entry), Some(other)) = (self.entries.get(at), self.entries.get(other)) else {
            return Glide::Stopped;
        };
        if !exact && limits.iter().any(|limit| limit.first() == entry.0.first()) {
            return Glide::Tied;
        }
        let inside = limits.iter().all(|limit| if forward { entry.0 < *limit } else { entry.0 > *limit });
        let plain = entry.2 == Kind::Put && entry.1 < *bound && entry.0 != other.0;
        if *open_forward == forward && inside && plain { Glide::Moved } else { Glide::Stopped }
    }

    fn entry(&self) -> &TestEntry {
        &self.entries[self.at.expect("valid")]
    }
}

impl Cursor for VecCursor {
    fn valid(&self) -> bool {
        self.at.is_some()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.stretch = None;
        self.go(Some(0))
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.stretch = None;
        self.go(self.entries.len().checked_sub(1))
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.stretch = None;
        self.go(Some(self.entries.partition_point(|e| self.order.compare(&e.0, key).is_lt())))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.stretch = None;
        self.go(self.entries.partition_point(|e| self.order.compare(&e.0, key).is_le()).checked_sub(1))
    }

    fn aim(&mut self, key: &[u8]) {
        self.aimed = Some(key.to_vec());
    }

    fn pin(&mut self) -> Result<()> {
        assert!(self.aimed.is_some(), "INV-SCAN-2: the parts of a seek follow each other");
        self.at = None;
        if self.fails_to_pin { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn land(&mut self, key: &[u8]) -> Result<()> {
        assert_eq!(self.aimed.take().as_deref(), Some(key), "INV-SCAN-2: the parts have one key");
        self.seek(key)
    }

    fn land_for_prev(&mut self, key: &[u8]) -> Result<()> {
        assert_eq!(self.aimed.take().as_deref(), Some(key), "INV-SCAN-2: the parts have one key");
        self.seek_for_prev(key)
    }

    fn next(&mut self) -> Result<()> {
        self.go(self.at.map(|at| at + 1))
    }

    fn prev(&mut self) -> Result<()> {
        self.go(self.at.and_then(|at| at.checked_sub(1)))
    }

    fn key(&self) -> &[u8] {
        &self.entry().0
    }

    fn head(&self) -> u64 {
        head(self.key())
    }

    fn seqno(&self) -> SeqNo {
        self.entry().1
    }

    fn kind(&self) -> Kind {
        self.entry().2
    }

    fn value(&self) -> &[u8] {
        self.values[self.at.expect("valid")].as_bytes()
    }

    fn value_slice(&self) -> Slice {
        Slice::from(self.values[self.at.expect("valid")].as_str())
    }

    fn open_stretch(&mut self, stretch: &Stretch<'_>) {
        let kept = stretch.limits.iter().enumerate().filter(|&(i, _)| self.oversteps != Some(i));
        let limits = kept.filter_map(|(_, limit)| limit.map(<[u8]>::to_vec)).collect();
        self.stretch = Some((stretch.forward, stretch.bound, limits, stretch.exact));
    }

    fn close_stretch(&mut self) {
        self.stretch = None;
    }

    fn glide_next(&mut self) -> Glide {
        let next = self.at.map(|at| at + 1);
        let glide = self.may_glide(true, next, self.at);
        if glide == Glide::Moved {
            self.at = next;
            self.glides += 1;
        }
        glide
    }

    fn glide_prev(&mut self, here: bool) -> Glide {
        let target = if here { self.at } else { self.at.and_then(|at| at.checked_sub(1)) };
        let glide = self.may_glide(false, target, target.and_then(|target| target.checked_sub(1)));
        if glide == Glide::Moved {
            self.at = target;
            self.glides += 1;
        }
        glide
    }
}

//! Compaction filters: the owner of a tree looks at entries as they are compacted, and decides what becomes of them.
//!
//! A filter is made for each compaction, by a factory that the tree is opened with, and used by one thread. It is asked about a value if
//! that is the newest version of its key among what is compacted, below the watermark, and seen by no snapshot that was live when
//! the compaction began (INV-FILTER-1): so no live snapshot changes under its reader. Tombstones and operands that could not be folded
//! are not shown, nor are values that have expired; older versions go on as ever.
//!
//! Flushes ask no filter, nor do compactions that only move tables. A major compaction of a tree with a filter rewrites
//! everything, even what is in its place already.
//!
//! A snapshot that is taken while a compaction runs may see an entry before it ends and not after: who needs better keeps
//! snapshots and such compactions apart.
//!
//! Not here: what a verdict does to older versions ([`super::stream`]).

use std::fmt;
use std::sync::Arc;

use esker_format::expiry::EXPIRY_BYTES;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{UserKey, UserValue};

use crate::error::Error;

/// What becomes of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It is deleted: replaced by a tombstone, which goes with all that it hides once nothing older remains.
    Remove,
    /// It is deleted as by [`crate::Tree::remove_weak`]: replaced by a weak tombstone, which goes with the put before it when the
    /// two meet. For keys that have at most one older put.
    RemoveWeak,
    /// It has another value from now on: of at most 4,294,967,295 bytes, or the compaction fails. A value that expires still does
    /// so when it did, and its successor may have eight bytes less.
    ReplaceValue(UserValue),
    /// It vanishes without a tombstone: costs nothing, but **an older version in a deeper level may come back**. For keys that
    /// are written once.
    Destroy,
}

/// An entry that a filter is asked about.
#[derive(Clone, Copy, Debug)]
pub struct FilterItem<'a> {
    key: &'a [u8],
    value: &'a [u8],
    seqno: SeqNo,
    expires_at: Option<u64>,
}

impl<'a> FilterItem<'a> {
    pub(super) fn new(key: &'a [u8], value: &'a [u8], seqno: SeqNo, expires_at: Option<u64>) -> Self {
        Self { key, value, seqno, expires_at }
    }

    /// When it expires, in milliseconds since 1970; none if it does not.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        self.value
    }

    /// The sequence number that it was written with, or 0 if no reader can tell any more.
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        self.seqno
    }
}

/// Looks at the entries of one compaction. See [`crate::Config::with_compaction_filter_factory`].
pub trait CompactionFilter: Send {
    /// What becomes of `item`. Called in the order of the keys, once for each at most.
    fn filter_item(&mut self, item: FilterItem<'_>) -> Verdict;

    /// The compaction is done, and what came of it is durable. One that fails or is cancelled drops its filter without this,
    /// and asks another one when it is tried again.
    fn finish(self: Box<Self>) {}
}

/// What a compaction is, for whom a filter is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterContext {
    /// The level that is written to.
    pub level: usize,
    /// Whether nothing lies below it.
    pub is_last_level: bool,
}

impl FilterContext {
    pub(crate) const fn new(level: usize, is_last_level: bool) -> Self {
        Self { level, is_last_level }
    }
}

/// Makes a filter for each compaction.
///
/// ```
/// use std::sync::Arc;
/// use esker_tree::{
///     CompactionFilter, CompactionFilterFactory, Config, FilterContext, FilterItem, SeqNo, SequenceNumberCounter,
///     Verdict,
/// };
///
/// /// Removes sessions that have ended.
/// struct Ended;
///
/// impl CompactionFilter for Ended {
///     fn filter_item(&mut self, item: FilterItem<'_>) -> Verdict {
///         if item.value() == b"ended" { Verdict::Remove } else { Verdict::Keep }
///     }
/// }
///
/// impl CompactionFilterFactory for Ended {
///     fn name(&self) -> &str {
///         "ended sessions"
///     }
///
///     fn make_filter(&self, _: FilterContext) -> Box<dyn CompactionFilter> {
///         Box::new(Ended)
///     }
/// }
///
/// let folder = tempfile::tempdir()?;
/// let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
/// let config = Config::new(&folder, seqno.clone(), visible.clone());
/// let tree = config.with_compaction_filter_factory(Arc::new(Ended)).open()?;
/// tree.insert("session 1", "ended", seqno.next())?;
/// visible.set(seqno.get());
/// tree.flush_active_memtable(SeqNo::MAX)?;
/// tree.major_compact(64 << 20, SeqNo::MAX)?;
/// assert_eq!(tree.get("session 1", SeqNo::MAX)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CompactionFilterFactory: Send + Sync + 'static {
    /// Its name, for error messages.
    fn name(&self) -> &str;

    /// A filter for one compaction.
    fn make_filter(&self, context: FilterContext) -> Box<dyn CompactionFilter>;
}

/// A factory that several trees may share.
pub type SharedCompactionFilterFactory = Arc<dyn CompactionFilterFactory>;

/// The filter of one compaction, with what it may see.
pub struct RunningFilter {
    filter: Box<dyn CompactionFilter>,
    name: String,
    /// Below it, a live snapshot sees what it might ask about.
    unseen_from: SeqNo,
    /// What the filter did wrong.
    fault: Option<Error>,
    pub(super) longest_value_bytes: usize,
    /// Entries that it removed or replaced.
    changed: u64,
}

impl fmt::Debug for RunningFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningFilter").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RunningFilter {
    /// A filter of `factory` for a compaction. `newest_snapshot` is the highest bound that a live snapshot reads at.
    pub fn new(
        factory: &dyn CompactionFilterFactory,
        context: FilterContext,
        newest_snapshot: Option<SeqNo>,
    ) -> Self {
        Self {
            filter: factory.make_filter(context),
            name: factory.name().to_owned(),
            unseen_from: newest_snapshot.unwrap_or(0),
            fault: None,
            longest_value_bytes: u32::MAX as usize,
            changed: 0,
        }
    }

    /// The verdict about a version that is the newest of its key, below the watermark (INV-FILTER-1). After a fault
    /// everything stays, as the compaction is going to fail.
    pub(super) fn judge(&mut self, item: FilterItem<'_>) -> Verdict {
        if item.seqno < self.unseen_from || self.fault.is_some() {
            return Verdict::Keep;
        }
        let verdict = self.filter.filter_item(item);
        if let Verdict::ReplaceValue(value) = &verdict
            && value.len()
                > self.longest_value_bytes.saturating_sub(item.expires_at.map_or(0, |_| EXPIRY_BYTES))
        {
            let (filter, key) = (self.name.clone(), UserKey::new(item.key));
            self.fault = Some(Error::FilterValueTooLong { filter, key, len: value.len() });
            return Verdict::Keep;
        }
        self.changed += u64::from(verdict != Verdict::Keep);
        verdict
    }

    /// Entries that the filter removed or replaced.
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// What the filter did wrong, if anything.
    ///
    /// # Errors
    /// [`Error::FilterValueTooLong`].
    pub fn check(&self) -> Result<(), Error> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Tells the filter that all is done.
    pub fn finish(self) {
        self.filter.finish();
    }
}

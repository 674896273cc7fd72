//! Records in the arena: anchors (one per user key) and versions.
//!
//! ```text
//! anchor    newest u32 | key length u32 | key                                            padded to 8
//! version   older u32 | value length u32 | seqno u64 | kind u8, flags u8, key length u16
//!           | [key] | value                                                              padded to 8
//! ```
//!
//! An anchor is what the tree and the hash index point at; it never moves and never goes. It holds the offset of
//! the key's newest version, and each version that of the next older one: an overwrite changes one word. The anchor
//! of a new key is followed by its first version, so that a point read of it touches neighbouring cache lines.
//!
//! Under a comparator by which different bytes are the same key, a version keeps its own spelling of the key if it differs
//! from the anchor's.
//!
//! INV-MEM-2: an [`AnchorAt`] or [`VersionAt`] is made only here, from a record that is complete, and travels between
//! threads only through cells with release and acquire. So whoever has one may read the record: all but the links
//! is immutable until the arena is dropped.

use crate::arena::region::{Cells, LINE};
use crate::arena::{Arena, GRANULE, granules};
use crate::kind::Kind;
use crate::seqno::SeqNo;
use crate::sync::{AtomicU32, Ordering, Settled32};

/// Bytes of an anchor before its key.
const ANCHOR_HEADER: usize = 8;
/// Bytes of a version before its key or value.
const VERSION_HEADER: usize = 20;
/// More than the bytes of records per insert beyond key and value: both headers, both paddings.
pub(super) const ENTRY_OVERHEAD: usize = ANCHOR_HEADER + VERSION_HEADER + 2 * (GRANULE - 1);
/// The flag of a version that has its own spelling of the key.
const OWN_KEY: u32 = 1 << 8;

#[repr(C)]
struct AnchorCells {
    newest: AtomicU32,
    key_len: Settled32,
}

// SAFETY: atomic 32-bit integers only.
unsafe impl Cells for AnchorCells {}

#[repr(C)]
struct VersionCells {
    older: AtomicU32,
    value_len: Settled32,
    seqno_low: Settled32,
    seqno_high: Settled32,
    /// Kind in the low byte, flags in the next, length of the version's own key in the high half.
    meta: Settled32,
}

/// What an insert stores.
#[derive(Clone, Copy)]
pub(super) struct NewVersion<'a> {
    pub(super) seqno: SeqNo,
    pub(super) kind: Kind,
    pub(super) value: &'a [u8],
    /// The version's own spelling of the key, where it differs from the anchor's.
    pub(super) own_key: Option<&'a [u8]>,
}

// SAFETY: atomic 32-bit integers only.
unsafe impl Cells for VersionCells {}

/// Where an anchor is, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AnchorAt(u32);

/// Where a version is, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VersionAt(u32);

/// The bytes of records that a new key with this first version takes.
#[inline]
pub(super) fn new_key_bytes(key: &[u8], version: &NewVersion<'_>) -> usize {
    granules(ANCHOR_HEADER + key.len()) + version_bytes(version)
}

/// The bytes that a version takes.
#[inline]
pub(super) fn version_bytes(version: &NewVersion<'_>) -> usize {
    granules(VERSION_HEADER + version.own_key.map_or(0, <[u8]>::len) + version.value.len())
}

/// The length of a key or value as it is stored. Their limits were checked before.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "insert refuses keys and values that are longer")]
const fn stored_len(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

impl AnchorAt {
    /// No anchor. Reads as one with an empty key and no version.
    pub(super) const NONE: Self = Self(0);

    /// The anchor that `cell` was loaded from, or none.
    #[inline]
    pub(super) const fn from_cell(cell: u32) -> Self {
        Self(cell)
    }

    /// What to store in a cell.
    #[inline]
    pub(super) const fn cell(self) -> u32 {
        self.0
    }

    /// Whether there is none.
    #[inline]
    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Writes an anchor for `key` with its first version. `None` if the arena is full.
    #[inline]
    pub(super) fn create(arena: &Arena, key: &[u8], version: &NewVersion<'_>) -> Option<Self> {
        let anchor_bytes = granules(ANCHOR_HEADER + key.len());
        let at = arena.allocate(anchor_bytes + version_bytes(version))?;
        let first = u32::try_from(at as usize + anchor_bytes / GRANULE).ok().map(VersionAt)?;
        first.fill(arena, version, VersionAt::NONE);
        let anchor = Self(at);
        let cells = anchor.cells(arena);
        cells.newest.store(first.0, Ordering::Relaxed);
        cells.key_len.store(stored_len(key), Ordering::Relaxed);
        // SAFETY: within what was just allocated for it, and unknown to others until the anchor is published.
        unsafe { arena.region().write(anchor.byte() + ANCHOR_HEADER, key) };
        Some(anchor)
    }

    #[inline]
    const fn byte(self) -> usize {
        self.0 as usize * GRANULE
    }

    #[inline]
    fn cells(self, arena: &Arena) -> &AnchorCells {
        arena.region().cells(self.byte())
    }

    /// The user key.
    #[inline]
    pub(super) fn key(self, arena: &Arena) -> &[u8] {
        let len = self.cells(arena).key_len.load(Ordering::Relaxed) as usize;
        // SAFETY: INV-MEM-2: the anchor was complete before its offset got here, and its key never changes.
        unsafe { arena.region().bytes(self.byte() + ANCHOR_HEADER, len) }
    }

    /// The newest version.
    #[inline]
    pub(super) fn newest(self, arena: &Arena) -> VersionAt {
        VersionAt(self.cells(arena).newest.load(Ordering::Acquire))
    }

    /// Publishes `version` as the newest.
    #[inline]
    pub(super) fn set_newest(self, arena: &Arena, version: VersionAt) {
        self.cells(arena).newest.store(version.0, Ordering::Release);
    }

    /// Asks the processor to fetch the anchor.
    #[inline]
    pub(super) fn prefetch(self, arena: &Arena) {
        arena.region().prefetch(self.byte());
        arena.region().prefetch(self.byte() + LINE);
    }
}

impl VersionAt {
    /// No version.
    pub(super) const NONE: Self = Self(0);

    /// Whether there is none.
    #[inline]
    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Writes a version that nobody can see yet. `None` if the arena is full.
    #[inline]
    pub(super) fn create(arena: &Arena, version: &NewVersion<'_>, older: Self) -> Option<Self> {
        let at = Self(arena.allocate(version_bytes(version))?);
        at.fill(arena, version, older);
        Some(at)
    }

    /// Writes the record into memory that was just allocated for it.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "splits 64 bits in two halves")]
    fn fill(self, arena: &Arena, version: &NewVersion<'_>, older: Self) {
        let cells = self.cells(arena);
        cells.older.store(older.0, Ordering::Relaxed);
        cells.value_len.store(stored_len(version.value), Ordering::Relaxed);
        cells.seqno_low.store(version.seqno as u32, Ordering::Relaxed);
        cells.seqno_high.store((version.seqno >> 32) as u32, Ordering::Relaxed);
        let mut meta = version.kind as u32;
        let mut at = self.byte() + VERSION_HEADER;
        if let Some(key) = version.own_key {
            meta |= OWN_KEY | stored_len(key) << 16;
            // SAFETY: within what was allocated for the version, which nobody else knows of yet.
            unsafe { arena.region().write(at, key) };
            at += key.len();
        }
        cells.meta.store(meta, Ordering::Relaxed);
        // SAFETY: as above; `version_bytes` counted the key and the value.
        unsafe { arena.region().write(at, version.value) };
    }

    /// Asks the processor to fetch the version's header.
    #[inline]
    pub(super) fn prefetch(self, arena: &Arena) {
        arena.region().prefetch(self.byte());
    }

    #[inline]
    const fn byte(self) -> usize {
        self.0 as usize * GRANULE
    }

    #[inline]
    fn cells(self, arena: &Arena) -> &VersionCells {
        arena.region().cells(self.byte())
    }

    /// The next older version of the same key.
    #[inline]
    pub(super) fn older(self, arena: &Arena) -> Self {
        Self(self.cells(arena).older.load(Ordering::Acquire))
    }

    /// Publishes `version` as the next older one.
    #[inline]
    pub(super) fn set_older(self, arena: &Arena, version: Self) {
        self.cells(arena).older.store(version.0, Ordering::Release);
    }

    /// When it was written.
    #[inline]
    pub(super) fn seqno(self, arena: &Arena) -> SeqNo {
        let cells = self.cells(arena);
        let low = cells.seqno_low.load(Ordering::Relaxed);
        let high = cells.seqno_high.load(Ordering::Relaxed);
        SeqNo::from(high) << 32 | SeqNo::from(low)
    }

    /// What it means.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the low byte is what is asked for")]
    pub(super) fn kind(self, arena: &Arena) -> Kind {
        Kind::from_u8(self.cells(arena).meta.load(Ordering::Relaxed) as u8).unwrap_or(Kind::Put)
    }

    /// The length of the version's own spelling of the key, if it has one.
    #[inline]
    fn own_key_len(self, arena: &Arena) -> Option<usize> {
        let meta = self.cells(arena).meta.load(Ordering::Relaxed);
        (meta & OWN_KEY != 0).then_some((meta >> 16) as usize)
    }

    /// The version's own spelling of the key, if it differs from the anchor's.
    #[inline]
    pub(super) fn own_key(self, arena: &Arena) -> Option<&[u8]> {
        let len = self.own_key_len(arena)?;
        // SAFETY: INV-MEM-2: complete before its offset got here, and immutable.
        Some(unsafe { arena.region().bytes(self.byte() + VERSION_HEADER, len) })
    }

    /// The value.
    #[inline]
    pub(super) fn value(self, arena: &Arena) -> &[u8] {
        let at = self.byte() + VERSION_HEADER + self.own_key_len(arena).unwrap_or(0);
        let len = self.cells(arena).value_len.load(Ordering::Relaxed) as usize;
        // SAFETY: INV-MEM-2: complete before its offset got here, and immutable.
        unsafe { arena.region().bytes(at, len) }
    }
}

//! [`Slice`]: an immutable byte string that is cheap to clone and never copied without need.
//!
//! Thirty-two bytes, in one of four shapes:
//!
//! * **inline**: up to [`INLINE_MAX`] bytes inside the slice itself: no allocation, a clone is a copy of 32 bytes;
//! * **copied**: bytes that were copied once into their own counted allocation;
//! * **owned**: a `Vec<u8>` taken over as it was, with the address of our part of it, so that reading the bytes
//!   does not go through the owner's cache line;
//! * **buffered**: the same of a [`Buffer`], whose count of references stands before the bytes.
//!
//! Cloning the latter three is one relaxed increment, dropping one decrement. [`Slice::slice`] shares the owner, so a small
//! value can pin a large block; [`Slice::detach`] copies it out.
//!
//! The one unsafe read is in [`Slice::as_bytes`]; INV-MEM-1 is what makes it sound.

use crate::buffer::Buffer;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Bound, Deref, Range, RangeBounds};
use std::ptr::NonNull;
use std::sync::Arc;

/// The longest byte string that is stored inside the slice itself.
pub const INLINE_MAX: usize = 30;

/// A user's key.
pub type UserKey = Slice;

/// A user's value.
pub type UserValue = Slice;

/// An immutable, cheaply cloned byte string. See the module's documentation.
#[derive(Clone)]
pub struct Slice(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    Copied { owner: Arc<[u8]>, start: u32, len: u32 },
    Owned(Owned<Arc<Vec<u8>>>),
    Buffered(Owned<Buffer>),
}

/// Part of bytes that are never changed again.
///
/// INV-MEM-1: `start..start + len` lies within the bytes of `owner`, a frozen buffer or a vector that is reachable only
/// through the `Arc` and never borrowed mutably, so the bytes stay where and what they are as long as `owner` lives.
#[derive(Clone)]
struct Owned<O> {
    start: NonNull<u8>,
    len: usize,
    owner: O,
}

// SAFETY: `start` points into memory that `owner` keeps alive and nobody writes (INV-MEM-1), and the owner is itself `Send`.
unsafe impl<O: Send> Send for Owned<O> {}
// SAFETY: as for `Send`; through a shared reference the bytes can only be read.
unsafe impl<O: Sync> Sync for Owned<O> {}

impl<O> Owned<O> {
    #[inline]
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: INV-MEM-1: the range is initialised, immutable and alive for as long as `self.owner` is.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

const EMPTY: Repr = Repr::Inline { len: 0, bytes: [0; INLINE_MAX] };

impl Slice {
    /// The empty byte string. Does not allocate.
    #[inline]
    #[must_use]
    pub const fn empty() -> Self {
        Self(EMPTY)
    }

    /// A copy of `bytes`. Allocates once if they do not fit inline.
    #[inline]
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        if let Some(inline) = Self::inline(bytes) {
            return inline;
        }
        match u32::try_from(bytes.len()) {
            Ok(len) => Self(Repr::Copied { owner: Arc::from(bytes), start: 0, len }),
            Err(_) => Self::own(bytes.to_vec()),
        }
    }

    /// The first `len` bytes of `room` (all of it, where `len` is greater), copied at its full width: that costs less than
    /// copying a length that is only known at run time. Does not allocate.
    #[inline]
    #[must_use]
    pub fn from_room(room: &[u8; INLINE_MAX], len: usize) -> Self {
        let len = u8::try_from(len.min(INLINE_MAX)).unwrap_or_default();
        Self(Repr::Inline { len, bytes: *room })
    }

    /// `bytes` inside the slice itself, if they fit.
    #[inline]
    fn inline(bytes: &[u8]) -> Option<Self> {
        let mut room = [0; INLINE_MAX];
        let len = u8::try_from(bytes.len()).ok()?;
        room.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(Repr::Inline { len, bytes: room }))
    }

    /// Takes over `bytes` as they are.
    fn own(bytes: Vec<u8>) -> Self {
        let owner = Arc::new(bytes);
        let bytes: &[u8] = &owner;
        Self(Repr::Owned(Owned { start: NonNull::from(bytes).cast(), len: bytes.len(), owner }))
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Copied { owner, start, len } => {
                let start = *start as usize;
                owner.get(start..start + *len as usize).unwrap_or_default()
            }
            Repr::Owned(owned) => owned.as_bytes(),
            Repr::Buffered(owned) => owned.as_bytes(),
        }
    }

    /// The part of `buffer` in `range`, sharing it (or copied, if it is small enough to be inline), or `None` if the range
    /// is out of bounds.
    #[inline]
    #[must_use]
    pub fn of_buffer(buffer: &Buffer, range: Range<usize>) -> Option<Self> {
        let bytes = buffer.as_bytes().get(range)?;
        if let Some(inline) = Self::inline(bytes) {
            return Some(inline);
        }
        let (start, len) = (NonNull::from(bytes).cast(), bytes.len());
        Some(Self(Repr::Buffered(Owned { start, len, owner: buffer.clone() })))
    }

    /// The part of this slice in `range`, sharing its owner (or copied, if it is small enough to be inline).
    ///
    /// # Panics
    ///
    /// If the range is out of bounds, like indexing.
    #[inline]
    #[must_use]
    #[track_caller]
    #[allow(clippy::panic, reason = "documented to behave like the index operator")]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let (start, end) = self.resolve(range);
        match self.part(start, end) {
            Some(part) => part,
            None => panic!("range {start}..{end} is out of bounds of a slice of {} bytes", self.len()),
        }
    }

    /// Like [`Slice::slice`], or `None` if the range is out of bounds.
    #[inline]
    #[must_use]
    pub fn get(&self, range: impl RangeBounds<usize>) -> Option<Self> {
        let (start, end) = self.resolve(range);
        self.part(start, end)
    }

    /// Like [`Slice::get`], but gives up the whole for the part: the owner's count of references is not touched.
    #[inline]
    #[must_use]
    pub fn into_part(self, range: impl RangeBounds<usize>) -> Option<Self> {
        let (from, to) = self.resolve(range);
        let bytes = self.as_bytes().get(from..to)?;
        if let Some(inline) = Self::inline(bytes) {
            return Some(inline);
        }
        let (first, len) = (NonNull::from(bytes).cast(), bytes.len());
        Some(Self(match self.0 {
            // More than INLINE_MAX bytes cannot be a part of an inline slice.
            Repr::Inline { .. } => return None,
            Repr::Copied { owner, start, .. } => Repr::Copied {
                owner,
                start: start.checked_add(u32::try_from(from).ok()?)?,
                len: u32::try_from(len).ok()?,
            },
            // INV-MEM-1: the part lies within the whole.
            Repr::Owned(owned) => Repr::Owned(Owned { start: first, len, owner: owned.owner }),
            Repr::Buffered(owned) => Repr::Buffered(Owned { start: first, len, owner: owned.owner }),
        }))
    }

    fn resolve(&self, range: impl RangeBounds<usize>) -> (usize, usize) {
        let start = match range.start_bound() {
            Bound::Included(&at) => at,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&at) => at,
            Bound::Unbounded => self.len(),
        };
        (start, end)
    }

    fn part(&self, from: usize, to: usize) -> Option<Self> {
        let bytes = self.as_bytes().get(from..to)?;
        if let Some(inline) = Self::inline(bytes) {
            return Some(inline);
        }
        Some(Self(match &self.0 {
            // More than INLINE_MAX bytes cannot be a part of an inline slice.
            Repr::Inline { .. } => return None,
            Repr::Copied { owner, start, .. } => Repr::Copied {
                owner: Arc::clone(owner),
                start: start.checked_add(u32::try_from(from).ok()?)?,
                len: u32::try_from(bytes.len()).ok()?,
            },
            Repr::Owned(owned) => Repr::Owned(Owned {
                start: NonNull::from(bytes).cast(),
                len: bytes.len(),
                owner: Arc::clone(&owned.owner),
            }),
            Repr::Buffered(owned) => Repr::Buffered(Owned {
                start: NonNull::from(bytes).cast(),
                len: bytes.len(),
                owner: owned.owner.clone(),
            }),
        }))
    }

    /// A copy with an allocation of its own (or none), which pins nothing else.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self::new(self.as_bytes())
    }

    /// Whether this slice shares the memory of a [`Buffer`], which it keeps alive as a whole.
    #[inline]
    #[must_use]
    pub const fn is_of_buffer(&self) -> bool {
        matches!(&self.0, Repr::Buffered(_))
    }

    /// The bytes of heap that this slice keeps alive: all of its owner, shared or not. Zero when inline.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        const COUNTS: usize = 2 * size_of::<usize>();
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Copied { owner, .. } => owner.len() + COUNTS,
            Repr::Owned(owned) => owned.owner.capacity() + size_of::<Vec<u8>>() + COUNTS,
            Repr::Buffered(owned) => owned.owner.memory_bytes(),
        }
    }
}

impl Default for Slice {
    #[inline]
    fn default() -> Self {
        Self::empty()
    }
}

impl Deref for Slice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Slice {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for Slice {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Slice {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Slice {}

impl PartialOrd for Slice {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Slice {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Slice {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<[u8]> for Slice {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialEq<&[u8]> for Slice {
    fn eq(&self, other: &&[u8]) -> bool {
        self.as_bytes() == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Slice {
    fn eq(&self, other: &[u8; N]) -> bool {
        self.as_bytes() == other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Slice {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.as_bytes() == *other
    }
}

impl From<&[u8]> for Slice {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Slice {
    #[inline]
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl<const N: usize> From<[u8; N]> for Slice {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Self::new(&bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Slice {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Self::new(bytes)
    }
}

impl From<Vec<u8>> for Slice {
    /// Takes the vector over without copying it, unless it fits inline.
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        Self::inline(&bytes).unwrap_or_else(|| Self::own(bytes))
    }
}

impl From<Buffer> for Slice {
    /// Takes the buffer over without copying it, unless it fits inline.
    #[inline]
    fn from(buffer: Buffer) -> Self {
        if let Some(inline) = Self::inline(&buffer) {
            return inline;
        }
        let bytes = buffer.as_bytes();
        let (start, len) = (NonNull::from(bytes).cast(), bytes.len());
        Self(Repr::Buffered(Owned { start, len, owner: buffer }))
    }
}

impl From<Box<[u8]>> for Slice {
    #[inline]
    fn from(bytes: Box<[u8]>) -> Self {
        Self::from(Vec::from(bytes))
    }
}

impl From<String> for Slice {
    #[inline]
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests;

//! Huge pages: memory in pieces of two megabytes, which fault in at a fraction of the cost of small pages and spare misses
//! of the address translation cache.
//!
//! The first touch of each takes two megabytes, so ask for memory that is known to be in use.
//!
//! Not here: allocating.

/// The size of a huge page.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// The size from which on it is worth asking.
pub(crate) const LARGE: usize = 2 * HUGE_PAGE;

/// Asks the system to back the `len_bytes` from `start` on with huge pages, if they are many. The first and the last page may
/// reach beyond them, so that what is allocated side by side has no small pages between. A wish: where it is not granted,
/// nothing changes.
#[cold]
pub(crate) fn ask_for_huge_pages<T>(start: *const T, len_bytes: usize) {
    #[cfg(target_os = "linux")]
    if len_bytes >= LARGE {
        use rustix::mm::{Advice, madvise};
        let before = start.addr() % HUGE_PAGE;
        let first = start.cast::<u8>().wrapping_sub(before).cast_mut();
        let whole = (before + len_bytes).next_multiple_of(HUGE_PAGE);
        // SAFETY: this advice changes neither the contents nor the validity of any memory, whoever's it is.
        let _ = unsafe { madvise(first.cast(), whole, Advice::LinuxHugepage) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, len_bytes);
}

//! Asking the processor for memory before it is needed.

/// The size of a cache line.
pub const LINE_BYTES: usize = 64;

/// Asks for the cache line at `address`, without waiting for it. A hint: nothing is read, and any address will do.
#[inline]
pub fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch does not access memory in the sense of the language and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

//! Whether the keys that a thread looks up are mostly there.
//!
//! A filter spares a search for a key that is absent, and makes one wait that is there. In the last run that a lookup comes to,
//! a key that was not found before is absent, or it is here. So a lookup goes by what this thread's lookups came to lately:
//! while more than four in five found their key there, the last run's filter is not asked (unless it can save reading a
//! file). Being wrong costs a search in one block; the answer is the same.

use std::cell::Cell;

/// From so many on, a key is expected to be there.
const EXPECTED_FROM: u8 = 12;

/// One key found in its place counts for so many; the most there can be.
const MOST: u8 = 16;

/// What one absent key counts for: four that were there.
const ABSENT: u8 = 4;

thread_local! {
    static LATELY: Cell<u8> = const { Cell::new(0) };
}

/// What a lookup may expect of the last run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation(u8);

impl Expectation {
    /// That of the current thread.
    #[inline]
    pub(crate) fn of_thread() -> Self {
        Self(LATELY.get())
    }

    /// Whether the key will be there.
    #[inline]
    pub(crate) const fn is_present(self) -> bool {
        self.0 >= EXPECTED_FROM
    }

    /// Takes note of whether it was.
    #[inline]
    pub(crate) fn note(self, present: bool) {
        let after = if present { (self.0 + 1).min(MOST) } else { self.0.saturating_sub(ABSENT) };
        if after != self.0 {
            LATELY.set(after);
        }
    }
}

#[cfg(test)]
mod tests;

//! One huge page of the pool: which of its units are in use.
//!
//! A bit per unit; a run is the first stretch of free units that is long enough. How long a run the page is known not to have is
//! kept, so that a page which is full in effect is not searched again until something in it is freed.
//!
//! Not here: which page ([`super`]), and memory.

use crate::huge_pages::HUGE_PAGE;

/// The unit of allocation.
pub(super) const UNIT: usize = 128;

/// Units of a page.
pub(super) const UNITS: usize = HUGE_PAGE / UNIT;

pub(super) struct Page {
    /// A bit per unit.
    used: [u64; UNITS / 64],
    free: usize,
    /// Runs of so many units and more are known not to be there.
    no_run_of: usize,
    /// The system gave memory for it.
    held: bool,
    /// It takes nothing more until it is empty.
    closed: bool,
}

impl Page {
    pub(super) const EMPTY: Self =
        Self { used: [0; UNITS / 64], free: UNITS, no_run_of: UNITS + 1, held: false, closed: false };

    /// Takes the first run of `units`.
    pub(super) fn take(&mut self, units: usize) -> Option<usize> {
        if self.closed || units > self.free || units >= self.no_run_of {
            return None;
        }
        let Some(at) = self.find(units) else {
            self.no_run_of = units;
            return None;
        };
        self.mark(at, units, true);
        self.free -= units;
        Some(at)
    }

    /// The first run of `units` free units: from the end of one stretch of used units to the beginning of the next.
    fn find(&self, units: usize) -> Option<usize> {
        let mut from = self.next(0, false);
        while from + units <= UNITS {
            let to = self.next(from, true);
            if to - from >= units {
                return Some(from);
            }
            from = self.next(to, false);
        }
        None
    }

    /// The first unit from `from` on that is `used` or not.
    fn next(&self, from: usize, used: bool) -> usize {
        let mut at = from;
        while let Some(&word) = self.used.get(at / 64) {
            let wanted = if used { word } else { !word } >> (at % 64);
            if wanted != 0 {
                return at + wanted.trailing_zeros() as usize;
            }
            at = (at / 64 + 1) * 64;
        }
        UNITS
    }

    fn mark(&mut self, at: usize, units: usize, used: bool) {
        for unit in at..at + units {
            if let Some(word) = self.used.get_mut(unit / 64) {
                let bit = 1 << (unit % 64);
                *word = if used { *word | bit } else { *word & !bit };
            }
        }
    }

    /// Takes back a run.
    pub(super) fn free(&mut self, at: usize, units: usize) {
        self.mark(at, units, false);
        self.free += units;
        self.no_run_of = UNITS + 1;
    }

    /// Units that nobody has.
    pub(super) fn free_units(&self) -> usize {
        self.free
    }

    /// Whether nobody has anything in it.
    pub(super) fn is_empty(&self) -> bool {
        self.free == UNITS
    }

    /// Whether the system gave memory for it.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Notes that the system gives memory for it.
    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// Whether it takes nothing more until it is empty.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes nothing more until it is empty.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }
}

/// `bytes` in whole units, or more than any page has.
pub(super) fn units_of(bytes: usize) -> usize {
    bytes.div_ceil(UNIT)
}

#[cfg(test)]
mod tests;

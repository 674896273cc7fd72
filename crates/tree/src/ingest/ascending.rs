//! Keys that must ascend: each after the one before, in the order of the tree.

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use crate::error::{Error, Result};

/// The last key, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Ascending {
    last: Vec<u8>,
    has_begun: bool,
}

impl Ascending {
    /// Refuses a key before the last one.
    ///
    /// # Errors
    ///
    /// [`Error::KeysNotAscending`].
    pub(crate) fn check_not_before(&self, key: &[u8], order: &KeyOrder) -> Result<()> {
        if self.has_begun && order.compare(&self.last, key) == Ordering::Greater {
            return Err(Error::KeysNotAscending { previous: Slice::new(&self.last), given: Slice::new(key) });
        }
        Ok(())
    }

    /// Takes the next key.
    ///
    /// # Errors
    ///
    /// [`Error::KeysNotAscending`]: it is not behind the last one, which stays the last.
    #[inline]
    pub(crate) fn take(&mut self, key: &[u8], order: &KeyOrder) -> Result<()> {
        if self.has_begun && order.compare(&self.last, key) != Ordering::Less {
            return Err(Error::KeysNotAscending { previous: Slice::new(&self.last), given: Slice::new(key) });
        }
        self.has_begun = true;
        self.last.clear();
        self.last.extend_from_slice(key);
        Ok(())
    }
}

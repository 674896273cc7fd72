//! The range of keys that a command's options mean.

use std::ffi::OsString;
use std::ops::{Bound, RangeBounds};

use crate::args::RangeArgs;
use crate::failure::Outcome;
use crate::text::Notation;

/// A range of keys with its own bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
}

impl KeyRange {
    /// The range of `arguments`.
    pub(crate) fn parse(arguments: RangeArgs, notation: Notation) -> Outcome<Self> {
        let parse = |name: &str, argument: Option<OsString>| {
            argument.map(|argument| notation.argument(name, &argument)).transpose()
        };
        if let Some(prefix) = parse("--prefix", arguments.prefix)? {
            return Ok(Self::of_prefix(prefix));
        }
        let from = parse("--from", arguments.from)?;
        let to = parse("--to", arguments.to)?;
        Ok(Self {
            from: from.map_or(Bound::Unbounded, Bound::Included),
            to: to.map_or(Bound::Unbounded, Bound::Excluded),
        })
    }

    fn of_prefix(prefix: Vec<u8>) -> Self {
        let to = match after_prefix(&prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        Self { from: Bound::Included(prefix), to }
    }
}

impl RangeBounds<Vec<u8>> for KeyRange {
    fn start_bound(&self) -> Bound<&Vec<u8>> {
        self.from.as_ref()
    }

    fn end_bound(&self) -> Bound<&Vec<u8>> {
        self.to.as_ref()
    }
}

/// The least key above all that begin with `prefix`; `None` where there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

#[cfg(test)]
mod tests;

//! What goes into the filter of a table: its keys, and the prefixes that an extractor finds in them.
//!
//! A prefix that the key before had too is not added again: keys come in order, so equal prefixes are neighbours, and the filter
//! is sized for what is really in it. Keys and prefixes are hashed apart, so that a prefix does not make a point lookup of the
//! same bytes more likely to pass.
//!
//! A scan passes a table over for lack of a boundary, so every key that begins with a boundary must have added it
//! (INV-PREFIX-1). That is checked here: of each key, each boundary must be among the prefixes that it listed. Boundaries
//! within what a key shares with the one before it are known; the rest is asked for, byte by byte. With the first key that
//! breaks the rule the extractor is given up for this table, whose properties then name none.
//!
//! Without an extractor all of this is one branch a key.

use esker_format::checksum::key_hash;
use esker_format::filter::{FilterBuilder, prefix_hash};

use crate::policy::FilterPolicyEntry;
use crate::prefix_extractor::{MAX_PREFIX_BYTES, MAX_PREFIXES, SharedPrefixExtractor};

/// The hashes of a table's keys and prefixes.
pub(crate) struct FilterKeys {
    builder: FilterBuilder,
    prefixes: Option<Box<Prefixes>>,
}

impl FilterKeys {
    /// None if there shall be no filter.
    pub(crate) fn new(filter: FilterPolicyEntry, extractor: Option<&SharedPrefixExtractor>) -> Option<Self> {
        let prefixes = extractor.map(|extractor| Box::new(Prefixes::new(extractor.clone())));
        Some(Self { builder: filter.builder()?, prefixes })
    }

    /// Adds a user key, and its prefixes; each key once, in order.
    #[inline]
    pub(crate) fn add(&mut self, key: &[u8]) {
        self.builder.add_hash(key_hash(key));
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.add(key, &mut self.builder);
        }
    }

    /// Hashes so far.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.builder.len()
    }

    pub(crate) fn kind_id(&self) -> u8 {
        self.builder.kind_id()
    }

    pub(crate) fn policy_name(&self) -> &'static str {
        self.builder.policy_name()
    }

    /// Whether there is an extractor, and it contradicted itself.
    pub(crate) fn is_contradicted(&self) -> bool {
        self.prefixes.as_ref().is_some_and(|prefixes| prefixes.is_contradicted)
    }

    /// Appends the payload of a filter of the keys so far to `out`, and begins one for those that follow.
    pub(crate) fn cut(&mut self, out: &mut Vec<u8>) {
        self.builder.finish(out);
        if let Some(prefixes) = &mut self.prefixes {
            // What the last key has is not in the next filter.
            prefixes.listed.clear();
        }
    }

    /// Appends the filter's payload to `out`. The name of the extractor whose boundaries are all in it, if there is one.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Option<String> {
        self.builder.finish(out);
        let prefixes = self.prefixes.filter(|prefixes| !prefixes.is_contradicted)?;
        Some(prefixes.extractor.name().to_owned())
    }
}

/// The prefixes of the keys so far.
struct Prefixes {
    extractor: SharedPrefixExtractor,
    is_contradicted: bool,
    /// The beginning of the last key, as far as it can be in a prefix.
    last: Vec<u8>,
    /// Lengths of the prefixes that the last key listed.
    listed: Vec<usize>,
    /// Lengths of the boundaries that the last key begins with.
    boundaries: Vec<usize>,
    /// Room for what comes to be `listed`.
    next: Vec<usize>,
}

impl Prefixes {
    fn new(extractor: SharedPrefixExtractor) -> Self {
        Self {
            extractor,
            is_contradicted: false,
            last: Vec::new(),
            listed: Vec::new(),
            boundaries: Vec::new(),
            next: Vec::new(),
        }
    }

    #[inline(never)]
    fn add(&mut self, key: &[u8], filter: &mut FilterBuilder) {
        if self.is_contradicted {
            return;
        }
        let part = key.get(..MAX_PREFIX_BYTES).unwrap_or(key);
        let shared = self.last.iter().zip(part).take_while(|(a, b)| a == b).count();
        self.next.clear();
        for prefix in self.extractor.prefixes(key).take(MAX_PREFIXES) {
            let len = prefix.len();
            if len == 0 || !part.starts_with(prefix) || self.next.contains(&len) {
                continue;
            }
            self.next.push(len);
            if len > shared || !self.listed.contains(&len) {
                filter.add_hash(prefix_hash(prefix));
            }
        }
        std::mem::swap(&mut self.listed, &mut self.next);
        self.boundaries.retain(|len| *len <= shared);
        for len in shared + 1..=part.len() {
            let is_boundary =
                part.get(..len).is_some_and(|prefix| self.extractor.is_valid_scan_boundary(prefix));
            if is_boundary {
                self.boundaries.push(len);
            }
        }
        // INV-PREFIX-1
        self.is_contradicted = !self.boundaries.iter().all(|len| self.listed.contains(len));
        self.last.clear();
        self.last.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;

//! Prefix extractors: which prefixes of a key go into the filter beside the key, so that a scan of a prefix can pass over
//! tables that do not have it.
//!
//! [`PrefixExtractor`] is what a user implements; [`FixedPrefix`] and [`DelimitedPrefix`] are ready made. A prefix that can be
//! looked for in filters is a *boundary*: every key that begins with a boundary must list it among its prefixes. Tables are
//! only marked as having prefixes if that was so for all of their keys ([`crate::table::filter_keys`]), so that an
//! extractor that contradicts itself costs what it should have spared, and no entry.
//!
//! Not here: how tables are passed over ([`crate::scan::narrow`]).

use std::fmt;
use std::sync::Arc;

/// Prefixes of one key that count; an extractor that lists more is cut off.
pub const MAX_PREFIXES: usize = 16;

/// The longest prefix that goes into a filter, in bytes.
pub const MAX_PREFIX_BYTES: usize = 256;

/// Says which prefixes of a key can be looked for without looking for the key.
///
/// For each boundary `p`, that is where [`is_valid_scan_boundary`](Self::is_valid_scan_boundary) says yes, each key that begins
/// with `p` must list `p` in [`prefixes`](Self::prefixes). Both must always answer the same for the same bytes. Prefixes over
/// [`MAX_PREFIX_BYTES`], those that the key does not begin with, empty ones, and all after the first [`MAX_PREFIXES`]
/// count for nothing. A table in which the rule does not hold is written without the extractor's name, and prefix scans
/// look into it as into any other: answers are right whatever an extractor says.
///
/// The work is done where tables are written: `prefixes` is asked once a key, and `is_valid_scan_boundary` once for each byte,
/// of the first [`MAX_PREFIX_BYTES`], that a key does not share with the one before it. Make the latter cheap.
///
/// ```
/// use esker_tree::PrefixExtractor;
///
/// /// The first two letters.
/// struct TwoLetters;
///
/// impl PrefixExtractor for TwoLetters {
///     fn name(&self) -> &str {
///         "example.two-letters"
///     }
///
///     fn prefixes<'k>(&self, key: &'k [u8]) -> Box<dyn Iterator<Item = &'k [u8]> + 'k> {
///         Box::new(key.get(..2).into_iter())
///     }
///
///     fn is_valid_scan_boundary(&self, prefix: &[u8]) -> bool {
///         prefix.len() == 2
///     }
/// }
/// ```
pub trait PrefixExtractor: Send + Sync + 'static {
    /// The name stored with each table. Change it whenever the answers change.
    fn name(&self) -> &str;

    /// The prefixes of `key` that go into the filter.
    fn prefixes<'k>(&self, key: &'k [u8]) -> Box<dyn Iterator<Item = &'k [u8]> + 'k>;

    /// Whether each key that begins with `prefix` lists `prefix`. By default: whether `prefix` lists itself.
    fn is_valid_scan_boundary(&self, prefix: &[u8]) -> bool {
        self.prefixes(prefix).take(MAX_PREFIXES).any(|listed| listed == prefix)
    }
}

/// A prefix extractor shared by the parts of an engine.
pub type SharedPrefixExtractor = Arc<dyn PrefixExtractor>;

impl fmt::Debug for dyn PrefixExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrefixExtractor").field(&self.name()).finish()
    }
}

/// The longest boundary that `prefix` begins with: what to look for in filters on behalf of a scan of `prefix`.
pub(crate) fn boundary_of<'p>(extractor: &dyn PrefixExtractor, prefix: &'p [u8]) -> Option<&'p [u8]> {
    let counts = |at: &&[u8]| {
        (1..=MAX_PREFIX_BYTES).contains(&at.len())
            && prefix.starts_with(at)
            && extractor.is_valid_scan_boundary(at)
    };
    if counts(&prefix) {
        return Some(prefix);
    }
    extractor.prefixes(prefix).take(MAX_PREFIXES).filter(counts).max_by_key(|at| at.len())
}

/// The ready-made extractor of this name, if there is one.
///
/// ```
/// assert_eq!(esker_tree::ready_made_extractor("esker.fixed(4)").expect("a name").name(), "esker.fixed(4)");
/// assert!(esker_tree::ready_made_extractor("example.two-letters").is_none());
/// ```
#[must_use]
pub fn ready_made_extractor(name: &str) -> Option<SharedPrefixExtractor> {
    let (kind, arguments) = name.strip_prefix("esker.")?.strip_suffix(')')?.split_once('(')?;
    let made: SharedPrefixExtractor = match kind {
        "fixed" => Arc::new(FixedPrefix::new(arguments.parse().ok()?)),
        "delimited" => {
            let (delimiter, depth) = arguments.split_once(',')?;
            Arc::new(DelimitedPrefix::new(delimiter.parse().ok()?, depth.parse().ok()?))
        }
        _ => return None,
    };
    (made.name() == name).then_some(made)
}

/// The first bytes of each key, as many of them for all keys. Shorter keys have no prefix.
///
/// ```
/// use esker_tree::{FixedPrefix, PrefixExtractor};
///
/// let extractor = FixedPrefix::new(4);
/// assert_eq!(extractor.prefixes(b"user0042").collect::<Vec<_>>(), [b"user"]);
/// assert!(extractor.is_valid_scan_boundary(b"user") && !extractor.is_valid_scan_boundary(b"us"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedPrefix {
    len: usize,
    name: String,
}

impl FixedPrefix {
    /// Prefixes of `len` bytes, at most [`MAX_PREFIX_BYTES`] to be of use. Their name is `esker.fixed(len)`.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { len, name: format!("esker.fixed({len})") }
    }
}

impl PrefixExtractor for FixedPrefix {
    fn name(&self) -> &str {
        &self.name
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Box<dyn Iterator<Item = &'k [u8]> + 'k> {
        Box::new(key.get(..self.len).into_iter())
    }

    fn is_valid_scan_boundary(&self, prefix: &[u8]) -> bool {
        prefix.len() == self.len
    }
}

/// The parts of each key up to and with its first, second, ... delimiter.
///
/// ```
/// use esker_tree::{DelimitedPrefix, PrefixExtractor};
///
/// let extractor = DelimitedPrefix::new(b'/', 2);
/// let listed: Vec<_> = extractor.prefixes(b"tenant/7/object/1").collect();
/// assert_eq!(listed, [b"tenant/".as_slice(), b"tenant/7/"]);
/// assert!(extractor.is_valid_scan_boundary(b"tenant/") && !extractor.is_valid_scan_boundary(b"tenant"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelimitedPrefix {
    delimiter: u8,
    depth: usize,
    name: String,
}

impl DelimitedPrefix {
    /// Prefixes up to the first `depth` delimiters, each with its delimiter; `depth` is brought into 1..=[`MAX_PREFIXES`]. Their
    /// name is `esker.delimited(delimiter,depth)`.
    #[must_use]
    pub fn new(delimiter: u8, depth: usize) -> Self {
        let depth = depth.clamp(1, MAX_PREFIXES);
        Self { delimiter, depth, name: format!("esker.delimited({delimiter},{depth})") }
    }
}

impl PrefixExtractor for DelimitedPrefix {
    fn name(&self) -> &str {
        &self.name
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Box<dyn Iterator<Item = &'k [u8]> + 'k> {
        let delimiter = self.delimiter;
        let ends = key.iter().enumerate().filter(move |(_, byte)| **byte == delimiter);
        Box::new(ends.take(self.depth).filter_map(|(at, _)| key.get(..=at)))
    }

    fn is_valid_scan_boundary(&self, prefix: &[u8]) -> bool {
        prefix.last() == Some(&self.delimiter)
            && prefix.iter().filter(|byte| **byte == self.delimiter).count() <= self.depth
    }
}

#[cfg(test)]
mod tests;

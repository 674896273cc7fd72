use std::sync::Arc;

use esker_format::filter::Filter;
use esker_mem::slice::Slice;

use super::*;
use crate::prefix_extractor::{DelimitedPrefix, FixedPrefix, PrefixExtractor};

const BLOOM: FilterPolicyEntry = FilterPolicyEntry::Bloom { bits_per_key: 20.0 };

type Listed<'k> = Box<dyn Iterator<Item = &'k [u8]> + 'k>;

/// An extractor made of a function.
struct Made<F>(F);

impl<F: for<'k> Fn(&'k [u8]) -> Listed<'k> + Send + Sync + 'static> PrefixExtractor for Made<F> {
    fn name(&self) -> &str {
        "test.made"
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Listed<'k> {
        self.0(key)
    }
}

/// Lists every prefix of a key, and takes every string for a boundary.
struct Every;

impl PrefixExtractor for Every {
    fn name(&self) -> &str {
        "test.every"
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Listed<'k> {
        Box::new((1..=key.len()).filter_map(|len| key.get(..len)))
    }

    fn is_valid_scan_boundary(&self, _: &[u8]) -> bool {
        true
    }
}

fn made<F: for<'k> Fn(&'k [u8]) -> Listed<'k> + Send + Sync + 'static>(f: F) -> SharedPrefixExtractor {
    Arc::new(Made(f))
}

/// Hashes that were added, the filter, and the extractor that it names.
fn filter_of(extractor: &SharedPrefixExtractor, keys: &[&str]) -> (usize, Filter, Option<String>) {
    let mut filter = FilterKeys::new(BLOOM, Some(extractor)).unwrap();
    keys.iter().for_each(|key| filter.add(key.as_bytes()));
    let (len, is_contradicted) = (filter.len(), filter.is_contradicted());
    let mut payload = Vec::new();
    let name = filter.finish(&mut payload);
    assert_eq!(name.is_none(), is_contradicted);
    (len, Filter::decode(Slice::from(payload)).unwrap(), name)
}

/// An earlier engine sized filters for the wrong number of keys. Each prefix counts, and counts once.
#[test]
fn the_filter_has_each_prefix_once_beside_the_keys() {
    let extractor: SharedPrefixExtractor = Arc::new(DelimitedPrefix::new(b'/', 2));
    let keys = ["a/1/x", "a/1/y", "a/2/x", "b/1/x", "b/1/y", "c"];
    let (len, filter, name) = filter_of(&extractor, &keys);
    assert_eq!(name.as_deref(), Some(extractor.name()));
    // Six keys; a/, b/; a/1/, a/2/, b/1/.
    assert_eq!(len, 11);
    for prefix in ["a/", "b/", "a/1/", "a/2/", "b/1/"] {
        assert!(filter.may_contain(prefix_hash(prefix.as_bytes())), "{prefix}");
    }
    let there = |key: &&str| filter.may_contain(key_hash(key.as_bytes()));
    assert!(keys.iter().all(there));
    assert!(!["a/", "b/", "a/1/"].iter().any(there), "a prefix is not a key");
}

/// Each partition has the prefixes of its keys, also those that the partition before has.
#[test]
fn a_filter_that_is_cut_begins_with_its_own_prefixes() {
    let extractor: SharedPrefixExtractor = Arc::new(DelimitedPrefix::new(b'/', 1));
    let mut filter = FilterKeys::new(BLOOM, Some(&extractor)).unwrap();
    let mut payloads = [Vec::new(), Vec::new()];
    filter.add(b"a/1");
    filter.cut(&mut payloads[0]);
    filter.add(b"a/2");
    assert_eq!(filter.len(), 2, "the key and the prefix");
    assert_eq!(filter.finish(&mut payloads[1]).as_deref(), Some(extractor.name()));
    for payload in payloads {
        assert!(Filter::decode(Slice::from(payload)).unwrap().may_contain(prefix_hash(b"a/")));
    }
}

#[test]
fn keys_without_a_prefix_are_no_contradiction() {
    let extractor: SharedPrefixExtractor = Arc::new(FixedPrefix::new(3));
    let (len, _, name) = filter_of(&extractor, &["", "ab", "abc", "abcd", "b"]);
    assert_eq!((len, name.as_deref()), (6, Some(extractor.name())));
}

/// INV-PREFIX-1: "up to the last delimiter" takes `a/` for a boundary, but `a/b/c` lists `a/b/` alone.
#[test]
fn an_extractor_that_leaves_out_a_boundary_is_given_up() {
    let last = made(|key| {
        let end = key.iter().rposition(|byte| *byte == b'/');
        Box::new(end.and_then(|end| key.get(..=end)).into_iter())
    });
    assert!(filter_of(&last, &["a/b", "a/c", "b/c"]).2.is_some(), "no key shows it");
    assert!(filter_of(&last, &["a/b", "a/b/c"]).2.is_none(), "the boundary is in the shared part");
    assert!(filter_of(&last, &["a/b/c"]).2.is_none(), "the boundary is in the rest");
}

#[test]
fn an_extractor_that_lists_nonsense_adds_nothing() {
    let foreign = made(|_| Box::new([b"zzz".as_slice(), b""].into_iter()));
    let (len, _, name) = filter_of(&foreign, &["a", "b"]);
    assert_eq!((len, name.is_some()), (2, true), "it has no boundary that a key begins with");
    let (_, _, name) = filter_of(&foreign, &["a", "zzz1"]);
    assert!(name.is_some(), "nor is one missing from the key that does");
}

#[test]
fn an_extractor_that_lists_too_many_is_cut_off_and_given_up() {
    let every: SharedPrefixExtractor = Arc::new(Every);
    assert!(filter_of(&every, &["0123456789abcdef"]).2.is_some());
    let (len, _, name) = filter_of(&every, &["0123456789abcdefg", "h"]);
    assert_eq!((len, name), (1 + MAX_PREFIXES + 1, None));
    let endless = made(|key| Box::new(std::iter::repeat(key)));
    assert!(filter_of(&endless, &["a", "ab"]).2.is_none(), "and what never ends is cut off, too");
}

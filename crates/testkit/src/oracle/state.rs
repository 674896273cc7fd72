//! What a database holds at one moment: [`State`].

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::oracle::change::{Change, Key, Keyspace, MergeFn, Op, Value};

/// A key in its keyspace.
pub type Place = (Keyspace, Key);

/// Everything that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    entries: BTreeMap<Place, Value>,
}

impl State {
    /// Holding nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is at a place.
    #[must_use]
    pub fn get(&self, place: &Place) -> Option<&Value> {
        self.entries.get(place)
    }

    /// Puts what an engine was found to hold.
    pub fn insert(&mut self, keyspace: Keyspace, key: Key, value: Value) {
        self.entries.insert((keyspace, key), value);
    }

    /// Everything in order of keyspace and key.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Value)> {
        self.entries.iter()
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Carries out a change, and returns the places it touched.
    pub fn apply(&mut self, change: &Change, merge: MergeFn) -> Vec<Place> {
        let keyspace = change.keyspace;
        match &change.op {
            Op::Put(key, value) => {
                self.entries.insert((keyspace, key.clone()), value.clone());
                vec![(keyspace, key.clone())]
            }
            Op::Delete(key) | Op::SingleDelete(key) => {
                let place = (keyspace, key.clone());
                self.entries.remove(&place);
                vec![place]
            }
            Op::Merge(key, operand) => {
                let place = (keyspace, key.clone());
                let merged = merge(self.entries.get(&place).map(Vec::as_slice), &[operand]);
                self.entries.insert(place.clone(), merged);
                vec![place]
            }
            Op::DeleteRange(start, end) if start < end => {
                let range = (keyspace, start.clone())..(keyspace, end.clone());
                let places: Vec<Place> = self.entries.range(range).map(|(place, _)| place.clone()).collect();
                for place in &places {
                    self.entries.remove(place);
                }
                places
            }
            Op::DeleteRange(..) => Vec::new(),
        }
    }

    /// The places where two states differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> BTreeSet<Place> {
        let mine = self.entries.iter().filter(|(place, value)| other.get(place) != Some(value));
        let theirs = other.entries.iter().filter(|(place, _)| !self.entries.contains_key(place));
        mine.chain(theirs).map(|(place, _)| place.clone()).collect()
    }

    /// Where a found state differs from this one, a line for each of the first few places; `None` if nowhere.
    #[must_use]
    pub fn explain(&self, found: &Self) -> Option<String> {
        let places = self.differences(found);
        if places.is_empty() {
            return None;
        }
        let or_absent =
            |state: &Self, place| state.get(place).map_or("absent".to_owned(), |value| show(value));
        let lines: Vec<String> = places
            .iter()
            .take(8)
            .map(|place| {
                let (expected, found) = (or_absent(self, place), or_absent(found, place));
                format!("  keyspace {} key {}: expected {expected}, found {found}", place.0, show(&place.1))
            })
            .collect();
        Some(format!("{} keys differ:\n{}", places.len(), lines.join("\n")))
    }
}

/// Bytes for people: as text where they are, in hex where not, and not too long.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 48;
    let shown = bytes.get(..SHOWN_BYTES).unwrap_or(bytes);
    let rest = if shown.len() < bytes.len() { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    format!("\"{}\"{rest}", shown.escape_ascii())
}

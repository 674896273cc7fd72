//! What a tree should answer: every version of every key, in memory.

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_tree::SeqNo;

/// One version: its seqno, and its value or nothing for a tombstone.
type Versions = Vec<(SeqNo, Option<Vec<u8>>)>;

/// All versions of all keys, keys in order.
pub(crate) struct Oracle {
    order: KeyOrder,
    keys: Vec<(Vec<u8>, Versions)>,
    /// Deleted ranges: start, end, seqno.
    ranges: Vec<(Vec<u8>, Vec<u8>, SeqNo)>,
}

impl Oracle {
    pub(crate) fn new(order: KeyOrder) -> Self {
        Self { order, keys: Vec::new(), ranges: Vec::new() }
    }

    pub(crate) fn write(&mut self, key: &[u8], seqno: SeqNo, value: Option<Vec<u8>>) {
        let at = self.keys.partition_point(|(k, _)| self.order.compare(k, key) == Ordering::Less);
        if self.keys.get(at).is_none_or(|(k, _)| !self.order.same_key(k, key)) {
            self.keys.insert(at, (key.to_vec(), Vec::new()));
        }
        self.keys[at].1.push((seqno, value));
    }

    pub(crate) fn remove_range(&mut self, start: &[u8], end: &[u8], seqno: SeqNo) {
        self.ranges.push((start.to_vec(), end.to_vec(), seqno));
    }

    fn visible(&self, key: &[u8], versions: &Versions, bound: SeqNo) -> Option<Vec<u8>> {
        let (seqno, value) =
            versions.iter().filter(|(seqno, _)| *seqno < bound).max_by_key(|(seqno, _)| *seqno)?;
        let covers = |(start, end, range): &(Vec<u8>, Vec<u8>, SeqNo)| {
            range < &bound
                && range > seqno
                && self.order.compare(start, key) != Ordering::Greater
                && self.order.compare(key, end) == Ordering::Less
        };
        if self.ranges.iter().any(covers) { None } else { value.clone() }
    }

    pub(crate) fn get(&self, key: &[u8], bound: SeqNo) -> Option<Vec<u8>> {
        let (_, versions) = self.keys.iter().find(|(k, _)| self.order.same_key(k, key))?;
        self.visible(key, versions, bound)
    }

    /// Live entries in order.
    pub(crate) fn live(&self, bound: SeqNo) -> Vec<(Vec<u8>, Vec<u8>)> {
        let live = self
            .keys
            .iter()
            .filter_map(|(key, versions)| Some((key.clone(), self.visible(key, versions, bound)?)));
        live.collect()
    }
}

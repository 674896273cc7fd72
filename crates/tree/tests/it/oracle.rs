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
}

impl Oracle {
    pub(crate) fn new(order: KeyOrder) -> Self {
        Self { order, keys: Vec::new() }
    }

    pub(crate) fn write(&mut self, key: &[u8], seqno: SeqNo, value: Option<Vec<u8>>) {
        let at = self.keys.partition_point(|(k, _)| self.order.compare(k, key) == Ordering::Less);
        if self.keys.get(at).is_none_or(|(k, _)| !self.order.same_key(k, key)) {
            self.keys.insert(at, (key.to_vec(), Vec::new()));
        }
        self.keys[at].1.push((seqno, value));
    }

    pub(crate) fn get(&self, key: &[u8], bound: SeqNo) -> Option<Vec<u8>> {
        let (_, versions) = self.keys.iter().find(|(k, _)| self.order.same_key(k, key))?;
        visible(versions, bound)
    }

    /// Live entries in order.
    pub(crate) fn live(&self, bound: SeqNo) -> Vec<(Vec<u8>, Vec<u8>)> {
        let live =
            self.keys.iter().filter_map(|(key, versions)| Some((key.clone(), visible(versions, bound)?)));
        live.collect()
    }
}

fn visible(versions: &Versions, bound: SeqNo) -> Option<Vec<u8>> {
    let newest = versions.iter().filter(|(seqno, _)| *seqno < bound).max_by_key(|(seqno, _)| *seqno);
    newest.and_then(|(_, value)| value.clone())
}

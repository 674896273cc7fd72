//! Reads of a run with writes on top that are not the tree's.

use esker_tree::{Clock, Error, MAX_SEQNO, Overlaid, OverlayMemtable, SeqNo};

use super::operation::{At, Span, Walk};
use super::oracle::{Oracle, What};
use super::ranges::Take;
use super::settings::Merging;
use super::subject::{Outcome, Subject, same, told};

impl Subject {
    /// Writes to an overlay, and reads the tree under it: keys one by one and together, and a span.
    pub(super) fn read_overlaid(&mut self, keys: &[u16], span: Span, at: At, walk: Walk) -> Outcome {
        let bound = self.bound(at);
        let now = self.time_at(bound);
        let (oracle, seen_below) = self.oracle_under(bound);
        let (overlaid, oracle) = self.lay_over(keys, oracle, seen_below - 1)?;
        let asked: Vec<&[u8]> = keys.iter().map(|key| self.universe.key(*key)).collect();
        let together = overlaid.multi_get(&asked, bound).map_err(told("multi_get under an overlay"))?;
        for (key, together) in keys.iter().zip(together) {
            let (bytes, wanted) =
                (self.universe.key(*key), oracle.get(self.universe.class(*key), seen_below, now));
            let got = overlaid.get(bytes, bound).map_err(told("get under an overlay"))?;
            same("get under an overlay", &got.as_deref(), &wanted.as_deref())?;
            same("multi_get under an overlay", &together.as_deref(), &wanted.as_deref())?;
            let there = overlaid.contains_key(bytes, bound).map_err(told("contains_key under an overlay"))?;
            same("contains_key under an overlay", &there, &wanted.is_some())?;
            let size = overlaid.size_of(bytes, bound).map_err(told("size_of under an overlay"))?;
            same("size_of under an overlay", &size, &wanted.map(|value| value.len() as u32))?;
        }
        let range =
            overlaid.range::<&[u8]>(self.bounds(span), bound).map_err(told("range under an overlay"))?;
        let wanted = oracle.live(self.classes(span), seen_below, now);
        self.walk_out(range, wanted.into(), walk, Take::Owned)
    }

    /// Deletes a range of keys in an overlay, if it is one, and each of them in the oracle.
    fn lay_range_over(
        &self,
        writes: &OverlayMemtable,
        (from, to): (u16, u16),
        oracle: &mut Oracle,
        top: SeqNo,
    ) -> Result<(), String> {
        let classes = self.universe.class(from)..self.universe.class(to);
        let removed = writes.remove_range(self.universe.key(from), self.universe.key(to));
        match removed {
            Err(Error::InvertedRange) if classes.start > classes.end => return Ok(()),
            other => other.map_err(told("a range delete of an overlay"))?,
        }
        for class in classes {
            oracle.write(class, top, What::Delete);
        }
        Ok(())
    }

    /// What the tree holds below a bound, and a bound for reading it with room for one more number below.
    fn oracle_under(&self, bound: SeqNo) -> (Oracle, SeqNo) {
        match bound.min(MAX_SEQNO) {
            0 => (Oracle::new(self.universe.classes()), 1),
            bound => (self.oracle.clone(), bound),
        }
    }

    /// The tree under an overlay with a write for each key, and the oracle with the same at number `top`.
    fn lay_over(
        &mut self,
        keys: &[u16],
        mut oracle: Oracle,
        top: SeqNo,
    ) -> Result<(Overlaid, Oracle), String> {
        let writes = self.tree().overlay_memtable();
        for (at, key) in keys.iter().enumerate() {
            let value = self.value(at);
            let bytes = self.universe.key(*key);
            let what = match at % 4 {
                0 => What::Put(value),
                3 => What::Expiring(value, self.clock.unix_millis() + u64::from(*key % 3)),
                1 if self.settings.merging != Merging::Refused => What::Merge(value),
                _ => What::Delete,
            };
            let written = match &what {
                What::Put(value) => writes.insert(bytes, value),
                What::Expiring(value, expires_at) => writes.insert_with_expiry(bytes, value, *expires_at),
                What::Merge(operand) => writes.merge(bytes, operand),
                What::Delete | What::Weak | What::Covered => writes.remove(bytes),
            };
            written.map_err(told("a write to an overlay"))?;
            oracle.write(self.universe.class(*key), top, what);
        }
        if let [first, .., last] = keys
            && keys.len().is_multiple_of(3)
        {
            self.lay_range_over(&writes, (*first, *last), &mut oracle, top)?;
        }
        let bound = writes.bound();
        // What comes later is not seen.
        for key in keys {
            writes.insert(self.universe.key(*key), "later").map_err(told("a later write to an overlay"))?;
        }
        let overlaid = self.tree().overlaid(writes.at(bound)).map_err(told("overlaid"))?;
        Ok((overlaid, oracle))
    }
}

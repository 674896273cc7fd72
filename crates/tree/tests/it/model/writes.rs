//! The writes of a run.

use std::sync::Arc;
use std::time::Duration;

use esker_mem::kind::Kind;
use esker_mem::sorted_memtable::{Assembly, KeyCode, Section, SortedMemtable};
use esker_tree::{Clock, Error, KeyOrder, SeqNo};

use super::oracle::{Value, What};
use super::settings::Merging;
use super::subject::{Done, Outcome, Planted, Subject, told};
use super::universe::Universe;

impl Subject {
    pub(super) fn insert(&mut self, key: u16, len: usize) -> Outcome {
        let value = self.value(len);
        self.insert_value(key, value)
    }

    pub(super) fn insert_value(&mut self, key: u16, value: Value) -> Outcome {
        let class = self.universe.class(key);
        if Universe::is_weak(class) && !self.oracle.may_put_weakly(class) {
            return Ok(Done::Passed);
        }
        let seqno = self.seqno.next();
        self.tree().insert(self.universe.key(key), &value, seqno).map_err(told("insert"))?;
        self.oracle.write(class, seqno, What::Put(value));
        Ok(Done::Checked)
    }

    /// A value that expires, as one would write it by its expiry or by its time to live.
    pub(super) fn insert_expiring(&mut self, key: u16, len: usize, lives: u8) -> Outcome {
        let class = self.universe.class(key);
        if Universe::is_weak(class) && !self.oracle.may_put_weakly(class) {
            return Ok(Done::Passed);
        }
        let ((value, expires_at), seqno) = (self.expiring(len, lives), self.seqno.next());
        let (tree, key) = (self.tree(), self.universe.key(key));
        let written = match lives {
            _ if self.planted == Some(Planted::ForgetsExpiries) => tree.insert(key, &value, seqno),
            lives if seqno.is_multiple_of(2) && lives > 0 => {
                tree.insert_with_ttl(key, &value, Duration::from_millis(lives.into()), seqno)
            }
            _ => tree.insert_with_expiry(key, &value, expires_at, seqno),
        };
        written.map_err(told("insert_with_expiry"))?;
        self.oracle.write(class, seqno, What::Expiring(value, expires_at));
        Ok(Done::Checked)
    }

    pub(super) fn remove(&mut self, key: u16) -> Outcome {
        let class = self.universe.class(key);
        if Universe::is_weak(class) {
            return Ok(Done::Passed);
        }
        let seqno = self.seqno.next();
        if self.planted != Some(Planted::LosesRemoves) {
            self.tree().remove(self.universe.key(key), seqno).map_err(told("remove"))?;
        }
        self.oracle.write(class, seqno, What::Delete);
        Ok(Done::Checked)
    }

    pub(super) fn remove_weak(&mut self, key: u16) -> Outcome {
        let class = self.universe.class(key);
        if !Universe::is_weak(class) || !self.oracle.may_delete_weakly(class) {
            return Ok(Done::Passed);
        }
        let seqno = self.seqno.next();
        self.tree().remove_weak(self.universe.key(key), seqno).map_err(told("remove_weak"))?;
        self.oracle.write(class, seqno, What::Weak);
        Ok(Done::Checked)
    }

    pub(super) fn merge(&mut self, key: u16, len: usize) -> Outcome {
        let class = self.universe.class(key);
        if self.settings.merging == Merging::Refused {
            let refused = self.tree().merge(self.universe.key(key), b"operand", self.seqno.get()).err();
            return match refused {
                Some(Error::NoMergeOperator) => Ok(Done::Checked),
                other => Err(format!("a merge without an operator: {other:?}")),
            };
        }
        if Universe::is_weak(class) {
            return Ok(Done::Passed);
        }
        let (operand, seqno) = (self.value(len / 8), self.seqno.next());
        self.tree().merge(self.universe.key(key), &operand, seqno).map_err(told("merge"))?;
        self.oracle.write(class, seqno, What::Merge(operand));
        Ok(Done::Checked)
    }

    /// A range with few classes, or there would soon be nothing left; one with none changes nothing.
    pub(super) fn remove_range(&mut self, from: u16, to: u16) -> Outcome {
        let (a, b) = (self.universe.class(from), self.universe.class(to));
        let (start, end) = (a.min(b), a.max(b));
        if end - start > 12 && !from.is_multiple_of(8) {
            return Ok(Done::Passed);
        }
        let seqno = self.seqno.next();
        let (first, behind) = (self.universe.key_of_class(start), self.universe.key_of_class(end));
        self.tree().remove_range(first, behind, seqno).map_err(told("remove_range"))?;
        (start..end).for_each(|class| self.oracle.cover(class, seqno));
        Ok(Done::Checked)
    }

    pub(super) fn remove_range_inverted(&mut self, from: u16, to: u16) -> Outcome {
        let (a, b) = (self.universe.class(from), self.universe.class(to));
        if a == b {
            return Ok(Done::Passed);
        }
        let (start, end) = (self.universe.key_of_class(a.max(b)), self.universe.key_of_class(a.min(b)));
        match self.tree().remove_range(start, end, self.seqno.get()) {
            Err(Error::InvertedRange) => Ok(Done::Checked),
            other => Err(format!("an inverted range was answered with {other:?}")),
        }
    }

    pub(super) fn remove_prefix(&mut self, key: u16, len: usize) -> Outcome {
        let prefix = self.universe.key(key);
        let prefix = prefix[..prefix.len().min(len)].to_vec();
        let classes = match self.universe.classes_with_prefix(&prefix) {
            Some(classes) if classes.len() <= 12 || key.is_multiple_of(16) => classes,
            _ => return Ok(Done::Passed),
        };
        let seqno = self.seqno.next();
        match self.tree().remove_prefix(&prefix, seqno) {
            Ok(_) if self.order.is_bytes() => {}
            Err(Error::NoPrefixRange { .. }) if !self.order.is_bytes() => {
                return Ok(Done::Checked);
            }
            other => return Err(format!("remove_prefix was answered with {other:?}")),
        }
        classes.into_iter().for_each(|class| self.oracle.cover(class, seqno));
        Ok(Done::Checked)
    }

    /// A batch as a caller with a log of its own writes it.
    pub(super) fn reserve_and_apply(&mut self, keys: &[u16], len: usize) -> Outcome {
        let mut entries = Vec::new();
        for key in keys {
            let class = self.universe.class(*key);
            if !Universe::is_weak(class) {
                entries.push((*key, class, self.value(len)));
            }
        }
        let bytes = entries.iter().map(|(key, _, value)| self.universe.key(*key).len() + value.len()).sum();
        let reservation = self.tree().reserve(entries.len(), bytes);
        let mut applied = reservation.apply();
        for (key, class, value) in entries {
            let seqno = self.seqno.next();
            let key = self.universe.key(key);
            let hash = esker_format::checksum::key_hash(key);
            applied.insert(key, hash, seqno, Kind::Put, &value);
            self.oracle.write(class, seqno, What::Put(value));
        }
        Ok(Done::Checked)
    }

    pub(super) fn take_seqno(&mut self) -> Outcome {
        if !self.settings.out_of_order || self.taken.len() > 4 {
            return Ok(Done::Passed);
        }
        self.taken.push(self.seqno.next());
        Ok(Done::Checked)
    }

    /// Writes with a seqno that was taken before others that are written already.
    pub(super) fn write_late(&mut self, key: u16, which: u16, what: impl FnOnce(Value) -> What) -> Outcome {
        let class = self.universe.class(key);
        // A range that is open reads the active memtable, and would rightly see this.
        if self.taken.is_empty() || Universe::is_weak(class) || !self.open_ranges.is_empty() {
            return Ok(Done::Passed);
        }
        let seqno = self.taken.swap_remove(usize::from(which) % self.taken.len());
        let value = self.value(3);
        let key = self.universe.key(key);
        let what = what(Arc::clone(&value));
        let written = match what {
            What::Put(_) | What::Expiring(..) => self.tree().insert(key, &value, seqno),
            What::Merge(_) => self.tree().merge(key, &value, seqno),
            What::Delete | What::Weak | What::Covered => self.tree().remove(key, seqno),
        };
        written.map_err(told("a late write"))?;
        self.oracle.write(class, seqno, what);
        Ok(Done::Checked)
    }

    /// A memtable that was sorted elsewhere.
    pub(super) fn install_sealed(&mut self, keys: &[u16], len: usize) -> Outcome {
        let mut entries = Vec::new();
        for key in keys {
            let class = self.universe.class(*key);
            if !Universe::is_weak(class) {
                entries.push((*key, class, self.seqno.next(), self.value(len)));
            }
        }
        // Some expire, as the last of their bytes say.
        let expires_at = self.clock.unix_millis() + 10;
        let does_expire = |seqno: SeqNo| seqno.is_multiple_of(4);
        let put = |(key, _, seqno, value): &(u16, usize, SeqNo, Value)| {
            let (key, mut value) = (self.universe.key(*key).to_vec(), value.to_vec());
            if !does_expire(*seqno) {
                return (key, *seqno, Kind::Put, value);
            }
            value.extend(expires_at.to_le_bytes());
            (key, *seqno, Kind::ExpiringPut, value)
        };
        let sorted = sorted_memtable(&self.order, entries.iter().map(put));
        self.tree().install_sealed(sorted).map_err(told("install_sealed"))?;
        for (_, class, seqno, value) in entries {
            let what = if does_expire(seqno) { What::Expiring(value, expires_at) } else { What::Put(value) };
            self.oracle.write(class, seqno, what);
        }
        Ok(Done::Checked)
    }
}

fn sorted_memtable(
    order: &KeyOrder,
    entries: impl Iterator<Item = (Vec<u8>, SeqNo, Kind, Vec<u8>)> + Clone,
) -> SortedMemtable {
    let keys: Vec<Vec<u8>> = entries.clone().map(|(key, ..)| key).collect();
    let code = Arc::new(match order {
        KeyOrder::Bytes => KeyCode::of_sample(keys.iter().map(Vec::as_slice)),
        KeyOrder::Custom(_) => KeyCode::flat(),
    });
    let mut section = Section::new(Arc::clone(&code));
    for (key, seqno, kind, value) in entries {
        section.add(&key, seqno, kind, &value).expect("short keys and values");
    }
    section.sort(order);
    Assembly::new(order.clone(), code, vec![section]).build()
}

//! One file's bytes: what readers see, what is durable, and the changes in between.
//!
//! A change is *pending* until a sync makes it *durable*. After a failed sync it is *doomed*: it may or may not
//! have reached the disk, and no later sync tells or changes that. Changes stay in order, so that an image of
//! the disk after a crash is "the durable bytes, then some of the changes".
//!
//! A crash keeps or loses **sectors** (512 bytes, aligned in the file): each comes out as it was after some
//! change since the last sync, because a device writes a sector whole or not at all and the page cache always
//! hands it the newest. The length comes out as it was after some change, too; what lies between is zeros. What was copied
//! into a mapped log is torn into **words** (8 bytes) instead: no lock of the page cache holds such a copy together.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::fault_fs::crash::CrashPolicy;

/// What a device writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;
/// What a processor stores whole or not at all.
const WORD_BYTES: usize = 8;

#[derive(Clone, Debug)]
enum Effect {
    Bytes { offset: usize, bytes: Vec<u8> },
    Zeros { offset: usize, len: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pending,
    Doomed,
    Durable,
}

#[derive(Clone, Debug)]
struct Change {
    effect: Effect,
    /// What a crash keeps or loses of it at once.
    unit_bytes: usize,
    len_after: usize,
    fate: Fate,
}

/// A sector or a word of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Unit {
    bytes: usize,
    number: usize,
}

/// A file on a disk that may lose power.
#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    live: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
    /// Names in directories as the living see them.
    pub(super) links: usize,
    /// Open handles.
    pub(super) handles: usize,
    /// Whether someone holds the lock on it.
    pub(super) locked: bool,
}

impl FileState {
    /// A file whose bytes are all durable.
    pub(super) fn settled(bytes: Vec<u8>) -> Self {
        Self { live: bytes.clone(), durable: bytes, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let len_after = self.len().max(offset + bytes.len());
        self.change(Effect::Bytes { offset, bytes: bytes.to_vec() }, SECTOR_BYTES, len_after);
    }

    /// As [`FileState::write`], through a map of the range.
    pub(super) fn copy(&mut self, bytes: &[u8], offset: usize) {
        if !bytes.is_empty() {
            self.change(Effect::Bytes { offset, bytes: bytes.to_vec() }, WORD_BYTES, self.len());
        }
    }

    /// Zeros a range that ends within the file.
    pub(super) fn zero(&mut self, offset: usize, len: usize) {
        let len = len.min(self.len().saturating_sub(offset));
        if len > 0 {
            self.change(Effect::Zeros { offset, len }, SECTOR_BYTES, self.len());
        }
    }

    /// Cutting zeros what it cuts off, so that growing again cannot bring it back.
    pub(super) fn set_len(&mut self, len: usize) {
        if len != self.len() {
            let cut = self.len().saturating_sub(len);
            self.change(Effect::Zeros { offset: len, len: cut }, SECTOR_BYTES, len);
        }
    }

    fn change(&mut self, effect: Effect, unit_bytes: usize, len_after: usize) {
        let change = Change { effect, unit_bytes, len_after, fate: Fate::Pending };
        change.apply(&mut self.live);
        self.changes.push(change);
    }

    /// Makes every pending change durable.
    pub(super) fn sync(&mut self) {
        self.decide(Fate::Durable, 0..usize::MAX);
    }

    /// Makes the pending changes durable that lie within a range: no more is promised.
    pub(super) fn sync_range(&mut self, range: Range<usize>) {
        self.decide(Fate::Durable, range);
    }

    /// A sync failed: whatever was pending is undetermined from now on.
    pub(super) fn doom(&mut self) {
        self.decide(Fate::Doomed, 0..usize::MAX);
    }

    fn decide(&mut self, fate: Fate, within: Range<usize>) {
        for change in &mut self.changes {
            let (start, end) = change.range();
            if change.fate == Fate::Pending && within.start <= start && end <= within.end {
                change.fate = fate;
            }
        }
        let settled = self.changes.iter().take_while(|change| change.fate == Fate::Durable).count();
        for change in self.changes.drain(..settled) {
            change.apply(&mut self.durable);
        }
    }

    /// The bytes after a crash.
    pub(super) fn survivor(&self, policy: CrashPolicy, random: &mut fastrand::Rng) -> Vec<u8> {
        let count = self.changes.len();
        match policy {
            CrashPolicy::LoseUnsynced => self.image(0, |_, _| false),
            CrashPolicy::KeepAll => self.live.clone(),
            CrashPolicy::NamesOnly => self.image(count, |_, _| false),
            CrashPolicy::Random { .. } if count == 0 => self.durable.clone(),
            CrashPolicy::Random { .. } => match random.u8(..4) {
                0 => self.image(0, |_, _| false),
                1 => self.live.clone(),
                2 => {
                    // In order up to a change that is torn.
                    let whole = random.usize(..count);
                    let torn_len = whole + usize::from(random.bool());
                    self.image(torn_len, |change, _| change < whole || (change == whole && random.bool()))
                }
                _ => {
                    // In no order: each sector, and each word that was copied, stops at a change of its own.
                    let len = random.usize(..=count);
                    let mut stops = BTreeMap::new();
                    self.image(len, |change, unit| {
                        change < *stops.entry(unit).or_insert_with(|| random.usize(..=count))
                    })
                }
            },
        }
    }

    /// The durable bytes, and of each later change the units that `keeps(change, unit)`, with the length after
    /// the first `len_changes` changes.
    fn image(&self, len_changes: usize, mut keeps: impl FnMut(usize, Unit) -> bool) -> Vec<u8> {
        let mut image = self.durable.clone();
        let last_durable = self.changes.iter().rposition(|change| change.fate == Fate::Durable);
        for (index, change) in self.changes.iter().enumerate() {
            for (unit, start, end) in change.units() {
                if change.fate == Fate::Durable || keeps(index, unit) {
                    change.apply_range(start, end, &mut image);
                }
            }
        }
        let len_changes = len_changes.max(last_durable.map_or(0, |index| index + 1));
        let len = match len_changes.checked_sub(1).and_then(|index| self.changes.get(index)) {
            Some(change) => change.len_after,
            None => self.durable.len(),
        };
        image.resize(len, 0);
        image
    }
}

impl Change {
    fn range(&self) -> (usize, usize) {
        match &self.effect {
            Effect::Bytes { offset, bytes } => (*offset, offset + bytes.len()),
            Effect::Zeros { offset, len } => (*offset, offset + len),
        }
    }

    /// The units this change touches, and the touched part of each as start and end in the file.
    fn units(&self) -> impl Iterator<Item = (Unit, usize, usize)> + use<> {
        let (start, end) = self.range();
        let bytes = self.unit_bytes;
        (start / bytes..end.div_ceil(bytes)).map(move |number| {
            let first = number * bytes;
            (Unit { bytes, number }, first.max(start), (first + bytes).min(end))
        })
    }

    /// Carries out all of it.
    fn apply(&self, target: &mut Vec<u8>) {
        let (start, end) = self.range();
        self.apply_range(start, end, target);
        target.resize(self.len_after, 0);
    }

    /// Carries out the part between two offsets in the file.
    fn apply_range(&self, start: usize, end: usize, target: &mut Vec<u8>) {
        if start >= end {
            return;
        }
        if target.len() < end {
            target.resize(end, 0);
        }
        let Some(window) = target.get_mut(start..end) else { return };
        match &self.effect {
            Effect::Zeros { .. } => window.fill(0),
            Effect::Bytes { offset, bytes } => {
                if let Some(source) = bytes.get(start - offset..end - offset) {
                    window.copy_from_slice(source);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! One file's bytes: what readers see, what is durable, and the changes in between.
//!
//! A change is *pending* until a sync makes it *durable*. After a failed sync it is *doomed*: it may or may not
//! have reached the disk, and no later sync tells or changes that. Changes stay in order, so that an image of
//! the disk after a crash is "the durable bytes, then some of the changes".
//!
//! A crash keeps or loses **sectors** (512 bytes, aligned in the file): each comes out as it was after some
//! change since the last sync, because a device writes a sector whole or not at all and the page cache always
//! hands it the newest. The length comes out as it was after some change, too; what lies between is zeros.

use std::collections::BTreeMap;

use crate::fault_fs::crash::CrashPolicy;

/// What a device writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

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
    len_after: usize,
    fate: Fate,
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
        self.change(Effect::Bytes { offset, bytes: bytes.to_vec() }, self.len().max(offset + bytes.len()));
    }

    /// Zeros a range that ends within the file.
    pub(super) fn zero(&mut self, offset: usize, len: usize) {
        let len = len.min(self.len().saturating_sub(offset));
        if len > 0 {
            self.change(Effect::Zeros { offset, len }, self.len());
        }
    }

    /// Cutting zeros what it cuts off, so that growing again cannot bring it back.
    pub(super) fn set_len(&mut self, len: usize) {
        if len != self.len() {
            let cut = self.len().saturating_sub(len);
            self.change(Effect::Zeros { offset: len, len: cut }, len);
        }
    }

    fn change(&mut self, effect: Effect, len_after: usize) {
        let change = Change { effect, len_after, fate: Fate::Pending };
        change.apply(&mut self.live);
        self.changes.push(change);
    }

    /// Makes every pending change durable.
    pub(super) fn sync(&mut self) {
        for change in &mut self.changes {
            if change.fate == Fate::Pending {
                change.fate = Fate::Durable;
            }
        }
        let settled = self.changes.iter().take_while(|change| change.fate == Fate::Durable).count();
        for change in self.changes.drain(..settled) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync failed: whatever was pending is undetermined from now on.
    pub(super) fn doom(&mut self) {
        for change in &mut self.changes {
            if change.fate == Fate::Pending {
                change.fate = Fate::Doomed;
            }
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
                    // In no order: each sector stops at a change of its own.
                    let len = random.usize(..=count);
                    let mut stops = BTreeMap::new();
                    self.image(len, |change, sector| {
                        change < *stops.entry(sector).or_insert_with(|| random.usize(..=count))
                    })
                }
            },
        }
    }

    /// The durable bytes, and of each later change the sectors that `keeps(change, sector)`, with the length after
    /// the first `len_changes` changes.
    fn image(&self, len_changes: usize, mut keeps: impl FnMut(usize, usize) -> bool) -> Vec<u8> {
        let mut image = self.durable.clone();
        let last_durable = self.changes.iter().rposition(|change| change.fate == Fate::Durable);
        for (index, change) in self.changes.iter().enumerate() {
            for (sector, start, end) in change.sectors() {
                if change.fate == Fate::Durable || keeps(index, sector) {
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

    /// The sectors this change touches: number, and the touched part as start and end in the file.
    fn sectors(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (start, end) = self.range();
        (start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES)).map(move |sector| {
            let first = sector * SECTOR_BYTES;
            (sector, first.max(start), (first + SECTOR_BYTES).min(end))
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

//! Point reads of a tree with an overlay on top.
//!
//! The overlay's versions of the key come first, newest first, down to one that says the whole: a value, a tombstone, or a range
//! delete over the key. Where there is none, the tree is asked; operands of the overlay are folded onto what it says.
//!
//! Not here: ranges ([`crate::scan`]), the overlay itself ([`crate::overlay`]).

use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{Slice, UserValue};

use crate::core::Core;
use crate::error::Result;
use crate::expiry::{ReadTime, live};
use crate::get;
use crate::merge_operator;
use crate::multi_get;
use crate::overlay::Overlay;
use crate::state::View;

/// What an overlay says of a key.
struct Word {
    /// The value, or that there is none; or nothing, and the tree has to be asked.
    base: Option<Option<Slice>>,
    /// Newest first.
    operands: Vec<Slice>,
}

impl Word {
    /// `now` is the time that the read goes by.
    fn of(overlay: &Overlay, key: &[u8], now: impl Fn() -> u64) -> Self {
        let mut word = Self { base: None, operands: Vec::new() };
        for version in overlay.versions(key) {
            match version.kind {
                Kind::Merge => word.operands.push(Slice::new(version.value)),
                Kind::ExpiringPut => {
                    word.base = Some(live(&Slice::new(version.value), now()));
                    break;
                }
                kind => {
                    word.base = Some((!kind.is_tombstone()).then(|| Slice::new(version.value)));
                    break;
                }
            }
        }
        if word.base.is_none() && overlay.covers(key) {
            word.base = Some(None);
        }
        word
    }

    /// The value, where `base` is what the operands lie upon.
    fn fold(self, core: &Core, key: &[u8], base: Option<Slice>) -> Result<Option<UserValue>> {
        if self.operands.is_empty() {
            return Ok(base);
        }
        let operands = self.operands.iter().rev().map(|operand| &**operand);
        merge_operator::fold(core.merge_operator(), key, base.as_deref(), operands).map(Some)
    }
}

/// The value of `key` in the overlay, or else below `bound` in the tree.
pub(crate) fn get(
    core: &Core,
    view: &View,
    overlay: &Overlay,
    key: &[u8],
    bound: SeqNo,
    time: ReadTime,
) -> Result<Option<UserValue>> {
    let mut word = Word::of(overlay, key, || core.time_of_read(bound, time));
    let base = match word.base.take() {
        Some(base) => base,
        None => get::get(core, view, key, bound, time)?,
    };
    word.fold(core, key, base)
}

/// The length of `key`'s value in the overlay, or else below `bound` in the tree.
pub(crate) fn size_of(
    core: &Core,
    view: &View,
    overlay: &Overlay,
    key: &[u8],
    bound: SeqNo,
    time: ReadTime,
) -> Result<Option<u32>> {
    if overlay.versions(key).next().is_none() && !overlay.covers(key) {
        return get::size_of(core, view, key, bound, time);
    }
    let value = get(core, view, overlay, key, bound, time)?;
    Ok(value.map(|value| u32::try_from(value.len()).unwrap_or(u32::MAX)))
}

/// Whether `key` has a value in the overlay, or else below `bound` in the tree. Operands make one.
pub(crate) fn contains(
    core: &Core,
    view: &View,
    overlay: &Overlay,
    key: &[u8],
    bound: SeqNo,
    time: ReadTime,
) -> Result<bool> {
    match overlay.versions(key).next() {
        Some(version) if version.kind == Kind::ExpiringPut => {
            Ok(get(core, view, overlay, key, bound, time)?.is_some())
        }
        Some(version) => Ok(!version.kind.is_tombstone()),
        None if overlay.covers(key) => Ok(false),
        None => get::contains(core, view, key, bound, time),
    }
}

/// The values of `keys`, in their order: those that the overlay does not tell are looked up in the tree together.
pub(crate) fn multi_get(
    core: &Core,
    view: &View,
    overlay: &Overlay,
    keys: &[&[u8]],
    bound: SeqNo,
    time: ReadTime,
) -> Result<Vec<Option<UserValue>>> {
    // One look at the clock for all keys.
    let now = core.time_of_read(bound, time);
    let time = ReadTime::at(now);
    let words: Vec<Word> = keys.iter().map(|key| Word::of(overlay, key, || now)).collect();
    let untold = keys.iter().zip(&words).filter(|(_, word)| word.base.is_none());
    let untold: Vec<&[u8]> = untold.map(|(key, _)| *key).collect();
    let mut found = multi_get::in_view(core, view, &untold, bound, time)?.into_iter();
    let values = keys.iter().zip(words).map(|(key, mut word)| {
        let base = word.base.take().unwrap_or_else(|| found.next().flatten());
        word.fold(core, key, base)
    });
    values.collect()
}

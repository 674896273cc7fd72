//! Range deletes: one, or room for one in a caller's own batch, beside the entries of the active memtable.
//!
//! A range is half-open, in the tree's order. One that ends where it begins holds no key and changes nothing; one that ends
//! *before* it begins is an error, since it is a mistake of the caller's that deletes other keys than meant in a tree of the
//! opposite order.
//!
//! A prefix is a range only under byte order. Behind a prefix of nothing but the highest byte no key marks the end, so the range
//! ends at the longest possible key, and that one is deleted by itself.
//!
//! Cost: that of a write, and of joining a logarithm of tombstones of the same memtable ([`crate::range_tombstones::forest`]).
//! It does not depend on how many keys are deleted.

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::Memtable;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::memtable::Refused;
use crate::range_tombstones::list::RangeDeletes;
use crate::range_tombstones::span::RangeDelete;
use crate::write::{MAX_KEY_LEN, check_range, check_seqno, replace_active};

/// Deletes the keys from `start` up to and without `end`; returns the bytes that it took and the size of the memtable.
pub(crate) fn remove_range(core: &Core, start: &[u8], end: &[u8], seqno: SeqNo) -> Result<(u64, u64)> {
    if check_range(core.order(), start, end)? {
        add(core, start, end, None, seqno)
    } else {
        nothing(core, seqno)
    }
}

/// Deletes the keys that begin with `prefix`, as [`remove_range`].
pub(crate) fn remove_prefix(core: &Core, prefix: &[u8], seqno: SeqNo) -> Result<(u64, u64)> {
    let PrefixRange { end, last } = prefix_range(core.order(), prefix)?;
    match check_range(core.order(), prefix, &end)? {
        true => add(core, prefix, &end, last.as_deref(), seqno),
        // The prefix is the longest possible key.
        false => crate::write::insert(core, prefix, &[], seqno, Kind::Delete),
    }
}

/// Where the keys with some prefix end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRange {
    /// The first key behind them, or the last that can be.
    pub end: Slice,
    /// The last key that can be, if it has the prefix: it is not before the end.
    pub last: Option<Slice>,
}

/// Where the keys that begin with `prefix` end.
///
/// # Errors
///
/// [`Error::NoPrefixRange`] under another order than that of bytes, [`Error::KeyTooLong`].
pub fn prefix_range(order: &KeyOrder, prefix: &[u8]) -> Result<PrefixRange> {
    if !order.is_bytes() {
        return Err(Error::NoPrefixRange { comparator: order.name().to_owned() });
    }
    if prefix.len() > MAX_KEY_LEN {
        return Err(Error::KeyTooLong { len: prefix.len() });
    }
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Ok(PrefixRange { end: Slice::from(end), last: None });
        }
    }
    let last = Slice::from(vec![u8::MAX; MAX_KEY_LEN]);
    Ok(PrefixRange { end: last.clone(), last: Some(last) })
}

/// Adds a range delete that holds keys, and the deletion of `last`, at the same number.
fn add(core: &Core, start: &[u8], end: &[u8], last: Option<&[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
    let range = RangeDelete { start: Slice::new(start), end: Slice::new(end), seqno };
    let bytes = RangeDeletes::bytes_of(start, end) + last.map_or(0, <[u8]>::len);
    loop {
        let view = core.state.view();
        let generation = &view.active;
        let written = generation.writer().and_then(|mut writer| {
            if let Err(error) = check_seqno(core, seqno) {
                return Ok(Err(error));
            }
            if !generation.has_room(1, bytes) {
                return Err(Refused::Full);
            }
            if let Some(last) = last {
                let inserted = writer.insert(last, key_hash(last), seqno, Kind::Delete, &[]);
                inserted.map_err(|_| Refused::Full)?;
            }
            Ok(Ok(generation.add_range(&mut writer, range.clone())))
        });
        match written {
            Ok(added) => return Ok((added? as u64, generation.used_bytes() as u64)),
            Err(Refused::Sealed) => {}
            Err(Refused::Full) => {
                replace_active(core, generation, Memtable::bytes_needed(1, bytes));
            }
        }
    }
}

/// What the deletion of no key comes to.
fn nothing(core: &Core, seqno: SeqNo) -> Result<(u64, u64)> {
    check_seqno(core, seqno)?;
    Ok((0, core.state.view().active.used_bytes() as u64))
}

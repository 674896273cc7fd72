//! Point lookups of several keys at one moment.
//!
//! One view serves all keys, so that they are seen at the same point in time and the view is taken once.

use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;

use crate::core::Core;
use crate::error::Result;
use crate::get;

/// The values of `keys`, in their order.
pub(crate) fn multi_get<K: AsRef<[u8]>>(
    core: &Core,
    keys: impl IntoIterator<Item = K>,
    bound: impl FnOnce() -> SeqNo,
) -> Result<Vec<Option<UserValue>>> {
    let view = core.state.view();
    let bound = view.admit(bound(), &core.snapshots)?;
    keys.into_iter().map(|key| get::get(&view, core.order(), key.as_ref(), bound)).collect()
}

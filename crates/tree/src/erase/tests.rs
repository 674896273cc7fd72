//! What a writer meets that took its view before a clear.

use std::sync::Arc;

use esker_env::memory::MemFs;

use crate::memtable::Refused;
use crate::options::Config;
use crate::seqno::SequenceNumberCounter;

/// INV-ERASE-1: it comes to the new memtable, and what it writes there is not lost.
#[test]
fn a_clear_seals_the_memtable_that_it_takes() {
    let seqno = SequenceNumberCounter::default();
    let tree = Config::new("tree", seqno.clone(), seqno.clone()).with_fs(MemFs::new()).open().unwrap();
    tree.insert("key", "value", seqno.next()).unwrap();
    let before = Arc::clone(&tree.0.state.view_owned().active);
    tree.clear().unwrap();
    assert_eq!(before.writer().err(), Some(Refused::Sealed));
    tree.insert("key", "new", seqno.next()).unwrap();
    assert_eq!(tree.get("key", seqno.get()).unwrap().as_deref(), Some(b"new".as_slice()));
}

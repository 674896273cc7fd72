//! The memtable: the ordered index of recent writes.
//!
//! ```text
//!   hash index ──┐                     (point reads: hash → anchor)
//!                ├─► anchor: key ─► newest version ─► older ─► older
//!   B+tree ──────┘                     (ordered reads: leaf slot → anchor)
//! ```
//!
//! Everything but the hash index lives in one arena of fixed size, addressed by 32-bit offsets. One writer at a time,
//! under a short lock; any number of readers, which never lock: every word that changes is an atomic, a record is
//! complete before its offset is published, nodes carry a change counter that readers check, and nothing is freed
//! before the memtable is. A full arena is an ordinary outcome: it seals the memtable.
//!
//! | file | what it is |
//! |---|---|
//! | `entry.rs` | records: anchors and versions |
//! | `node.rs`, `node/edit.rs` | one node: searching it, changing it |
//! | `tree.rs`, `grow.rs` | the tree: reading it, growing it |
//! | `age.rs`, `cursor/skip.rs` | how new the parts of the tree are; passing over old ones |
//! | `hash_index.rs` | the index for point reads |
//! | `state.rs` | [`Memtable`] |
//! | `look.rs` | where a key will go, asked ahead of the writer's lock |
//! | `read.rs`, `write.rs`, `cursor.rs` | point reads, inserts, ordered reads |
//! | `share.rs` | how many entries a range holds, roughly |
//!
//! Not here: range tombstones, visibility, when to seal.

mod age;
mod cursor;
mod entry;
mod grow;
mod hash_index;
mod look;
mod node;
mod read;
mod share;
mod state;
mod tree;
mod write;

pub use cursor::MemtableCursor;
pub use look::Place;
pub use read::Version;
pub use state::{Memtable, MemtableOptions};
pub use write::{ArenaFull, MemtableWriter};

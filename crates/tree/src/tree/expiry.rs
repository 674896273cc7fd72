//! What expires: writing it, and reading as of another time than that of the clock.
//!
//! Not here: the rules ([`crate::expiry`]).

use std::time::Duration;

use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

use crate::admission;
use crate::error::Result;
use crate::expiry::{ReadTime, expires_after, stored};
use crate::tree::Tree;
use crate::write;

/// Expiry: by the clock of the tree ([`crate::Config::with_clock`]), in milliseconds since 1970.
impl Tree {
    /// Writes a value that is there until `expires_at`: from then on the key reads as deleted, whatever it had before. An expiry in
    /// the past makes it a delete at once. A later write of the key replaces the value and its expiry.
    ///
    /// A merge operand has no expiry of its own: it is folded onto the value for as long as that has not expired, and onto
    /// nothing from then on, so that what was merged stays.
    ///
    /// A read goes by the clock of its moment, a range by that of when it was made, [`crate::Snapshot`]s by that of when they were
    /// taken. What has expired takes space until a compaction comes to it: [`Tree::major_compact`] comes to all.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// use esker_tree::{Clock, Config, ManualClock, SeqNo, SequenceNumberCounter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let clock = Arc::new(ManualClock::default());
    /// let seqno = SequenceNumberCounter::default();
    /// let config = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default());
    /// let tree = config.with_clock(clock.clone()).open()?;
    /// tree.insert_with_expiry("session", "alice", clock.unix_millis() + 1_000, seqno.next())?;
    /// clock.advance(Duration::from_millis(999));
    /// assert_eq!(tree.get("session", SeqNo::MAX)?.as_deref(), Some(b"alice".as_slice()));
    /// clock.advance(Duration::from_millis(1));
    /// assert_eq!(tree.get("session", SeqNo::MAX)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::insert`]; the longest value is eight bytes shorter.
    pub fn insert_with_expiry(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        let stored = stored(value.as_ref(), expires_at);
        write::insert(&self.0, key.as_ref(), &stored, seqno, Kind::ExpiringPut)
    }

    /// Writes a value that is there for `ttl` from now on, as [`Self::insert_with_expiry`]. A part of a millisecond counts as a
    /// whole one; a time beyond what the clock can show never ends.
    ///
    /// # Errors
    ///
    /// As there; [`crate::Error::ZeroTtl`] if `ttl` is zero.
    pub fn insert_with_ttl(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        self.insert_with_expiry(key, value, expires_after(self.0.now(), ttl)?, seqno)
    }

    /// As [`Self::insert_with_expiry`], if there is room.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::insert_with_expiry`].
    pub fn try_insert_with_expiry(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        let (key, value) = (key.as_ref(), value.as_ref());
        admission::admit(&self.0, 1, key.len() + value.len())?;
        self.insert_with_expiry(key, value, expires_at, seqno)
    }

    /// The same tree for reading as of `unix_millis`, in milliseconds since 1970: reads through this handle tell by that time what
    /// is expired, whatever their bound and whatever the clock shows. With [`crate::Snapshot::time`] it reads as the snapshot
    /// does; at an earlier time, what a compaction has let go meanwhile is absent. Writes are as ever.
    #[must_use]
    pub fn at_time(&self, unix_millis: u64) -> Tree {
        Tree(self.0.clone(), ReadTime::at(unix_millis))
    }
}

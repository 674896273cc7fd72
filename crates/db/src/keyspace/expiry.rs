//! Values that expire, in a keyspace.
//!
//! What is logged and stored is the moment at which a value expires, by the clock of the database; a time to live is counted from
//! the moment of the call. Every expiring put goes this way, out of the way of those that do not expire.
//!
//! Not here: what readers and compactions make of them ([`esker_tree::Tree::insert_with_expiry`]).

use std::time::Duration;

use esker_format::batch::Operation;

use crate::batch::stored;
use crate::error::Result;
use crate::keyspace::Keyspace;
use crate::keyspaces;
use crate::options::{Durability, ttl_millis};

impl Keyspace {
    /// Sets `key` to `value` for `ttl` from now on, whatever the keyspace's own is ([`crate::KeyspaceOptions::ttl`]): then the key
    /// reads as deleted. A part of a millisecond counts as a whole one; a time beyond what the clock can show never ends.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// use esker::{Database, ManualClock};
    ///
    /// let clock = Arc::new(ManualClock::default());
    /// let db = Database::builder(folder.path().join("my.db")).clock(clock.clone()).open()?;
    /// db.put_with_ttl("session", "alice", Duration::from_secs(60))?;
    /// clock.advance(Duration::from_secs(59));
    /// assert!(db.contains("session")?);
    /// clock.advance(Duration::from_secs(1));
    /// assert!(!db.contains("session")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Keyspace::put`]; the longest value is eight bytes shorter. [`crate::Error::ZeroTtl`].
    pub fn put_with_ttl(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: Duration) -> Result<()> {
        let expires_at = self.now().saturating_add(ttl_millis(ttl)?);
        self.put_with_expiry(key, value, expires_at)
    }

    /// Sets `key` to `value` until `expires_at`, in milliseconds since 1970: from then on the key reads as deleted, whatever it had
    /// before. An expiry in the past makes it a delete.
    ///
    /// Reads go by the clock of their moment, scans by that of when they began, snapshots by that of when they were taken. An operand
    /// of [`Keyspace::merge`] has no expiry: it is folded onto the value until that expires, and onto nothing from then on, so
    /// that what was merged stays. The space comes back when a compaction comes to it.
    ///
    /// # Errors
    /// As [`Keyspace::put`]; the longest value is eight bytes shorter.
    pub fn put_with_expiry(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
    ) -> Result<()> {
        let durability = self.handle.core.options.durability;
        self.put_until(key.as_ref(), value.as_ref(), expires_at, durability)
    }

    /// How long values live that are put without saying so; for ever without one.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        Some(self.state.ttl_millis()).filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    /// Changes how long values live that are put from now on without saying so; none: for ever. Durable when this returns. What is
    /// there keeps what it was put with.
    ///
    /// # Errors
    /// [`crate::Error::ZeroTtl`]; [`crate::Error::KeyspaceDropped`]; a closed or read-only database; what the file system reports
    /// turns it read-only.
    pub fn set_ttl(&self, ttl: Option<Duration>) -> Result<()> {
        let millis = ttl.map(ttl_millis).transpose()?.unwrap_or_default();
        keyspaces::set_ttl(&self.handle.core, &self.state, millis)
    }

    /// Sets `key` to `value` for as long as the keyspace says.
    #[cold]
    #[inline(never)]
    pub(super) fn put_for_default_ttl(&self, key: &[u8], value: &[u8], durability: Durability) -> Result<()> {
        let expires_at = self.now().saturating_add(self.state.ttl_millis());
        self.put_until(key, value, expires_at, durability)
    }

    fn put_until(&self, key: &[u8], value: &[u8], expires_at: u64, durability: Durability) -> Result<()> {
        self.write(Operation::ExpiringPut, key, &stored(value, expires_at), durability)
    }

    /// What the clock of the database shows, in milliseconds since 1970.
    fn now(&self) -> u64 {
        self.handle.core.clock.unix_millis()
    }
}

//! Settings of keyspaces that may be changed while they are open, as they are at first.
//!
//! They are the tree's own ([`RuntimeConfig`]), with one default changed: sealed memtables are bounded by the memory of the database,
//! not by their number.
//!
//! Not here: changing them (`Keyspace::update_runtime_config`), and what follows from them ([`crate::limits`],
//! [`crate::backpressure`]).

use esker_tree::{RuntimeConfig, Threshold};

use crate::options::KeyspaceOptions;

/// What a keyspace begins with.
pub(crate) fn default_runtime() -> RuntimeConfig {
    let mut runtime = RuntimeConfig::default();
    runtime.backpressure.sealed_memtables = Threshold::NEVER;
    runtime
}

impl KeyspaceOptions {
    /// Changes settings that may also be changed later, by [`crate::Keyspace::update_runtime_config`], from what they are by default.
    /// They are not stored.
    ///
    /// ```
    /// use esker::KeyspaceOptions;
    ///
    /// let options = KeyspaceOptions::new().runtime_config(|config| config.storage_limit_bytes = Some(10 << 30));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn runtime_config(mut self, change: impl FnOnce(&mut RuntimeConfig)) -> Self {
        change(self.runtime.get_or_insert_with(default_runtime));
        self
    }

    /// The settings to begin with.
    pub(crate) fn runtime_or_default(&self) -> RuntimeConfig {
        self.runtime.clone().unwrap_or_else(default_runtime)
    }
}

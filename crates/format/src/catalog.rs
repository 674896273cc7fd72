//! Catalog edits: the records of a database's catalog, which names its keyspaces.
//!
//! A catalog is a log file ([`crate::log`]) of kind *catalog*; each frame's payload is one edit. An edit is a record of tagged
//! fields ([`crate::tagged`]); all tags are odd, since none can be ignored:
//!
//! | tag | field | |
//! |--:|---|---|
//! | 1 | created keyspace | repeats; a record of its own, below |
//! | 3 | dropped keyspace | repeats; the id |
//! | 5 | next keyspace id | ids are never reused |
//!
//! A created keyspace:
//!
//! | tag | field |
//! |--:|---|
//! | 1 | id |
//! | 3 | name |
//! | 5 | comparator's name |
//! | 7 | merge operator's name, if it has one |
//! | 9 | prefix extractor's name, if it has one |
//! | 2 | created, milliseconds since 1970 |
//! | 4 | how long its values live, in milliseconds, if they do not for ever; builds that do not know it write such that do |
//!
//! An edit is durable before the first frame of the write-ahead log names its keyspace. **Limits.** Names to 1,024 bytes of UTF-8.
//! **Checksum scope.** The frame's. **Damage.** As for version edits: whole or not at all (INV-FMT-10). **Versions.** 1: as above.
//!
//! Example, keyspace 1 "users" is created:
//!
//! ```text
//! 01 17 01 01 01                              created, 23 bytes: keyspace 1
//! 03 05 75 73 65 72 73                        "users"
//! 05 0b 65 73 6b 65 72 2e 62 79 74 65 73      "esker.bytes"
//! 05 01 02                                    the next one is 2
//! ```

use crate::error::DecodeError;
use crate::ids::KeyspaceId;
use crate::tagged::{Fields, put_bytes, put_optional_name, put_optional_u64, put_u64, required, set_once};

const STRUCTURE: &str = "catalog edit";
const KEYSPACE_STRUCTURE: &str = "created keyspace";

/// A change of a database's catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogEdit {
    /// Keyspaces that now exist.
    pub created: Vec<KeyspaceRecord>,
    /// Keyspaces that no longer exist.
    pub dropped: Vec<KeyspaceId>,
    /// The next keyspace's id, if this edit changes it.
    pub next_keyspace: Option<KeyspaceId>,
}

/// What the catalog knows of a keyspace: enough to open it before its user says more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyspaceRecord {
    /// Its id, which frames of the log name and its folder is called by.
    pub id: KeyspaceId,
    /// The name that its user gave it.
    pub name: String,
    /// The comparator's name.
    pub comparator: String,
    /// The merge operator's name.
    pub merge_operator: Option<String>,
    /// The prefix extractor's name.
    pub prefix_extractor: Option<String>,
    /// When it was created, in milliseconds since 1970.
    pub created_unix_millis: u64,
    /// How long values live that are written without saying so, in milliseconds; 0: for ever.
    pub ttl_millis: u64,
}

impl CatalogEdit {
    /// Appends the record to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut record = Vec::new();
        for keyspace in &self.created {
            record.clear();
            keyspace.encode(&mut record);
            put_bytes(out, 1, &record);
        }
        for id in &self.dropped {
            put_u64(out, 3, id.0.into());
        }
        put_optional_u64(out, 5, self.next_keyspace.map(|id| id.0.into()));
    }

    /// Reads a record.
    ///
    /// # Errors
    /// The record is not an edit that this build understands wholly.
    pub fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let mut edit = Self::default();
        let mut fields = Fields::new(STRUCTURE, record);
        while let Some(field) = fields.next_field()? {
            match field.tag {
                1 => {
                    let keyspace = KeyspaceRecord::decode(field.bytes);
                    edit.created.push(keyspace.map_err(|error| error.shifted(field.at))?);
                }
                3 => edit.dropped.push(KeyspaceId(field.u32("keyspace id")?)),
                5 => set_once(&mut edit.next_keyspace, &field, KeyspaceId(field.u32("keyspace id")?))?,
                _ => field.skip_unknown()?,
            }
        }
        Ok(edit)
    }
}

impl KeyspaceRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, 1, self.id.0.into());
        put_bytes(out, 3, self.name.as_bytes());
        put_bytes(out, 5, self.comparator.as_bytes());
        put_optional_name(out, 7, self.merge_operator.as_deref());
        put_optional_name(out, 9, self.prefix_extractor.as_deref());
        put_optional_u64(out, 2, Some(self.created_unix_millis).filter(|&millis| millis > 0));
        put_optional_u64(out, 4, Some(self.ttl_millis).filter(|&millis| millis > 0));
    }

    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let (mut id, mut name, mut comparator) = (None, None, None);
        let (mut merge_operator, mut prefix_extractor) = (None, None);
        let (mut created, mut ttl) = (None, None);
        let mut fields = Fields::new(KEYSPACE_STRUCTURE, record);
        while let Some(field) = fields.next_field()? {
            match field.tag {
                1 => set_once(&mut id, &field, KeyspaceId(field.u32("keyspace id")?))?,
                3 => set_once(&mut name, &field, field.name()?)?,
                5 => set_once(&mut comparator, &field, field.name()?)?,
                7 => set_once(&mut merge_operator, &field, field.name()?)?,
                9 => set_once(&mut prefix_extractor, &field, field.name()?)?,
                2 => set_once(&mut created, &field, field.u64()?)?,
                4 => set_once(&mut ttl, &field, field.u64()?)?,
                _ => field.skip_unknown()?,
            }
        }
        Ok(Self {
            id: required(KEYSPACE_STRUCTURE, "keyspace id", id)?,
            name: required(KEYSPACE_STRUCTURE, "name", name)?,
            comparator: required(KEYSPACE_STRUCTURE, "comparator", comparator)?,
            merge_operator,
            prefix_extractor,
            created_unix_millis: created.unwrap_or_default(),
            ttl_millis: ttl.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;

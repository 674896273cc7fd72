//! Version edits: the records of a tree's manifest.
//!
//! A manifest is a log file ([`crate::log`]) of kind *manifest*; each frame's payload is one edit, and the version of the tree is
//! what its edits add up to. The first edit of a manifest states everything (it is an edit to the empty version); a
//! manifest that has grown is replaced by a new one and `CURRENT` points to that.
//!
//! An edit is a record of tagged fields ([`crate::tagged`]); all tags are odd, since no part of a version can be ignored:
//!
//! | tag | field | |
//! |--:|---|---|
//! | 1 | added table | repeats; a record of its own, below |
//! | 3 | removed table | repeats; varints: level, run, table |
//! | 5 | replay floor | every smaller seqno of this tree is in tables |
//! | 7 | last seqno | the highest one ever used; never used again |
//! | 9, 11, 13 | next table, run and blob file id | |
//! | 15, 17, 19 | comparator, merge operator, prefix extractor | names |
//! | 21 | feed horizon | nothing at or above it is zeroed or dropped |
//! | 29 | watermark | below it, versions that newer ones shadow may be gone |
//! | 31 | level route | repeats; varints: first level, first level behind; then the folder's path in UTF-8, for messages |
//! | 35 | owner | the tree's own number, which folders of level routes have in their `OWNER` |
//! | 33 | history from | below it, change feeds may have lost writes; absent: the watermark |
//! | 23, 25, 27 | reserved | added and removed blob files, and their live bytes |
//!
//! An added table:
//!
//! | tag | field | |
//! |--:|---|---|
//! | 1, 3, 5 | table, level, run | ids and a number |
//! | 7 | file length | |
//! | 9, 11 | smallest, largest key | user keys |
//! | 13 | largest key is exclusive | present as 1 where it is the end of a range tombstone and no entry |
//! | 15, 17 | lowest, highest seqno | as they are read: the global one, where there is one |
//! | 19 | global seqno | that all entries of an ingested file have instead of their own |
//! | 21 | out of order | present as 1 where it may hold a version that is older than one in an older run or a deeper level |
//! | 2, 4, 6 | entries, point tombstones, range tombstones | |
//! | 8 | checksum of the file | as [`crate::table_checksum`] has it; absent where it was never known |
//! | 10 | created | milliseconds since 1970 |
//!
//! A table that moves between levels is removed and added in one edit; removals apply first.
//! An edit with level routes states all of them; the first edit of a manifest without any says that there are none.
//! **Limits.** Those of keys, names and seqnos; 65,535 bytes for a path. **Checksum scope.** The frame's. **Damage.** A malformed, repeated or missing field and an
//! unknown tag are errors: an edit is applied whole or not at all (INV-FMT-10). **Versions.** 1: as above.
//!
//! Example, table 5 is added to level 0 and everything below seqno 10 is in tables:
//!
//! ```text
//! 01 1f 01 01 05            added table, 31 bytes: table 5
//! 03 01 00 05 01 02         level 0, run 2
//! 07 02 e8 07               1000 bytes
//! 09 01 61 0b 01 7a         keys "a" to "z"
//! 0f 01 01 11 01 09         seqnos 1 to 9
//! 02 01 03 04 01 01         3 entries, one of them a tombstone
//! 05 01 0a                  replay floor 10
//! 07 01 09                  last seqno 9
//! ```
//!
//! Not here: what a version is, and which edits make sense.

use crate::error::DecodeError;
use crate::ids::{BlobFileId, RunId, TableId};
use crate::limits::MAX_KEY_BYTES;
use crate::reader::Reader;
use crate::tagged::{
    Field, Fields, put_bytes, put_optional_name, put_optional_u64, put_u64, required, set_once,
};
use crate::varint::put_varint;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::slice::Slice;

/// The longest path of a level route.
pub const MAX_PATH_BYTES: usize = 65_535;

const STRUCTURE: &str = "version edit";
const TABLE_STRUCTURE: &str = "added table";

/// A change of a tree's version. Fields that are `None` stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionEdit {
    /// Tables that are no longer part of the version; applied before the additions.
    pub removed: Vec<RemovedTable>,
    /// Tables that are now part of the version.
    pub added: Vec<AddedTable>,
    /// Every smaller seqno of this tree is in tables: replay of the log starts here.
    pub replay_floor: Option<SeqNo>,
    /// The highest seqno that this tree ever used.
    pub last_seqno: Option<SeqNo>,
    /// The next table's id.
    pub next_table: Option<TableId>,
    /// The next run's id.
    pub next_run: Option<RunId>,
    /// The next blob file's id.
    pub next_blob_file: Option<BlobFileId>,
    /// The comparator's name.
    pub comparator: Option<String>,
    /// The merge operator's name.
    pub merge_operator: Option<String>,
    /// The prefix extractor's name.
    pub prefix_extractor: Option<String>,
    /// Nothing at or above it is zeroed or dropped.
    pub feed_horizon: Option<SeqNo>,
    /// Below it, versions that newer ones shadow may be gone: no reader may ask for a point in time there.
    pub watermark: Option<SeqNo>,
    /// Below it, history for change feeds may be incomplete.
    pub history_from: Option<SeqNo>,
    /// The folders, other than the tree's own, in which tables of some levels lie: all of them, if there are any.
    pub level_routes: Vec<RoutedLevels>,
    /// The number by which folders that level routes lead to know the tree.
    pub owner: Option<u64>,
}

/// Levels whose tables lie in a folder of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutedLevels {
    /// The first of them.
    pub from: u8,
    /// The first level behind them.
    pub to: u8,
    /// The folder, as a person would name it: where it really is, only who opens the tree knows.
    pub path: String,
}

/// A table that leaves the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemovedTable {
    /// The level it was in.
    pub level: u8,
    /// The run it was in.
    pub run: RunId,
    /// The table.
    pub table: TableId,
}

/// A table that joins the version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddedTable {
    /// The table.
    pub table: TableId,
    /// The level it is in.
    pub level: u8,
    /// The run it is in.
    pub run: RunId,
    /// The length of its file.
    pub file_bytes: u64,
    /// The smallest user key of entries and tombstones.
    pub smallest_key: Slice,
    /// The largest user key of entries and tombstones.
    pub largest_key: Slice,
    /// Whether the largest key is the exclusive end of a range tombstone, so that the next table of the run may begin with it.
    pub largest_key_is_exclusive: bool,
    /// The lowest seqno of its entries, as they are read.
    pub lowest_seqno: SeqNo,
    /// The highest seqno of its entries, as they are read.
    pub highest_seqno: SeqNo,
    /// The seqno that all entries of an ingested file have instead of their own, which are 0.
    pub global_seqno: Option<SeqNo>,
    /// Whether it may hold a version of some key that is older than one in an older run or a deeper level: where seqnos crossed
    /// between memtables.
    pub out_of_order: bool,
    /// Point entries.
    pub entries: u64,
    /// Deletes and single deletes among them.
    pub point_tombstones: u64,
    /// Range tombstones.
    pub range_tombstones: u64,
    /// The checksum of the whole file, as [`crate::table_checksum`] has it, if it is known.
    pub file_checksum: Option<u64>,
    /// When the file was written, in milliseconds since 1970.
    pub created_unix_millis: u64,
}

impl VersionEdit {
    /// Appends the record to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut record = Vec::new();
        for table in &self.added {
            record.clear();
            table.encode(&mut record);
            put_bytes(out, 1, &record);
        }
        for removed in &self.removed {
            record.clear();
            for number in [removed.level.into(), removed.run.0, removed.table.0] {
                put_varint(&mut record, number);
            }
            put_bytes(out, 3, &record);
        }
        put_optional_u64(out, 5, self.replay_floor);
        put_optional_u64(out, 7, self.last_seqno);
        put_optional_u64(out, 9, self.next_table.map(|id| id.0));
        put_optional_u64(out, 11, self.next_run.map(|id| id.0));
        put_optional_u64(out, 13, self.next_blob_file.map(|id| id.0));
        put_optional_name(out, 15, self.comparator.as_deref());
        put_optional_name(out, 17, self.merge_operator.as_deref());
        put_optional_name(out, 19, self.prefix_extractor.as_deref());
        put_optional_u64(out, 21, self.feed_horizon);
        put_optional_u64(out, 29, self.watermark);
        put_optional_u64(out, 33, self.history_from);
        put_optional_u64(out, 35, self.owner);
        for route in &self.level_routes {
            record.clear();
            put_varint(&mut record, route.from.into());
            put_varint(&mut record, route.to.into());
            record.extend_from_slice(route.path.as_bytes());
            put_bytes(out, 31, &record);
        }
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
                    let table = AddedTable::decode(field.bytes);
                    edit.added.push(table.map_err(|error| error.shifted(field.at))?);
                }
                3 => edit.removed.push(removed_table(&field)?),
                5 => set_once(&mut edit.replay_floor, &field, seqno(&field)?)?,
                7 => set_once(&mut edit.last_seqno, &field, seqno(&field)?)?,
                9 => set_once(&mut edit.next_table, &field, TableId(field.u64()?))?,
                11 => set_once(&mut edit.next_run, &field, RunId(field.u64()?))?,
                13 => set_once(&mut edit.next_blob_file, &field, BlobFileId(field.u64()?))?,
                15 => set_once(&mut edit.comparator, &field, field.name()?)?,
                17 => set_once(&mut edit.merge_operator, &field, field.name()?)?,
                19 => set_once(&mut edit.prefix_extractor, &field, field.name()?)?,
                21 => set_once(&mut edit.feed_horizon, &field, seqno(&field)?)?,
                29 => set_once(&mut edit.watermark, &field, seqno(&field)?)?,
                33 => set_once(&mut edit.history_from, &field, seqno(&field)?)?,
                35 => set_once(&mut edit.owner, &field, field.u64()?)?,
                31 => edit.level_routes.push(routed_levels(&field)?),
                _ => field.skip_unknown()?,
            }
        }
        Ok(edit)
    }
}

impl AddedTable {
    fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, 1, self.table.0);
        put_u64(out, 3, self.level.into());
        put_u64(out, 5, self.run.0);
        put_u64(out, 7, self.file_bytes);
        put_bytes(out, 9, &self.smallest_key);
        put_bytes(out, 11, &self.largest_key);
        put_optional_u64(out, 13, self.largest_key_is_exclusive.then_some(1));
        put_u64(out, 15, self.lowest_seqno);
        put_u64(out, 17, self.highest_seqno);
        put_optional_u64(out, 19, self.global_seqno);
        put_optional_u64(out, 21, self.out_of_order.then_some(1));
        let counts = [(2, self.entries), (4, self.point_tombstones), (6, self.range_tombstones)];
        for (tag, count) in counts {
            put_optional_u64(out, tag, Some(count).filter(|&count| count > 0));
        }
        put_optional_u64(out, 8, self.file_checksum);
        put_optional_u64(out, 10, Some(self.created_unix_millis).filter(|&millis| millis > 0));
    }

    fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let (mut table, mut level, mut run, mut file_bytes) = (None, None, None, None);
        let (mut smallest, mut largest, mut exclusive) = (None, None, None);
        let (mut lowest, mut highest, mut global_seqno, mut out_of_order) = (None, None, None, None);
        let (mut entries, mut point_tombstones, mut range_tombstones) = (None, None, None);
        let (mut file_checksum, mut created) = (None, None);
        let mut fields = Fields::new(TABLE_STRUCTURE, record);
        while let Some(field) = fields.next_field()? {
            match field.tag {
                1 => set_once(&mut table, &field, TableId(field.u64()?))?,
                3 => set_once(&mut level, &field, level_of(field.u64()?, &field)?)?,
                5 => set_once(&mut run, &field, RunId(field.u64()?))?,
                7 => set_once(&mut file_bytes, &field, field.u64()?)?,
                9 => set_once(&mut smallest, &field, key(&field)?)?,
                11 => set_once(&mut largest, &field, key(&field)?)?,
                13 => set_once(&mut exclusive, &field, flag(&field)?)?,
                15 => set_once(&mut lowest, &field, seqno(&field)?)?,
                17 => set_once(&mut highest, &field, seqno(&field)?)?,
                19 => set_once(&mut global_seqno, &field, seqno(&field)?)?,
                21 => set_once(&mut out_of_order, &field, flag(&field)?)?,
                2 => set_once(&mut entries, &field, field.u64()?)?,
                4 => set_once(&mut point_tombstones, &field, field.u64()?)?,
                6 => set_once(&mut range_tombstones, &field, field.u64()?)?,
                8 => set_once(&mut file_checksum, &field, field.u64()?)?,
                10 => set_once(&mut created, &field, field.u64()?)?,
                _ => field.skip_unknown()?,
            }
        }
        Ok(Self {
            table: required(TABLE_STRUCTURE, "table id", table)?,
            level: required(TABLE_STRUCTURE, "level", level)?,
            run: required(TABLE_STRUCTURE, "run id", run)?,
            file_bytes: required(TABLE_STRUCTURE, "file length", file_bytes)?,
            smallest_key: required(TABLE_STRUCTURE, "smallest key", smallest)?,
            largest_key: required(TABLE_STRUCTURE, "largest key", largest)?,
            largest_key_is_exclusive: exclusive.is_some(),
            lowest_seqno: required(TABLE_STRUCTURE, "lowest seqno", lowest)?,
            highest_seqno: required(TABLE_STRUCTURE, "highest seqno", highest)?,
            global_seqno,
            out_of_order: out_of_order.is_some(),
            entries: entries.unwrap_or_default(),
            point_tombstones: point_tombstones.unwrap_or_default(),
            range_tombstones: range_tombstones.unwrap_or_default(),
            file_checksum,
            created_unix_millis: created.unwrap_or_default(),
        })
    }
}

fn removed_table(field: &Field<'_>) -> Result<RemovedTable, DecodeError> {
    let mut reader = Reader::new(STRUCTURE, field.bytes);
    let mut number = || reader.varint().map_err(|error| error.shifted(field.at));
    let level = level_of(number()?, field)?;
    let (run, table) = (RunId(number()?), TableId(number()?));
    reader.finish().map_err(|error| error.shifted(field.at))?;
    Ok(RemovedTable { level, run, table })
}

fn routed_levels(field: &Field<'_>) -> Result<RoutedLevels, DecodeError> {
    let mut reader = Reader::new(STRUCTURE, field.bytes_up_to("route", MAX_PATH_BYTES + 4)?);
    let mut level = || level_of(reader.varint().map_err(|error| error.shifted(field.at))?, field);
    let (from, to) = (level()?, level()?);
    if from >= to {
        return Err(field.invalid("a route has levels"));
    }
    let path = str::from_utf8(reader.rest()).map_err(|_| field.invalid("a path is UTF-8"))?;
    Ok(RoutedLevels { from, to, path: path.to_owned() })
}

fn level_of(number: u64, field: &Field<'_>) -> Result<u8, DecodeError> {
    u8::try_from(number).map_err(|_| field.invalid("a level is below 256"))
}

fn flag(field: &Field<'_>) -> Result<(), DecodeError> {
    if field.u64()? == 1 { Ok(()) } else { Err(field.invalid("a flag is 1 or absent")) }
}

fn seqno(field: &Field<'_>) -> Result<SeqNo, DecodeError> {
    field.u64_up_to("seqno", MAX_SEQNO)
}

fn key(field: &Field<'_>) -> Result<Slice, DecodeError> {
    field.bytes_up_to("key", MAX_KEY_BYTES).map(Slice::new)
}

#[cfg(test)]
mod tests;

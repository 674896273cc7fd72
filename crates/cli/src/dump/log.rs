//! A log file: its header, then frame by frame what the file's kind makes of them: operations, version edits or catalog edits.

use std::io;

use esker_format::batch::{BatchReader, Operation};
use esker_format::catalog::CatalogEdit;
use esker_format::expiry::split_expiring;
use esker_format::log::frame::Frame;
use esker_format::log::header::{LogHeader, LogKind};
use esker_format::manifest::{AddedTable, VersionEdit};

use crate::dump::Page;
use crate::human::{count, plural};
use crate::inspect::log::{Ending, FIRST_FRAME, LogFile};

/// Prints a segment, a manifest or a catalog.
pub(crate) fn dump(bytes: &[u8], page: &mut Page<'_>) -> io::Result<()> {
    let log = match LogFile::of(bytes) {
        Ok(log) => log,
        Err(error) => {
            page.line(format_args!("log file, {} bytes", count(bytes.len() as u64)))?;
            // Frames count only under the id that the header holds.
            return page.damage(error);
        }
    };
    header(log.header(), log.len(), page)?;
    page.line("\nframes")?;
    let mut offset = FIRST_FRAME;
    loop {
        for found in log.frames(offset) {
            frame(log.header().kind, &found, page)?;
            offset = found.end();
        }
        ending(&log, offset, page)?;
        let Some(next) = log.next_frame(offset) else { return Ok(()) };
        page.line(format_args!("  frames go on at byte {next}:"))?;
        offset = next;
    }
}

fn header(header: &LogHeader, len: u64, page: &mut Page<'_>) -> io::Result<()> {
    let kind = match header.kind {
        LogKind::Segment => "segment of the write-ahead log",
        LogKind::Manifest => "manifest",
        LogKind::Catalog => "catalog",
    };
    page.line(format_args!("{kind}, {} bytes", count(len)))?;
    page.field("number", header.number)?;
    page.field("log id", format_args!("{:016x}", header.log.0))?;
    if let Some(predecessor) = header.predecessor {
        page.field(
            "continues",
            format_args!(
                "segment {}, which ends at byte {}",
                predecessor.end.segment, predecessor.end.offset
            ),
        )?;
        page.field("from seqno", predecessor.next_seqno)?;
    }
    Ok(())
}

fn ending(log: &LogFile<'_>, end: u64, page: &mut Page<'_>) -> io::Result<()> {
    match log.ending(end) {
        Ending::Clean if end == log.len() => page.line(format_args!("  end of the file, byte {end}")),
        Ending::Clean => page.line(format_args!("  zeros from byte {end} on: nothing was written there")),
        Ending::Torn(error) => page
            .line(format_args!("  no frame at byte {end} ({error}): a torn end, or what a former file left")),
        Ending::Damaged { error, synced, claimed_at } => page.damage(format_args!(
            "{error}; the frame at byte {claimed_at} says that segment {} was synced up to byte {}",
            synced.segment, synced.offset
        )),
    }
}

fn frame(kind: LogKind, frame: &Frame<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let len = frame.payload.len();
    let meta = &frame.meta;
    match kind {
        LogKind::Segment => {
            page.line(format_args!(
                "  byte {}: {} from seqno {}, {len} bytes; synced up to segment {}, byte {}",
                frame.offset,
                plural(meta.count.into(), "operation"),
                meta.first_seqno,
                meta.synced.segment,
                meta.synced.offset
            ))?;
            if page.entries { operations(frame, page) } else { check(frame, page) }
        }
        LogKind::Manifest => {
            page.line(format_args!("  byte {}: version edit, {len} bytes", frame.offset))?;
            match VersionEdit::decode(frame.payload) {
                Ok(edit) => version_edit(&edit, page),
                Err(error) => page.damage(format_args!("frame at byte {}: {error}", frame.offset)),
            }
        }
        LogKind::Catalog => {
            page.line(format_args!("  byte {}: catalog edit, {len} bytes", frame.offset))?;
            match CatalogEdit::decode(frame.payload) {
                Ok(edit) => catalog_edit(&edit, page),
                Err(error) => page.damage(format_args!("frame at byte {}: {error}", frame.offset)),
            }
        }
    }
}

fn check(frame: &Frame<'_>, page: &mut Page<'_>) -> io::Result<()> {
    match BatchReader::new(frame.payload, frame.meta.count).verify() {
        Ok(_) => Ok(()),
        Err(error) => page.damage(format_args!("frame at byte {}: {error}", frame.offset)),
    }
}

fn operations(frame: &Frame<'_>, page: &mut Page<'_>) -> io::Result<()> {
    for (seqno, operation) in
        (frame.meta.first_seqno..).zip(BatchReader::new(frame.payload, frame.meta.count))
    {
        let operation = match operation {
            Ok(operation) => operation,
            Err(error) => return page.damage(format_args!("frame at byte {}: {error}", frame.offset)),
        };
        let (key, value) = (page.show(operation.key), page.show(operation.value));
        let what = match operation.operation {
            Operation::Put => format!("put {key} = {value}"),
            Operation::ExpiringPut => {
                let (value, expires_at) = split_expiring(operation.value);
                format!("put {key} = {} until {expires_at} ms", page.show(value))
            }
            Operation::Delete => format!("delete {key}"),
            Operation::SingleDelete => format!("single delete {key}"),
            Operation::Merge => format!("merge {key} + {value}"),
            Operation::RangeDelete => format!("delete [{key}, {value})"),
            Operation::Clear => "clear".to_owned(),
            Operation::Ingested => match operation.ingested_tables() {
                Ok(tables) => format!("ingestion of {tables} tables"),
                Err(error) => format!("ingestion: {error}"),
            },
        };
        page.line(format_args!("    @{seqno} keyspace {} {what}", operation.keyspace))?;
    }
    Ok(())
}

fn version_edit(edit: &VersionEdit, page: &mut Page<'_>) -> io::Result<()> {
    let numbers = [
        ("replay floor", edit.replay_floor),
        ("last seqno", edit.last_seqno),
        ("next table", edit.next_table.map(|id| id.0)),
        ("next run", edit.next_run.map(|id| id.0)),
        ("next blob file", edit.next_blob_file.map(|id| id.0)),
        ("feed horizon", edit.feed_horizon),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            page.field(&format!("  {name}"), number)?;
        }
    }
    let names = [
        ("comparator", &edit.comparator),
        ("merge operator", &edit.merge_operator),
        ("prefix extractor", &edit.prefix_extractor),
    ];
    for (name, value) in names {
        if let Some(value) = value {
            page.field(&format!("  {name}"), value)?;
        }
    }
    for removed in &edit.removed {
        page.line(format_args!(
            "    - table {} from level {}, run {}",
            removed.table, removed.level, removed.run
        ))?;
    }
    edit.added.iter().try_for_each(|table| added(table, page))
}

fn added(table: &AddedTable, page: &mut Page<'_>) -> io::Result<()> {
    let (smallest, largest) = (page.show(&table.smallest_key), page.show(&table.largest_key));
    let end = if table.largest_key_is_exclusive { ')' } else { ']' };
    page.line(format_args!(
        "    + table {} to level {}, run {}: {} bytes, {} entries, {} tombstones, seqnos {} to {}, [{smallest}, {largest}{end}",
        table.table,
        table.level,
        table.run,
        table.file_bytes,
        table.entries,
        table.point_tombstones.saturating_add(table.range_tombstones),
        table.lowest_seqno,
        table.highest_seqno,
    ))
}

fn catalog_edit(edit: &CatalogEdit, page: &mut Page<'_>) -> io::Result<()> {
    for keyspace in &edit.created {
        let name = page.show(keyspace.name.as_bytes());
        page.line(format_args!(
            "    + keyspace {}: {name}, ordered by {}",
            keyspace.id, keyspace.comparator
        ))?;
    }
    for id in &edit.dropped {
        page.line(format_args!("    - keyspace {id}"))?;
    }
    match edit.next_keyspace {
        Some(id) => page.field("  next keyspace", id),
        None => Ok(()),
    }
}

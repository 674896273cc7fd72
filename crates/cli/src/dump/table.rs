//! A table: footer, properties, filter, range tombstones, index, and on demand every entry.

use std::io;

use esker_format::block::BlockHandle;
use esker_format::expiry::split_expiring;
use esker_format::filter::Filter;
use esker_format::index_block::Index;
use esker_format::properties::Properties;
use esker_mem::kind::Kind;

use crate::dump::Page;
use crate::human::{bytes, count};
use crate::inspect::file::RawFile;
use crate::inspect::table::TableFile;

/// Prints a table.
pub(crate) fn dump(file: RawFile, page: &mut Page<'_>) -> io::Result<()> {
    page.line(format_args!("table, {} bytes", count(file.len())))?;
    let table = match TableFile::of(file) {
        Ok(table) => table,
        // Without its footer nothing in a table can be found.
        Err(flaw) => return page.damage(flaw),
    };
    footer(&table, page)?;
    match table.properties() {
        Ok(found) => properties(&found, page)?,
        Err(flaw) => page.damage(flaw)?,
    }
    match table.filter() {
        Ok(Some(filter)) => {
            page.line("\nfilter")?;
            let filters = filter.filters();
            if let Some(first) = filters.first() {
                page.field("kind", format_args!("{}, {}", first.kind_id(), first.policy_name()))?;
            }
            if filters.len() > 1 {
                page.field("partitions", count(filters.len() as u64))?;
            }
            let memory: usize = filters.iter().map(Filter::memory_bytes).sum();
            page.field("memory", bytes(memory as u64))?;
        }
        Ok(None) => {}
        Err(flaw) => page.damage(flaw)?,
    }
    range_tombstones(&table, page)?;
    match table.index() {
        Ok(Some(found)) => index(&table, &found, page),
        Ok(None) => page.line("\nno data blocks"),
        Err(flaw) => page.damage(flaw),
    }
}

fn footer(table: &TableFile, page: &mut Page<'_>) -> io::Result<()> {
    let footer = table.footer();
    page.line("\nfooter")?;
    let parts = [
        ("index", footer.index),
        ("filter", footer.filter),
        ("range tombstones", footer.range_tombstones),
        ("properties", Some(footer.properties)),
    ];
    for (name, handle) in parts {
        match handle {
            Some(handle) => page.field(name, place(handle))?,
            None => page.field(name, "none")?,
        }
    }
    Ok(())
}

fn place(handle: BlockHandle) -> String {
    format!("{} bytes at {}", handle.len, handle.offset)
}

fn properties(properties: &Properties, page: &mut Page<'_>) -> io::Result<()> {
    page.line("\nproperties")?;
    page.field("comparator", &properties.comparator)?;
    page.field("format version", properties.format_version)?;
    let counts = [
        ("entries", properties.entries),
        ("puts", properties.puts),
        ("deletes", properties.deletes),
        ("single deletes", properties.single_deletes),
        ("merges", properties.merges),
        ("blob pointers", properties.blob_pointers),
        ("range tombstones", properties.range_tombstones),
        ("raw key bytes", properties.raw_key_bytes),
        ("raw value bytes", properties.raw_value_bytes),
        ("data blocks", properties.data_blocks),
        ("data bytes", properties.data_bytes),
    ];
    for (name, number) in counts {
        page.field(name, count(number))?;
    }
    if properties.expiring_puts > 0 {
        page.field("expiring puts", count(properties.expiring_puts))?;
        let (earliest, latest) = (properties.earliest_expiry, properties.latest_expiry);
        page.field("expiries", format_args!("{earliest} to {latest} ms since 1970"))?;
    }
    let (smallest, largest) = (page.show(&properties.smallest_key), page.show(&properties.largest_key));
    page.field("smallest key", smallest)?;
    page.field("largest key", largest)?;
    page.field(
        "sequence numbers",
        format_args!("{} to {}", properties.lowest_seqno, properties.highest_seqno),
    )?;
    page.field("codec", properties.codec_id)?;
    page.field("created", format_args!("{} ms since 1970", properties.created_unix_millis))?;
    page.field("filter kind", properties.filter_kind)?;
    let names = [
        ("filter policy", &properties.filter_policy),
        ("prefix extractor", &properties.prefix_extractor),
        ("merge operator", &properties.merge_operator),
    ];
    for (name, value) in names {
        if let Some(value) = value {
            page.field(name, value)?;
        }
    }
    page.field("index kind", properties.index_kind)
}

fn range_tombstones(table: &TableFile, page: &mut Page<'_>) -> io::Result<()> {
    let tombstones = match table.range_tombstones() {
        Ok(Some(tombstones)) => tombstones,
        Ok(None) => return Ok(()),
        Err(flaw) => return page.damage(flaw),
    };
    page.line(format_args!("\nrange tombstones: {}", tombstones.fragments().len()))?;
    for fragment in tombstones.fragments() {
        let (start, end) = (page.show(&fragment.start), page.show(&fragment.end));
        page.line(format_args!("  [{start}, {end}) at {:?}", tombstones.seqnos(fragment)))?;
    }
    Ok(())
}

fn index(table: &TableFile, index: &Index, page: &mut Page<'_>) -> io::Result<()> {
    page.line(format_args!("\nindex: {} data blocks", index.len()))?;
    let mut separator = Vec::new();
    for ordinal in 0..index.len() {
        let entry = index.entry(ordinal);
        index.separator_into(ordinal, &mut separator);
        let shown = page.show(&separator);
        page.line(format_args!(
            "  {ordinal:>6}  {}, up to seqno {}, separator {shown}",
            place(entry.handle),
            entry.highest_seqno
        ))?;
        if page.entries {
            entries(table, entry.handle, page)?;
        }
    }
    Ok(())
}

fn entries(table: &TableFile, handle: BlockHandle, page: &mut Page<'_>) -> io::Result<()> {
    let block = match table.data_block(handle) {
        Ok(block) => block,
        Err(flaw) => return page.damage(flaw),
    };
    let mut key = Vec::new();
    for at in 0..block.len() {
        block.key_into(at, &mut key);
        let (seqno, kind) = (block.seqno(at), block.kind(at));
        let shown = page.show(&key);
        match kind {
            Kind::Delete | Kind::SingleDelete => {
                page.line(format_args!("          {shown} @{seqno} {}", kind_name(kind)))?;
            }
            Kind::ExpiringPut => {
                let (value, expires_at) = split_expiring(block.value(at));
                let (name, value) = (kind_name(kind), page.show(value));
                page.line(format_args!("          {shown} @{seqno} {name} {value} until {expires_at} ms"))?;
            }
            _ => {
                let value = page.show(block.value(at));
                page.line(format_args!("          {shown} @{seqno} {} {value}", kind_name(kind)))?;
            }
        }
    }
    Ok(())
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Put => "put",
        Kind::Delete => "delete",
        Kind::SingleDelete => "single delete",
        Kind::Merge => "merge",
        Kind::BlobPointer => "blob pointer",
        Kind::ExpiringPut => "expiring put",
    }
}

//! Two chapters of reading: single keys, and ranges.

use std::time::Instant;

use esker::Database;

use crate::failure::Outcome;
use crate::human::{count, duration, rate};
use crate::tour::page::Page;
use crate::tour::unicode::{Record, glyph, name};

/// How many random keys are read.
const READS: u64 = 500_000;
/// How often the whole data set is scanned.
const SCANS: u64 = 20;

/// Some characters by name, then many at random.
pub(crate) fn by_key(page: &mut Page<'_>, database: &Database, records: &[Record]) -> Outcome {
    page.chapter("Read by key")?;
    for key in ["U+000041", "U+0000E9", "U+0020AC", "U+01F980"] {
        let value = database.default_keyspace().get(key.as_bytes())?;
        page.expect(value.is_some(), "an imported key is there")?;
        let value = value.as_deref().map(name).unwrap_or_default();
        page.item(key, &format!("{}  {value}", glyph(key.as_bytes())))?;
    }
    let absent = database.default_keyspace().get(b"U+000378")?;
    page.expect(absent.is_none(), "a key that was never written is not there")?;
    page.item("U+000378", "not there: that code point is unassigned")?;

    let keyspace = database.default_keyspace();
    let mut random = Shuffle::new();
    let started = Instant::now();
    let mut right = 0_u64;
    for _ in 0..READS {
        let Some(record) = records.get(random.below(records.len())) else { continue };
        right += u64::from(keyspace.get(&record.key)?.as_deref() == Some(record.value));
    }
    let time = started.elapsed();
    page.expect(right == READS, "every read gives the value that was imported")?;
    page.measured("get, key there", READS, time);
    page.line(&format!("{} random keys, each value compared: {}.", count(READS), rate(READS, time)))?;

    let started = Instant::now();
    let mut found = 0_u64;
    let mut key = b"X+000000".to_vec();
    for _ in 0..READS {
        let Some(record) = records.get(random.below(records.len())) else { continue };
        // The same digits under another letter: within no range of keys that was ever written.
        key.clear();
        key.extend_from_slice(&record.key);
        key.push(b'?');
        found += u64::from(keyspace.get(&key)?.is_some());
    }
    let time = started.elapsed();
    page.expect(found == 0, "no key is there that was not imported")?;
    page.measured("get, key not there", READS, time);
    page.line(&format!("{} keys between those: none is there: {}.", count(READS), rate(READS, time)))
}

/// A few Greek letters, the last characters of all, and everything, over and over.
pub(crate) fn by_range(page: &mut Page<'_>, database: &Database, records: usize) -> Outcome {
    page.chapter("Read a range")?;
    page.line("From U+000391 on, in order:")?;
    let keyspace = database.default_keyspace();
    for entry in keyspace.scan(b"U+000391".as_slice()..b"U+0003AA".as_slice()).take(4) {
        let (key, value) = entry?;
        page.item(&String::from_utf8_lossy(&key), &format!("{}  {}", glyph(&key), name(&value)))?;
    }
    page.line("From the end, backwards:")?;
    for entry in keyspace.iter().rev().take(2) {
        let (key, value) = entry?;
        page.item(&String::from_utf8_lossy(&key), &name(&value))?;
    }

    let started = Instant::now();
    let mut entries = 0_u64;
    for _ in 0..SCANS {
        let mut last = Vec::new();
        for entry in keyspace.iter() {
            let (key, _) = entry?;
            page.expect(key.as_ref() > last.as_slice(), "a scan ascends")?;
            last.clear();
            last.extend_from_slice(&key);
            entries += 1;
        }
    }
    let time = started.elapsed();
    page.expect(entries == SCANS * records as u64, "a scan sees every record once")?;
    page.measured("scan, per record", entries, time);
    let each = time.div_f64(SCANS as f64);
    page.line(&format!(
        "All {} records in order, {SCANS} times: {} each, or {}.",
        count(records as u64),
        duration(each),
        rate(entries, time)
    ))
}

/// How many records there are now, by looking at each.
pub(crate) fn count_all(database: &Database) -> Outcome<u64> {
    let mut found = 0;
    for entry in database.default_keyspace().iter() {
        entry?;
        found += 1;
    }
    Ok(found)
}

/// Numbers that hop about: SplitMix64 (Steele, Lea and Flood, 2014), always the same ones.
pub(crate) struct Shuffle(u64);

impl Shuffle {
    /// The same numbers in every run, so that two runs can be compared.
    pub(crate) fn new() -> Self {
        Self(0)
    }

    /// The next number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        let wide = u128::from(scatter(self.0)) * limit as u128;
        usize::try_from(wide >> 64).unwrap_or_default()
    }
}

/// A permutation of the 64-bit numbers that leaves no order.
pub(crate) fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

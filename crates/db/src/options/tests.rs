//! The split of the budget and the refusals.

use super::*;
use crate::error::ErrorKind;

#[test]
fn the_parts_never_exceed_the_budget() {
    for budget in [MIB, 16 * MIB, 512 * MIB, 64 << 30] {
        let options = DatabaseOptions { memory_budget_bytes: budget, ..DatabaseOptions::default() };
        let split = options.memory();
        assert!(split.write_buffer_bytes + split.cache_bytes <= budget);
        assert!(split.memtable_bytes * 3 <= split.write_buffer_bytes, "one fills while one is flushed");
    }
}

#[test]
fn the_default_memtable_is_64_mib() {
    assert_eq!(DatabaseOptions::default().memory().memtable_bytes, 64 * MIB);
}

#[test]
fn what_cannot_work_is_refused() {
    let good = DatabaseOptions::default();
    assert!(good.check().is_ok());
    let bad = [
        DatabaseOptions { memory_budget_bytes: 10, ..good.clone() },
        DatabaseOptions { memtable_bytes: 10, ..good.clone() },
        DatabaseOptions { segment_bytes: 10, ..good.clone() },
        DatabaseOptions { max_wal_bytes: 10, ..good.clone() },
        DatabaseOptions { max_batch_bytes: 10, ..good.clone() },
        DatabaseOptions { sync_interval: Duration::ZERO, ..good },
    ];
    for options in bad {
        assert_eq!(options.check().map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
    }
}

//! Edits that make sense together, and edits that do not.

use esker_format::ids::{RunId, TableId};
use esker_format::manifest::{AddedTable, RemovedTable, VersionEdit};

use super::Replay;

fn added(table: u64, level: u8) -> AddedTable {
    AddedTable { table: TableId(table), level, run: RunId(9), ..AddedTable::default() }
}

fn removed(table: u64, level: u8) -> RemovedTable {
    RemovedTable { table: TableId(table), level, run: RunId(9) }
}

fn edit(removed: &[RemovedTable], added: &[AddedTable]) -> VersionEdit {
    VersionEdit { removed: removed.to_vec(), added: added.to_vec(), ..VersionEdit::default() }
}

#[test]
fn the_last_word_on_each_field_counts() {
    let mut replay = Replay::default();
    let first = VersionEdit {
        replay_floor: Some(7),
        comparator: Some("order".into()),
        ..edit(&[], &[added(1, 0), added(2, 0)])
    };
    replay.apply(first).unwrap();
    let second =
        VersionEdit { replay_floor: Some(9), watermark: Some(3), ..edit(&[removed(1, 0)], &[added(1, 4)]) };
    replay.apply(second).unwrap();
    let whole = replay.finish();
    assert_eq!(whole.added, [added(1, 4), added(2, 0)]);
    assert_eq!((whole.replay_floor, whole.watermark), (Some(9), Some(3)));
    assert_eq!(whole.comparator.as_deref(), Some("order"));
}

#[test]
fn edits_that_do_not_follow_from_what_was_before_are_refused() {
    let nonsense = [
        edit(&[removed(1, 0)], &[]),
        edit(&[removed(2, 1)], &[]),
        edit(&[], &[added(2, 3)]),
        edit(&[], &[added(3, 7)]),
    ];
    for edit in nonsense {
        let mut replay = Replay::default();
        replay.apply(self::edit(&[], &[added(2, 0)])).unwrap();
        assert!(replay.apply(edit.clone()).is_err(), "{edit:?}");
    }
}

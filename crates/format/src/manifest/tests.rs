use super::*;
use crate::error::Problem;
use crate::test_bytes::{damaged, example};

fn example_edit() -> VersionEdit {
    let table = AddedTable {
        table: TableId(5),
        level: 0,
        run: RunId(2),
        file_bytes: 1_000,
        smallest_key: Slice::new(b"a"),
        largest_key: Slice::new(b"z"),
        lowest_seqno: 1,
        highest_seqno: 9,
        entries: 3,
        point_tombstones: 1,
        ..AddedTable::default()
    };
    VersionEdit { added: vec![table], replay_floor: Some(10), last_seqno: Some(9), ..VersionEdit::default() }
}

fn encoded(edit: &VersionEdit) -> Vec<u8> {
    let mut out = Vec::new();
    edit.encode(&mut out);
    out
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../manifest.rs"));
    assert_eq!(encoded(&example_edit()), golden, "{:02x?}", encoded(&example_edit()));
    assert_eq!(VersionEdit::decode(&golden).unwrap(), example_edit());
}

fn random_edit(random: &mut fastrand::Rng) -> VersionEdit {
    let mut number = || random.u64(..) >> random.u32(..64);
    let mut added = Vec::new();
    let mut removed = Vec::new();
    for _ in 0..number() % 5 {
        removed.push(RemovedTable {
            level: number().to_le_bytes()[0],
            run: RunId(number()),
            table: TableId(number()),
        });
        added.push(AddedTable {
            table: TableId(number()),
            level: number().to_le_bytes()[0],
            run: RunId(number()),
            file_bytes: number(),
            smallest_key: Slice::new(&vec![7; usize::from(number().to_le_bytes()[0])]),
            largest_key: Slice::new(&number().to_be_bytes()),
            largest_key_is_exclusive: number() % 2 == 0,
            out_of_order: number() % 2 == 0,
            lowest_seqno: number() >> 1,
            highest_seqno: number() >> 1,
            global_seqno: (number() % 2 == 0).then(|| number() >> 1),
            entries: number(),
            point_tombstones: number(),
            range_tombstones: number(),
            file_checksum: (number() % 2 == 0).then(&mut number),
            created_unix_millis: number(),
        });
    }
    VersionEdit {
        removed,
        added,
        replay_floor: (number() % 2 == 0).then(|| number() >> 1),
        last_seqno: (number() % 2 == 0).then(|| number() >> 1),
        next_table: (number() % 2 == 0).then(|| TableId(number())),
        next_run: (number() % 2 == 0).then(|| RunId(number())),
        next_blob_file: (number() % 2 == 0).then(|| BlobFileId(number())),
        comparator: (number() % 2 == 0).then(|| "esker.bytes".to_owned()),
        merge_operator: (number() % 2 == 0).then(|| format!("operator {}", number())),
        prefix_extractor: (number() % 2 == 0).then(String::new),
        feed_horizon: (number() % 2 == 0).then(|| number() >> 1),
        watermark: (number() % 2 == 0).then(|| number() >> 1),
        history_from: (number() % 2 == 0).then(|| number() >> 1),
        owner: (number() % 2 == 0).then(&mut number),
        level_routes: (0..number() % 3)
            .map(|i| RoutedLevels {
                from: i.to_le_bytes()[0],
                to: 200 + number().to_le_bytes()[0] % 50,
                path: format!("/mnt/ü{}", number()),
            })
            .collect(),
    }
}

#[test]
fn random_edits_round_trip() {
    let mut random = fastrand::Rng::with_seed(71);
    for _ in 0..500 {
        let edit = random_edit(&mut random);
        assert_eq!(VersionEdit::decode(&encoded(&edit)).unwrap(), edit);
    }
    assert_eq!(VersionEdit::decode(&[]).unwrap(), VersionEdit::default());
}

#[test]
fn level_routes_have_levels_and_a_path() {
    let route = RoutedLevels { from: 4, to: 7, path: "/cold".to_owned() };
    let edit = VersionEdit { level_routes: vec![route], ..VersionEdit::default() };
    assert_eq!(encoded(&edit), b"\x1f\x07\x04\x07/cold");
    assert_eq!(VersionEdit::decode(b"\x1f\x07\x04\x07/cold").unwrap(), edit);
    for damaged in [b"\x1f\x07\x07\x07/cold", b"\x1f\x07\x04\x07/col\xff", b"\x1f\x07\xff\xff/cold"] {
        assert!(VersionEdit::decode(damaged).is_err(), "{damaged:02x?}");
    }
    assert!(VersionEdit::decode(b"\x1f\x01\x04").is_err());
}

/// INV-FMT-10: an edit with anything in it that this build does not understand is refused, not applied in part.
#[test]
fn what_cannot_be_ignored_is_refused() {
    for reserved in [23, 25, 27, 99] {
        let mut out = encoded(&example_edit());
        put_u64(&mut out, reserved, 1);
        let problem = VersionEdit::decode(&out).unwrap_err().problem;
        assert_eq!(problem, Problem::Unsupported { what: "required field", id: reserved });
    }
    let mut twice = encoded(&example_edit());
    put_u64(&mut twice, 5, 1);
    assert!(VersionEdit::decode(&twice).is_err());
    let mut incomplete = Vec::new();
    put_bytes(&mut incomplete, 1, &[1, 1, 5]);
    assert_eq!(VersionEdit::decode(&incomplete).unwrap_err().problem, Problem::Missing { field: "level" });
}

/// INV-FMT-1.
#[test]
fn damage_is_survived() {
    let mut random = fastrand::Rng::with_seed(72);
    damaged(&encoded(&random_edit(&mut random)), |bytes| {
        let _ = VersionEdit::decode(bytes);
    });
    damaged(&encoded(&example_edit()), |bytes| {
        if let Ok(edit) = VersionEdit::decode(bytes) {
            assert_eq!(VersionEdit::decode(&encoded(&edit)).unwrap(), edit);
        }
    });
}

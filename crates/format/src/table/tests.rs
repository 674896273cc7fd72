use super::*;
use crate::test_bytes::{damaged, example};

fn example_footer() -> Footer {
    Footer {
        index: Some(BlockHandle { offset: 100, len: 200 }),
        properties: BlockHandle { offset: 300, len: 100 },
        ..Footer::default()
    }
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../table.rs"));
    assert_eq!(example_footer().encode().to_vec(), golden, "{:02x?}", &example_footer().encode()[..8]);
    assert_eq!(Footer::decode(&golden, 488).unwrap(), example_footer());
    let longer = [vec![9; 100], golden].concat();
    assert_eq!(Footer::decode(&longer, 488).unwrap(), example_footer());
}

/// INV-FMT-6: nothing but the footer's own bytes passes for it.
#[test]
fn damage_is_noticed() {
    damaged(&example_footer().encode(), |bytes| {
        if !bytes.ends_with(&example_footer().encode()) {
            assert!(Footer::decode(bytes, 488).is_err());
        }
    });
}

fn resealed(mut footer: [u8; FOOTER_BYTES]) -> [u8; FOOTER_BYTES] {
    let checksum = checksum64(&footer[8..]);
    footer[..8].copy_from_slice(&checksum.to_le_bytes());
    footer
}

#[test]
fn a_later_version_is_not_damage() {
    let mut footer = example_footer().encode();
    footer[76] = 2;
    let error = Footer::decode(&footer, 488).unwrap_err();
    assert_eq!(error.problem, Problem::UnsupportedVersion { found: 2, supported: FORMAT_VERSION });
    assert!(error.is_unsupported());
    // Also when its footer has another length.
    assert!(Footer::decode(&footer[60..], 488).unwrap_err().is_unsupported());
    footer[76] = 0;
    assert!(Footer::decode(&resealed(footer), 488).is_err());
}

#[test]
fn impossible_handles_and_flags_are_refused() {
    assert!(Footer::decode(&example_footer().encode(), 487).is_err(), "the properties reach into the footer");
    let mut footer = example_footer().encode();
    footer[72] = 1;
    let problem = Footer::decode(&resealed(footer), 488).unwrap_err().problem;
    assert_eq!(problem, Problem::Unsupported { what: "table flags", id: 1 });
    let without = Footer { properties: BlockHandle::default(), ..example_footer() };
    assert_eq!(
        Footer::decode(&without.encode(), 488).unwrap_err().problem,
        Problem::Missing { field: "properties" }
    );
    assert_eq!(Footer::decode(b"not a table, surely", 19).unwrap_err().structure, STRUCTURE);
}

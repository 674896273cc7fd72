use super::*;
use crate::error::Problem;
use crate::test_bytes::{damaged, example};

fn example_edit() -> CatalogEdit {
    let users = KeyspaceRecord {
        id: KeyspaceId(1),
        name: "users".to_owned(),
        comparator: "esker.bytes".to_owned(),
        ..KeyspaceRecord::default()
    };
    CatalogEdit { created: vec![users], next_keyspace: Some(KeyspaceId(2)), ..CatalogEdit::default() }
}

fn encoded(edit: &CatalogEdit) -> Vec<u8> {
    let mut out = Vec::new();
    edit.encode(&mut out);
    out
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../catalog.rs"));
    assert_eq!(encoded(&example_edit()), golden, "{:02x?}", encoded(&example_edit()));
    assert_eq!(CatalogEdit::decode(&golden).unwrap(), example_edit());
}

#[test]
fn random_edits_round_trip() {
    let mut random = fastrand::Rng::with_seed(81);
    for _ in 0..300 {
        let mut name = || (0..random.usize(..30)).map(|_| random.char(..)).collect::<String>();
        let created = (0..3)
            .map(|number| KeyspaceRecord {
                id: KeyspaceId(number * 1_000_000),
                name: name(),
                comparator: name(),
                merge_operator: Some(name()).filter(|_| number > 0),
                prefix_extractor: Some(name()).filter(|_| number > 1),
                created_unix_millis: u64::from(number),
                ttl_millis: u64::from(number) << 40,
            })
            .collect();
        let dropped = (0..random.u32(..5)).map(|_| KeyspaceId(random.u32(..))).collect();
        let edit = CatalogEdit { created, dropped, next_keyspace: Some(KeyspaceId(random.u32(..))) };
        assert_eq!(CatalogEdit::decode(&encoded(&edit)).unwrap(), edit);
    }
}

/// INV-FMT-10.
#[test]
fn what_cannot_be_ignored_is_refused() {
    let mut out = encoded(&example_edit());
    put_u64(&mut out, 7, 1);
    assert_eq!(
        CatalogEdit::decode(&out).unwrap_err().problem,
        Problem::Unsupported { what: "required field", id: 7 }
    );
    let mut nameless = Vec::new();
    put_bytes(&mut nameless, 1, &[1, 1, 5]);
    assert_eq!(CatalogEdit::decode(&nameless).unwrap_err().problem, Problem::Missing { field: "name" });
}

/// INV-FMT-1.
#[test]
fn damage_is_survived() {
    damaged(&encoded(&example_edit()), |bytes| {
        let _ = CatalogEdit::decode(bytes);
    });
}

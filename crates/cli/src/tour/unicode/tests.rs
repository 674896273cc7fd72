//! The data set is whole and its keys sort.

use super::{glyph, name, records};

#[test]
fn every_line_is_a_record_and_keys_ascend() {
    let records = records();
    assert_eq!(records.len(), 34_924);
    assert!(records.windows(2).all(|pair| pair[0].key < pair[1].key));
}

#[test]
fn names_and_glyphs() {
    let records = records();
    let crab = records.iter().find(|record| record.key == b"U+01F980").unwrap();
    assert_eq!((name(crab.value).as_str(), glyph(&crab.key).as_str()), ("CRAB", "\u{1F980}"));
    assert_eq!((name(records[0].value).as_str(), glyph(&records[0].key).as_str()), ("NULL", " "));
}

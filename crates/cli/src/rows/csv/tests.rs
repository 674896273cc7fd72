//! CSV as spreadsheets write it.

use super::CsvRows;
use crate::rows::row::{Layout, RowError};

fn layout(delimiter: u8, columns: &[&str]) -> Layout {
    Layout {
        key: "id".into(),
        value: None,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        delimiter,
        hex: false,
    }
}

#[test]
fn quotes_and_line_breaks_inside_fields() {
    let text = "id,note\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n2,plain\r\n3\r\n";
    let rows: Vec<_> = CsvRows::open(text.as_bytes(), &layout(b',', &[])).unwrap().collect();
    let first = rows[0].as_ref().unwrap();
    assert_eq!(first.value, br#"{"note":"a, \"b\"\r\nc"}"#);
    assert_eq!((first.line, rows[1].as_ref().unwrap().line), (2, 4));
    assert!(matches!(&rows[2], Err(RowError::Bad { line: 5, .. })));
    assert_eq!(rows.len(), 3);
}

#[test]
fn files_without_a_header_take_their_columns_from_the_call() {
    let text = "0041;LATIN CAPITAL LETTER A\n";
    let mut rows = CsvRows::open(text.as_bytes(), &layout(b';', &["id", "name"])).unwrap();
    let row = rows.next().unwrap().unwrap();
    assert_eq!((row.line, row.key.as_slice()), (1, b"0041".as_slice()));
    assert_eq!(row.value, br#"{"name":"LATIN CAPITAL LETTER A"}"#);
}

#[test]
fn an_empty_file_has_no_header() {
    let error = CsvRows::open(b"".as_slice(), &layout(b',', &[])).err();
    assert!(matches!(error, Some(RowError::Unusable(_))));
}

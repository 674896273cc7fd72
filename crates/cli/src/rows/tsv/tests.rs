//! Escapes, line ends and what is wrong with a line.

use super::TsvRows;
use crate::rows::row::{Layout, Row, RowError};

fn rows(text: &[u8]) -> Vec<Result<Row, RowError>> {
    let layout = Layout { key: "key".into(), value: None, columns: Vec::new(), delimiter: b',', hex: false };
    TsvRows::open(text, &layout).unwrap().collect()
}

#[test]
fn quotes_are_plain_and_backslashes_escape() {
    let rows = rows(b"\xef\xbb\xbfkey\tvalue\r\n\"a\tx\\ty\\n\\\\\r\n\nb\t\xff");
    let first = rows[0].as_ref().unwrap();
    assert_eq!((first.key.as_slice(), first.value.as_slice()), (b"\"a".as_slice(), b"x\ty\n\\".as_slice()));
    let second = rows[1].as_ref().unwrap();
    assert_eq!((second.line, second.value.as_slice()), (4, b"\xff".as_slice()));
}

#[test]
fn bad_rows_do_not_hide_good_ones() {
    let rows = rows(b"key\tvalue\na\t\\q\nb\tc\td\ne\t\\\nf\tg\n");
    let problems: Vec<_> = rows
        .iter()
        .map(|row| match row {
            Err(RowError::Bad { line, problem }) => format!("{line}: {problem}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(problems[0], "2: unknown escape \\q (a backslash is written \\\\)");
    assert_eq!(problems[1], "3: 3 columns where 2 are expected");
    assert_eq!(problems[2], "4: a field ends with a single backslash (it is written \\\\)");
    assert!(rows[3].is_ok());
}

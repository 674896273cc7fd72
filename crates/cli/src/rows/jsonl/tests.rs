//! What becomes of fields, and what is refused.

use super::JsonRows;
use crate::rows::row::{Layout, Row, RowError};

fn rows(text: &[u8], key: &str, value: Option<&str>) -> Vec<Result<Row, RowError>> {
    let layout = Layout {
        key: key.into(),
        value: value.map(Into::into),
        columns: Vec::new(),
        delimiter: b',',
        hex: false,
    };
    JsonRows::new(text, &layout).collect()
}

fn value_of(line: &str, key: &str, value: Option<&str>) -> String {
    let row = rows(line.as_bytes(), key, value).remove(0).unwrap();
    String::from_utf8(row.value).unwrap()
}

#[test]
fn other_fields_keep_their_text_and_order() {
    let line = r#"{"z": 1.50, "id": 7, "a": {"x":  [1]}, "big": 123456789012345678901234567890}"#;
    assert_eq!(
        value_of(line, "id", None),
        r#"{"z":1.50,"a":{"x":  [1]},"big":123456789012345678901234567890}"#
    );
    assert_eq!(value_of(line, "id", Some("z")), "1.50");
    assert_eq!(rows(line.as_bytes(), "id", None)[0].as_ref().unwrap().key, b"7");
}

#[test]
fn strings_are_decoded() {
    assert_eq!(value_of(r#"{"key":"a","value":"l\u00e4\n\""}"#, "key", None), "lä\n\"");
    assert_eq!(value_of(r#"{"value":"v","key":"a"}"#, "key", None), "v");
}

#[test]
fn hexadecimal_fields_hold_any_bytes() {
    let rows = rows(br#"{"key_hex":"ff00","value_hex":"80"}"#, "key", None);
    let row = rows[0].as_ref().unwrap();
    assert_eq!((row.key.as_slice(), row.value.as_slice()), (b"\xff\x00".as_slice(), b"\x80".as_slice()));
}

#[test]
fn bad_lines_say_why() {
    let text = b"{\"key\":\"a\"\n[1]\n{\"key\":null}\n{\"k\":1}\n{\"key\":1,\"key\":2}\n{\"key_hex\":\"f\"}\n\n{\"key\":\"ok\"}";
    let problems: Vec<String> = rows(text, "key", None)
        .iter()
        .map(|row| match row {
            Err(RowError::Bad { line, problem }) => format!("{line}: {problem}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(problems[0], "1: EOF while parsing an object (column 10)");
    assert!(problems[1].starts_with("2: invalid type: sequence, expected an object"), "{}", problems[1]);
    assert_eq!(problems[2], "3: field \"key\" is neither a text nor a number");
    assert_eq!(problems[3], "4: there is no field \"key\"");
    assert!(problems[4].starts_with("5: two fields \"key\""), "{}", problems[4]);
    assert_eq!(problems[5], "6: field \"key_hex\": 1 hexadecimal digits are not whole bytes");
    assert!(problems[6].contains("line: 8"), "{}", problems[6]);
}

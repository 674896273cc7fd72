//! Which columns become what.

use super::Columns;
use crate::rows::row::Layout;

fn layout(key: &str, value: Option<&str>) -> Layout {
    Layout { key: key.into(), value: value.map(Into::into), columns: Vec::new(), delimiter: b',', hex: false }
}

fn names(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

#[test]
fn a_lone_value_column_is_the_value() {
    let columns = Columns::choose(names("value,key"), &layout("key", None)).unwrap();
    let row = columns.row(2, &["v", "k"]).unwrap();
    assert_eq!((row.key.as_slice(), row.value.as_slice()), (b"k".as_slice(), b"v".as_slice()));
}

#[test]
fn other_columns_become_an_object_in_their_order() {
    let columns = Columns::choose(names("b,id,a"), &layout("id", None)).unwrap();
    let row = columns.row(2, &["1", "k", "say \"hi\""]).unwrap();
    assert_eq!(row.value, br#"{"b":"1","a":"say \"hi\""}"#);
    let only_a_key = Columns::choose(names("id"), &layout("id", None)).unwrap();
    assert_eq!(only_a_key.row(2, &["k"]).unwrap().value, b"{}");
}

#[test]
fn a_chosen_column_may_be_any_bytes() {
    let columns = Columns::choose(names("id,a,b"), &layout("id", Some("b"))).unwrap();
    let row = columns.row(2, &[b"k".as_slice(), b"x", b"\xff\x00"]).unwrap();
    assert_eq!(row.value, b"\xff\x00");
}

#[test]
fn wrong_columns_are_named() {
    let missing = Columns::choose(names("a,b"), &layout("key", None)).unwrap_err();
    assert_eq!(missing, "there is no column \"key\"; the columns are a, b");
    let twice = Columns::choose(names("key,a,a"), &layout("key", None)).unwrap_err();
    assert_eq!(twice, "there are two columns \"a\"");
    let columns = Columns::choose(names("key,value"), &layout("key", None)).unwrap();
    assert_eq!(columns.row(2, &["k"]).unwrap_err(), "1 columns where 2 are expected");
}

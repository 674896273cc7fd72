//! What is typed is what is meant, and what is shown can be taken apart.

use super::{Notation, brief, parse_hex};

#[test]
fn lines_keep_text_readable_and_escape_the_rest() {
    let shown = Notation::Text.show("käse\t\\ \u{1F9C0}\n\u{7}\u{85}".as_bytes());
    assert_eq!(shown, "käse\\t\\\\ \u{1F9C0}\\n\\x07\\xc2\\x85");
    assert_eq!(Notation::Text.show(b"\xff\x00a"), "\\xff\\x00a");
}

#[test]
fn hexadecimal_goes_both_ways() {
    let every: Vec<u8> = (0..=255).collect();
    assert_eq!(parse_hex(Notation::Hex.show(&every).as_bytes()), Ok(every));
    assert_eq!(parse_hex(b"C3aF"), Ok(vec![0xc3, 0xaf]));
    assert_eq!(parse_hex(b""), Ok(Vec::new()));
    assert_eq!(parse_hex(b"abc"), Err("3 hexadecimal digits are not whole bytes".to_owned()));
    assert_eq!(parse_hex(b"zz"), Err("\"zz\" is not hexadecimal".to_owned()));
    assert!(parse_hex(b"+1").is_err());
}

#[test]
fn long_values_are_cut() {
    assert_eq!(brief(b"short", 5), "short");
    assert_eq!(brief(b"longer", 5), "long…");
    assert_eq!(brief("ä".repeat(100).as_bytes(), 3), "ää…");
}

//! Sizes as people write them.

use crate::proofs::arguments::parse_size;

#[test]
fn sizes_have_binary_units() {
    assert_eq!(parse_size("512MiB"), Ok(512 << 20));
    assert_eq!(parse_size("65536"), Ok(65536));
    assert!(parse_size("1TB").is_err());
    assert!(parse_size("99999999999GiB").is_err());
}

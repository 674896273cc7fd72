//! Catalog edits: what decodes encodes to something that decodes to the same.

#![no_main]

use esker_format::catalog::CatalogEdit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(edit) = CatalogEdit::decode(data) else { return };
    let mut out = Vec::new();
    edit.encode(&mut out);
    assert_eq!(CatalogEdit::decode(&out).unwrap(), edit);
});

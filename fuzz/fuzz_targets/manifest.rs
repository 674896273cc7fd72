//! Version edits and `CURRENT`: what decodes encodes to something that decodes to the same.

#![no_main]

use esker_format::current::{decode_current, encode_current};
use esker_format::manifest::VersionEdit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(number) = decode_current(data) {
        assert_eq!(encode_current(number).as_slice(), data);
    }
    let Ok(edit) = VersionEdit::decode(data) else { return };
    let mut out = Vec::new();
    edit.encode(&mut out);
    assert_eq!(VersionEdit::decode(&out).unwrap(), edit);
});

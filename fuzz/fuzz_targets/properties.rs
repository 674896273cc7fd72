//! Properties: what decodes encodes to something that decodes to the same.

#![no_main]

use esker_format::properties::Properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(properties) = Properties::decode(data) else { return };
    let mut out = Vec::new();
    properties.encode(&mut out);
    assert_eq!(Properties::decode(&out).unwrap(), properties);
});

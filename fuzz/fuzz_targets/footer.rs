//! Table footers: raw bytes, and bytes with a checksum made to fit.

#![no_main]

use esker_format::checksum::checksum64;
use esker_format::table::Footer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Footer::decode(data, data.len() as u64);
    let Some(covered) = data.last_chunk::<68>() else { return };
    let mut footer = covered.to_vec();
    footer.extend(1u32.to_le_bytes());
    footer.extend(*b"eskertab");
    let mut forged = checksum64(&footer).to_le_bytes().to_vec();
    forged.extend(&footer);
    if let Ok(decoded) = Footer::decode(&forged, 1 << 40) {
        assert_eq!(decoded.encode().to_vec(), forged);
    }
});

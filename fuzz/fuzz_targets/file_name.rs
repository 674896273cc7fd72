//! File names: a name is ours only if formatting gives it back.

#![no_main]

use esker_format::file_name::{FileName, keyspace_folder, parse_keyspace_folder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    if let Some(parsed) = FileName::parse(name) {
        assert_eq!(parsed.to_string(), name);
    }
    if let Some(id) = parse_keyspace_folder(name) {
        assert_eq!(keyspace_folder(id), name);
    }
});

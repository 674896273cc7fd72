//! Write batches: what decodes encodes to what was read.

#![no_main]

use esker_format::batch::{BatchBuilder, BatchReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&count, bytes)) = data.split_first() else { return };
    let reader = BatchReader::new(bytes, count.into());
    assert!(reader.clone().count() <= bytes.len() + 1);
    let Ok(operations) = reader.verify() else { return };
    let mut builder = BatchBuilder::new();
    for operation in operations {
        let operation = operation.unwrap();
        builder.add(operation.keyspace, operation.operation, operation.key, operation.value);
    }
    assert_eq!((builder.as_bytes(), builder.len()), (bytes, count.into()));
});

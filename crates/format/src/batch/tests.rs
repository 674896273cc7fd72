use super::*;
use crate::expiry::{EXPIRY_BYTES, split_expiring};
use crate::test_bytes::{damaged, example};

fn example_batch() -> BatchBuilder {
    let mut batch = BatchBuilder::new();
    batch.add(KeyspaceId(1), Operation::Put, b"k", b"v");
    batch.add(KeyspaceId(1), Operation::Delete, b"d", b"");
    batch.add(KeyspaceId(1), Operation::ExpiringPut, b"e", b"w\0\0\0\x01\0\0\0\0");
    batch
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../batch.rs"));
    assert_eq!(example_batch().as_bytes(), golden);
    let operations: Vec<_> = BatchReader::new(&golden, 3).collect::<Result<_, _>>().unwrap();
    assert_eq!(operations.len(), 3);
    assert_eq!(operations[1].key, b"d");
    assert_eq!(operations[1].operation.kind(), Some(Kind::Delete));
    assert_eq!(operations[2].operation.kind(), Some(Kind::ExpiringPut));
    assert_eq!(split_expiring(operations[2].value), (b"w".as_slice(), 1 << 24));
}

#[test]
fn random_batches_round_trip() {
    let mut random = fastrand::Rng::with_seed(51);
    for _ in 0..200 {
        let mut batch = BatchBuilder::new();
        let model: Vec<_> = (0..random.usize(..50))
            .map(|_| {
                let operation = loop {
                    if let Some(operation) = Operation::from_u8(random.u8(..9))
                        && !operation.stands_alone()
                    {
                        break operation;
                    }
                };
                let mut bytes =
                    |most: usize| (0..random.usize(..most)).map(|_| random.u8(..)).collect::<Vec<u8>>();
                let key = bytes(300);
                let mut value = if operation.has_value() { bytes(300) } else { Vec::new() };
                if operation == Operation::ExpiringPut {
                    value.extend([1; EXPIRY_BYTES]);
                }
                (KeyspaceId(random.u32(..) >> random.u32(..32)), operation, key, value)
            })
            .collect();
        for (keyspace, operation, key, value) in &model {
            batch.add(*keyspace, *operation, key, value);
        }
        let decoded: Vec<_> = batch
            .operations()
            .verify()
            .unwrap()
            .map(|operation| operation.unwrap())
            .map(|o| (o.keyspace, o.operation, o.key.to_vec(), o.value.to_vec()))
            .collect();
        assert_eq!(decoded, model);
    }
}

/// INV-FMT-7: a batch that is cut between two operations is not a shorter batch.
#[test]
fn another_number_of_operations_is_an_error() {
    let batch = example_batch();
    for count in [0, 1, 2, 4, u32::MAX] {
        assert!(BatchReader::new(batch.as_bytes(), count).verify().is_err(), "{count}");
    }
    let cut = &batch.as_bytes()[..6];
    assert!(BatchReader::new(cut, 2).verify().is_err());
    let mut reader = BatchReader::new(cut, 2);
    assert!(reader.next().unwrap().is_ok());
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none(), "after an error it ends");
}

#[test]
fn reserved_tags_are_typed_problems() {
    for tag in [4u8, 9, 0x10, 0x80, 0x88, 0xff] {
        let error = BatchReader::new(&[tag, 1, 1, b'k'], 1).verify().unwrap_err();
        assert!(error.is_unsupported(), "{tag}: {error}");
    }
}

/// INV-TTL-5.
#[test]
fn an_expiring_put_without_an_expiry_is_refused() {
    for len in 0..10 {
        let mut batch = BatchBuilder::new();
        batch.add(KeyspaceId(1), Operation::ExpiringPut, b"k", &vec![9; len]);
        assert_eq!(batch.operations().verify().is_ok(), len >= EXPIRY_BYTES, "{len}");
    }
}

#[test]
fn clears_and_ingestions_are_batches_by_themselves() {
    let (clear, ingested) = (clear_batch(KeyspaceId(5)), ingested_batch(KeyspaceId(5), 300));
    assert_eq!(clear, [6, 5, 0]);
    assert_eq!(ingested, [7, 5, 0, 2, 0xac, 0x02]);
    let one = |bytes: &[u8]| BatchReader::new(bytes, 1).next().unwrap().map(|o| (o.operation, o.keyspace));
    assert_eq!(one(&clear).unwrap(), (Operation::Clear, KeyspaceId(5)));
    assert_eq!(one(&ingested).unwrap(), (Operation::Ingested, KeyspaceId(5)));
    let operation = BatchReader::new(&ingested, 1).next().unwrap().unwrap();
    assert_eq!(operation.ingested_tables().unwrap(), 300);
    assert_eq!(operation.operation.kind(), None);
    for alone in [&clear, &ingested] {
        let two = |a: &[u8], b: &[u8]| BatchReader::new(&[a, b].concat(), 2).verify().map(|_| ());
        assert!(two(alone, example_batch().as_bytes().get(..6).unwrap()).is_err());
        assert!(two(example_batch().as_bytes().get(..6).unwrap(), alone).is_err());
        damaged(alone, |bytes| {
            for operation in BatchReader::new(bytes, 1).flatten() {
                let _ = operation.ingested_tables();
            }
        });
    }
    assert!(one(&[6, 5, 1, b'k']).is_err(), "the key is empty");
    let bad = [7, 5, 0, 2, 1, 1];
    assert!(BatchReader::new(&bad, 1).next().unwrap().unwrap().ingested_tables().is_err());
}

#[test]
fn a_clear_batch_is_empty() {
    let mut batch = example_batch();
    batch.clear();
    assert!(batch.is_empty());
    assert_eq!(batch, BatchBuilder::new());
}

/// INV-FMT-1.
#[test]
fn damage_is_survived() {
    damaged(example_batch().as_bytes(), |bytes| {
        for count in [0, 1, 2, u32::MAX] {
            assert!(BatchReader::new(bytes, count).count() <= bytes.len() + 1);
        }
    });
}

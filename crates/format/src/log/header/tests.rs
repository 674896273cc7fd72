use super::*;
use crate::test_bytes::{damaged, example};

fn example_header() -> LogHeader {
    let end = LogPosition { segment: SegmentId(3), offset: 1_000 };
    let predecessor = Some(Predecessor { end, next_seqno: 42 });
    LogHeader { kind: LogKind::Segment, number: 4, log: LogId(0x1122_3344_5566_7788), predecessor }
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../header.rs"));
    assert_eq!(example_header().encode().to_vec(), golden, "{:02x?}", &example_header().encode()[56..]);
    assert_eq!(LogHeader::decode(&golden).unwrap(), example_header());
}

#[test]
fn every_kind_round_trips() {
    for kind in [LogKind::Segment, LogKind::Manifest, LogKind::Catalog] {
        let header = LogHeader { kind, number: u64::MAX, log: LogId(0), predecessor: None };
        assert_eq!(LogHeader::decode(&header.encode()).unwrap(), header);
    }
}

/// INV-FMT-8: a header passes only as it was written.
#[test]
fn damage_is_noticed() {
    damaged(&example_header().encode(), |bytes| {
        if !bytes.starts_with(&example_header().encode()) {
            assert!(LogHeader::decode(bytes).is_err());
        }
    });
}

#[test]
fn zeros_and_later_versions_are_told_apart() {
    assert_eq!(LogHeader::decode(&[0; 64]).unwrap_err().problem, Problem::BadMagic { found: 0 });
    let mut later = example_header().encode();
    later[8] = 2;
    let problem = LogHeader::decode(&later).unwrap_err().problem;
    assert_eq!(problem, Problem::UnsupportedVersion { found: 2, supported: 1 });
}

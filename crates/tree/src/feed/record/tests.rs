use super::*;

fn record(what: What, seqno: SeqNo, ordinal: u64) -> Record<'static> {
    Record {
        what,
        rank: Rank { seqno, is_point: what != What::Range, ordinal: Reverse(ordinal) },
        key: b"key",
        value: b"v",
    }
}

#[test]
fn records_come_back_and_cut_ones_do_not() {
    for what in [What::Point(Kind::Put), What::Point(Kind::Merge), What::Range] {
        let mut bytes = Vec::new();
        record(what, 7, 3).encode(&mut bytes);
        assert_eq!(bytes.len(), RECORD_HEADER_BYTES + 4);
        assert_eq!(bytes[1..9], 7u64.to_le_bytes());
        bytes.extend_from_slice(b"next");
        assert_eq!(decode(&bytes).unwrap(), (record(what, 7, 3), bytes.len() - 4));
        for len in 0..bytes.len() - 4 {
            assert!(decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        bytes[0] = 99;
        assert!(decode(&bytes).is_err());
    }
}

#[test]
fn older_records_of_one_number_come_first() {
    let rank = |seqno, ordinal| record(What::Range, seqno, ordinal).rank;
    assert!(rank(1, 9) < rank(2, 0));
    assert!(rank(2, 9) < rank(2, 8));
}

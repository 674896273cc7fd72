use super::*;

#[test]
fn round_trip_at_every_boundary() {
    let mut values = vec![0, u64::MAX];
    for shift in 0..64 {
        let power = 1u64 << shift;
        values.extend([power - 1, power, power + 1]);
    }
    for value in values {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);
        assert_eq!(bytes.len(), varint_len(value), "{value}");
        assert_eq!(get_varint(&bytes), Some((value, bytes.len())));
        for end in 0..bytes.len() {
            assert_eq!(get_varint(&bytes[..end]), None);
        }
    }
}

#[test]
fn overlong_and_overflowing_forms_are_refused() {
    assert_eq!(get_varint(&[0x80, 0x00]), None);
    assert_eq!(get_varint(&[0xff; 11]), None);
    assert_eq!(get_varint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None);
    assert_eq!(get_varint(&[0xac, 0x02, 0x99]), Some((300, 2)));
}

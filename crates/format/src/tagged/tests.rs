use super::*;

#[test]
fn fields_round_trip_and_unknown_ones_follow_their_tag() {
    let mut out = Vec::new();
    put_u64(&mut out, 1, 300);
    put_bytes(&mut out, 2, b"bytes");
    put_optional_name(&mut out, 4, Some("name"));
    put_optional_name(&mut out, 6, None);
    put_optional_u64(&mut out, 8, None);
    let mut fields = Fields::new("test record", &out);
    let first = fields.next_field().unwrap().unwrap();
    assert_eq!((first.tag, first.u64().unwrap()), (1, 300));
    assert!(first.skip_unknown().unwrap_err().is_unsupported());
    let second = fields.next_field().unwrap().unwrap();
    assert_eq!((second.tag, second.bytes), (2, b"bytes".as_slice()));
    second.skip_unknown().unwrap();
    assert!(second.u64().is_err());
    assert_eq!(fields.next_field().unwrap().unwrap().name().unwrap(), "name");
    assert!(fields.next_field().unwrap().is_none());
}

#[test]
fn limits_are_checked() {
    let mut out = Vec::new();
    put_bytes(&mut out, 2, &[b'x'; MAX_NAME_BYTES + 1]);
    put_bytes(&mut out, 2, &[0xff]);
    put_u64(&mut out, 2, 1 << 32);
    let mut fields = Fields::new("test record", &out);
    assert!(fields.next_field().unwrap().unwrap().name().is_err());
    assert!(fields.next_field().unwrap().unwrap().name().is_err());
    assert!(fields.next_field().unwrap().unwrap().u32("number").is_err());
    // A length beyond the record.
    assert!(Fields::new("test record", &[2, 5, 0]).next_field().is_err());
}

#[test]
fn a_repeated_or_missing_field_is_an_error() {
    let field = Field { structure: "test record", tag: 2, at: 0, bytes: &[] };
    let mut place = None;
    set_once(&mut place, &field, 1).unwrap();
    assert!(set_once(&mut place, &field, 2).is_err());
    assert!(required::<u8>("test record", "thing", None).is_err());
    assert_eq!(required("test record", "thing", place), Ok(2));
}

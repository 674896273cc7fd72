use super::*;

/// INV-FMT-9: names parse to what they were formatted from, and only those do.
#[test]
fn names_round_trip() {
    for number in [0u32, 1, 123, 999_999, 1_000_000, u32::MAX] {
        let wide = u64::from(number) * 4_000_000_000;
        for kind in [
            FileKind::Table(TableId(wide)),
            FileKind::Blob(BlobFileId(wide)),
            FileKind::Manifest(ManifestId(wide)),
            FileKind::Current,
            FileKind::Lock,
            FileKind::Segment(SegmentId(number)),
            FileKind::SpareSegment(SegmentId(number)),
            FileKind::Catalog(CatalogId(wide)),
        ] {
            assert_eq!(FileName::parse(&kind.name()), Some(FileName::Finished(kind)));
            assert_eq!(FileName::parse(&kind.temporary_name()), Some(FileName::Temporary(kind)));
        }
        assert_eq!(parse_keyspace_folder(&keyspace_folder(KeyspaceId(number))), Some(KeyspaceId(number)));
    }
    assert_eq!(FileKind::Table(TableId(123)).to_string(), "000123.table");
}

#[test]
fn foreign_names_are_not_ours() {
    for name in [
        "",
        ".",
        "..",
        ".DS_Store",
        "000123",
        "123.table",
        "0000123.table",
        "000123.TABLE",
        "000123.table ",
        "+00123.table",
        "000123.table.tmp.tmp",
        "000123.tmp",
        "current",
        "CURRENT~",
        "LOCK.bak",
        "00012x.log",
        "99999999999.log",
        "99999999999999999999999.table",
        "٠٠٠١٢٣.table",
        "000123.log.1",
        ".tmp",
        "lost+found",
        "Thumbs.db",
    ] {
        assert_eq!(FileName::parse(name), None, "{name:?}");
    }
    assert_eq!(parse_keyspace_folder("5"), None);
    assert_eq!(parse_keyspace_folder("99999999999"), None);
    assert_eq!(FileName::parse_os(OsStr::new("LOCK")), Some(FileName::Finished(FileKind::Lock)));
}

use super::*;

/// The published test vectors of xxh3-64 (seed 0): a change of hash would make every file unreadable.
#[test]
fn hash_is_the_published_one() {
    assert_eq!(checksum64(b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(key_hash(b"a"), 0xe6c6_32b6_1e96_4e1f);
    assert_eq!(key_hash(b"abc"), 0x78af_5f94_892f_3950);
}

#[test]
fn in_pieces_it_is_the_same() {
    let bytes: Vec<u8> = (0..2000u32).map(|i| i.to_le_bytes()[0] ^ 0x5a).collect();
    for piece in [1, 8, 88, 255, 256, 1000] {
        let mut running = RunningChecksum::default();
        bytes.chunks(piece).for_each(|piece| running.update(piece));
        assert_eq!(running.digest(), checksum64(&bytes), "pieces of {piece}");
    }
}

use super::*;

const CODECS: [Codec; 5] = [Codec::None, Codec::Lz4, Codec::Snappy, Codec::Zstd, Codec::ZstdDictionary];

#[test]
fn ids_round_trip() {
    for codec in CODECS {
        assert_eq!(Codec::from_u8(codec.id()), Some(codec));
    }
    assert_eq!(Codec::from_u8(5), None);
}

#[test]
fn codecs_that_are_not_compiled_in_are_a_typed_problem() {
    for codec in CODECS.into_iter().filter(|codec| !codec.is_available()) {
        let error = codec.decompress(b"anything", 8).unwrap_err();
        assert_eq!(error.problem, Problem::CodecNotCompiledIn { codec: codec.name() });
        assert!(error.is_unsupported());
        assert!(!codec.compress(&[0; 100], &mut Vec::new()));
    }
}

#[cfg(feature = "lz4")]
#[test]
fn lz4_round_trips_and_declines_what_does_not_pay() {
    let mut random = fastrand::Rng::with_seed(1);
    for len in [0usize, 1, 7, 8, 100, 8192, 100_000] {
        let payload: Vec<u8> = (0..len).map(|i| (i / 50).to_le_bytes()[0]).collect();
        let mut out = b"before".to_vec();
        if Codec::Lz4.compress(&payload, &mut out) {
            assert!(out.len() - 6 < len);
            assert_eq!(Codec::Lz4.decompress(&out[6..], len as u64).unwrap(), payload);
            assert!(Codec::Lz4.decompress(&out[6..], len as u64 + 1).is_err());
            assert!(Codec::Lz4.decompress(&out[6..], len as u64 - 1).is_err());
        } else {
            assert!(len < 100);
        }
        assert_eq!(&out[..6], b"before");
        let noise: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
        let mut out = Vec::new();
        assert!(!Codec::Lz4.compress(&noise, &mut out));
        assert!(out.is_empty());
    }
}

/// INV-FMT-1: a length far beyond what the bytes can stand for takes no memory.
#[cfg(feature = "lz4")]
#[test]
fn hostile_length_is_refused_before_allocation() {
    let error = Codec::Lz4.decompress(&[0x1f, 0, 1, 0], u64::MAX).unwrap_err();
    assert!(matches!(error.problem, Problem::LimitExceeded { .. }));
}

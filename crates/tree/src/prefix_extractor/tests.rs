use super::*;

/// A boundary is listed by every key that begins with it, for all keys over a small alphabet.
#[test]
fn ready_made_extractors_list_their_boundaries() {
    let keys: Vec<Vec<u8>> = (0..6u32)
        .flat_map(|len| (0..3usize.pow(len)).map(move |n| (len, n)))
        .map(|(len, n)| (0..len).map(|at| b"/ab"[n / 3usize.pow(at) % 3]).collect())
        .collect();
    let extractors: [SharedPrefixExtractor; 4] = [
        Arc::new(FixedPrefix::new(0)),
        Arc::new(FixedPrefix::new(3)),
        Arc::new(DelimitedPrefix::new(b'/', 1)),
        Arc::new(DelimitedPrefix::new(b'/', 2)),
    ];
    for extractor in extractors {
        let mut boundaries = 0;
        for key in &keys {
            let listed: Vec<_> = extractor.prefixes(key).collect();
            for len in 0..=key.len() {
                let is_boundary = extractor.is_valid_scan_boundary(&key[..len]);
                assert_eq!(is_boundary, listed.contains(&&key[..len]), "{extractor:?}: {len} of {key:?}");
                boundaries += u32::from(is_boundary);
            }
        }
        assert!(boundaries > 0, "{extractor:?} has boundaries");
    }
}

#[test]
fn a_scan_is_looked_for_by_its_longest_boundary() {
    let extractor = DelimitedPrefix::new(b'/', 2);
    assert_eq!(boundary_of(&extractor, b"a/b/"), Some(b"a/b/".as_slice()));
    assert_eq!(boundary_of(&extractor, b"a/b/c/d"), Some(b"a/b/".as_slice()));
    assert_eq!(boundary_of(&extractor, b"a/b"), Some(b"a/".as_slice()));
    assert_eq!(boundary_of(&extractor, b"a"), None);
    assert_eq!(boundary_of(&extractor, b""), None);
    assert_eq!(boundary_of(&FixedPrefix::new(0), b"a"), None, "the empty prefix says nothing");
    let long = [b'a'; MAX_PREFIX_BYTES + 1];
    assert_eq!(boundary_of(&FixedPrefix::new(MAX_PREFIX_BYTES), &long), long.get(..MAX_PREFIX_BYTES));
    assert_eq!(boundary_of(&FixedPrefix::new(MAX_PREFIX_BYTES + 1), &long), None);
}

#[test]
fn ready_made_extractors_are_known_by_their_names() {
    for name in ["esker.fixed(0)", "esker.fixed(4)", "esker.delimited(47,2)"] {
        assert_eq!(ready_made_extractor(name).unwrap().name(), name);
    }
    for name in [
        "",
        "esker.",
        "esker.fixed",
        "esker.fixed()",
        "esker.fixed(+4)",
        "esker.fixed(4))",
        "esker.fixed(-1)",
        "esker.delimited(47)",
        "esker.delimited(256,1)",
        "esker.delimited(47,0)",
        "esker.other(1)",
        "fixed(4)",
    ] {
        assert!(ready_made_extractor(name).is_none(), "{name:?}");
    }
}

#[test]
fn extractors_are_named_by_what_they_do() {
    let names = [FixedPrefix::new(4).name().to_owned(), DelimitedPrefix::new(b'/', 2).name().to_owned()];
    assert_eq!(names, ["esker.fixed(4)", "esker.delimited(47,2)"]);
    assert_ne!(DelimitedPrefix::new(b'/', 1).name(), DelimitedPrefix::new(b':', 1).name());
}

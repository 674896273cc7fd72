//! What is written comes back as the same bytes, in every format.

use crate::args::Format;
use crate::rows::row::{Layout, Row};
use crate::rows::{reader, writer};

fn awkward_pairs() -> Vec<(Vec<u8>, Vec<u8>)> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 14] = [
        b"",
        b"plain",
        b"a,b",
        b"tab\there",
        b"line\nbreak",
        b"cr\rlf\r\n",
        b"\"quoted\"",
        b"\\n",
        b"\\",
        b"ends with \r",
        "ä\u{1F980}\u{2028}".as_bytes(),
        b"\xff\xfe",
        b"\0",
        b"{\"hex\":\"ff\"}",
    ];
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> =
        texts.iter().flat_map(|key| texts.iter().map(|value| (key.to_vec(), value.to_vec()))).collect();
    pairs.push((every_byte.clone(), every_byte));
    pairs
}

#[test]
fn bytes_survive_every_format() {
    for format in [Format::Csv, Format::Tsv, Format::Jsonl] {
        for hex in [false, true] {
            let pairs = awkward_pairs();
            let mut file = Vec::new();
            let mut rows = writer(format, &mut file, hex).unwrap();
            for (key, value) in &pairs {
                rows.write(key, value).unwrap();
            }
            rows.finish().unwrap();
            drop(rows);

            let layout = Layout { key: "key".into(), value: None, columns: Vec::new(), delimiter: b',', hex };
            let back: Vec<Row> =
                reader(format, file.as_slice(), &layout).unwrap().map(Result::unwrap).collect();
            let back: Vec<_> = back.into_iter().map(|row| (row.key, row.value)).collect();
            assert_eq!(back, pairs, "{format:?}, hex: {hex}");
        }
    }
}

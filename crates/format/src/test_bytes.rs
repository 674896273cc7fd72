//! What the tests of all structures share: annotated hex, and the damage that every decoder must survive.

/// The bytes of an annotated dump: two-digit hex words at the beginning of each line, and then prose.
pub(crate) fn hex(dump: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in dump.lines() {
        for word in line.split_whitespace() {
            match u8::from_str_radix(word, 16) {
                Ok(byte) if word.len() == 2 => bytes.push(byte),
                _ => break,
            }
        }
    }
    bytes
}

/// The example in a module's text: the block between the `text` fences after `"Example"`.
pub(crate) fn example(source: &str) -> Vec<u8> {
    let text: String =
        source.lines().filter_map(|line| line.strip_prefix("//!")).collect::<Vec<_>>().join("\n");
    let (_, after) = text.split_once("Example").expect("the module's text has an example");
    let (_, dump) = after.split_once("```text\n").expect("it is fenced");
    hex(dump.split_once("```").expect("the fence ends").0)
}

/// Damaged forms of `sample`: every bit flipped, every truncation, appended bytes, and random changes and strings by seed.
pub(crate) fn damaged(sample: &[u8], mut check: impl FnMut(&[u8])) {
    let mut bytes = sample.to_vec();
    for index in 0..sample.len() {
        for bit in 0..8 {
            bytes[index] ^= 1 << bit;
            check(&bytes);
            bytes[index] ^= 1 << bit;
        }
        check(&sample[..index]);
    }
    let mut random = fastrand::Rng::with_seed(0x65_736b_6572);
    for round in 0..2_000 {
        let mut bytes = sample.to_vec();
        for _ in 0..random.usize(1..8) {
            match random.u8(..4) {
                0 if !bytes.is_empty() => bytes.truncate(random.usize(..bytes.len())),
                1 => bytes.extend((0..random.usize(1..20)).map(|_| random.u8(..))),
                _ if !bytes.is_empty() => {
                    let at = random.usize(..bytes.len());
                    bytes[at] =
                        *random.choice(&[0, 1, 0x7f, 0x80, 0xff, random.clone().u8(..)]).expect("not empty");
                }
                _ => {}
            }
        }
        if bytes != sample {
            check(&bytes);
        }
        let noise: Vec<u8> = (0..round % 100).map(|_| random.u8(..)).collect();
        if noise != sample {
            check(&noise);
        }
    }
}

use super::*;

#[test]
fn every_width_round_trips() {
    let mut random = fastrand::Rng::with_seed(7);
    for bits in 0..=64u32 {
        let greatest = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
        let base = random.u64(..=u64::MAX - greatest);
        let mut values: Vec<u64> = (0..20).map(|_| base + random.u64(..=greatest)).collect();
        values.extend([base, base + greatest]);
        let shape = ColumnShape::new(base, base + greatest);
        assert_eq!(usize::from(shape.width), (bits as usize).div_ceil(8));
        let mut out = Vec::new();
        for &value in &values {
            shape.push(&mut out, value);
        }
        assert_eq!(out.len(), shape.len(values.len()));
        let mut filled = vec![0; out.len()];
        shape.fill(&mut filled, values.iter().copied());
        assert_eq!(filled, out);
        for (index, &value) in values.iter().enumerate() {
            assert_eq!(shape.get(&out, index), value);
        }
        assert_eq!(shape.get(&out, 1000), base, "out of bounds is the base and no panic");
    }
}

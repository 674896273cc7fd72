//! Settings that differ by level.
//!
//! A [`LevelPolicy`] gives a value for each level; the last one repeats for all deeper levels.

/// A setting with a value for each level; the last value repeats.
///
/// ```
/// use esker_tree::LevelPolicy;
///
/// let bits = LevelPolicy::new([14, 12, 10]);
/// assert_eq!((*bits.get(0), *bits.get(2), *bits.get(6)), (14, 10, 10));
/// assert_eq!(*LevelPolicy::all(4096).get(3), 4096);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelPolicy<T> {
    first: Vec<T>,
    last: T,
}

impl<T> LevelPolicy<T> {
    /// The same value for all levels.
    pub const fn all(value: T) -> Self {
        Self { first: Vec::new(), last: value }
    }

    /// One value a level, from level 0 down; the last one repeats.
    pub fn new<const N: usize>(values: [T; N]) -> Self {
        const { assert!(N > 0, "a policy needs at least one value") };
        let mut first = Vec::from(values);
        match first.pop() {
            Some(last) => Self { first, last },
            None => unreachable!("the array is not empty"),
        }
    }

    /// The value for `level`.
    pub fn get(&self, level: usize) -> &T {
        self.first.get(level).unwrap_or(&self.last)
    }
}

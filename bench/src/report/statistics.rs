//! Medians over repetitions.

use crate::row::Row;

/// Rows with medians: what the tables and plots are made of.
pub struct Medians<'a> {
    rows: &'a [Row],
    engines: Vec<&'a str>,
}

impl<'a> Medians<'a> {
    /// Of these rows.
    pub fn new(rows: &'a [Row]) -> Medians<'a> {
        let mut engines: Vec<&str> = Vec::new();
        for row in rows {
            if !engines.contains(&row.engine.as_str()) {
                engines.push(&row.engine);
            }
        }
        let rank =
            |name: &str| crate::engines::KNOWN.iter().position(|known| *known == name).unwrap_or(usize::MAX);
        engines.sort_by_key(|name| rank(name));
        Medians { rows, engines }
    }

    /// The engines that have rows, ours first.
    pub fn engines(&self) -> &[&'a str] {
        &self.engines
    }

    /// The median of an engine in one row; `None` where it has none.
    pub fn of(&self, engine: &str, workload: &str, row: &str) -> Option<f64> {
        let here = |measured: &&Row| {
            measured.engine == engine && measured.workload == workload && measured.row == row
        };
        median(self.rows.iter().filter(here).map(|measured| measured.value).collect())
    }

    /// The same at one number of keys.
    pub fn at(&self, engine: &str, workload: &str, row: &str, keys: u64) -> Option<f64> {
        let here = |measured: &&Row| {
            measured.engine == engine
                && measured.workload == workload
                && measured.row == row
                && measured.keys == keys
        };
        median(self.rows.iter().filter(here).map(|measured| measured.value).collect())
    }

    /// The numbers of keys of a workload, ascending.
    pub fn keys_of(&self, workload: &str) -> Vec<u64> {
        let mut keys: Vec<u64> =
            self.rows.iter().filter(|row| row.workload == workload).map(|row| row.keys).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// How many repetitions there are.
    pub fn repetitions(&self) -> u32 {
        self.rows.iter().map(|row| row.repetition + 1).max().unwrap_or(0)
    }
}

/// The middle one, or the mean of the two middle ones.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Medians, median};
    use crate::row::Row;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn medians_keep_engines_rows_and_sizes_apart() {
        let row = |engine: &str, row: &str, keys, value| Row {
            engine: engine.into(),
            workload: "read".into(),
            row: row.into(),
            repetition: 0,
            keys,
            value,
        };
        let rows = [
            row("redb", "a", 10, 1.0),
            row("esker", "a", 10, 2.0),
            row("esker", "a", 10, 4.0),
            row("esker", "b", 20, 7.0),
        ];
        let medians = Medians::new(&rows);
        assert_eq!(medians.engines(), ["esker", "redb"]);
        assert_eq!(medians.of("esker", "read", "a"), Some(3.0));
        assert_eq!(medians.of("redb", "read", "b"), None);
        assert_eq!(medians.at("esker", "read", "b", 10), None);
        assert_eq!(medians.at("esker", "read", "b", 20), Some(7.0));
        assert_eq!(medians.keys_of("read"), [10, 20]);
    }
}

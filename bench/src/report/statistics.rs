//! Medians over repetitions.

use std::collections::BTreeMap;

use crate::results::{Promise, Results};
use crate::row::{Absence, EVERY_ROW, Reading, Row};

/// Rows with medians: what the tables and plots are made of.
pub struct Medians<'a> {
    rows: &'a [Row],
    engines: Vec<&'a str>,
    promises: Vec<Promise>,
}

impl<'a> Medians<'a> {
    /// Of these results.
    pub fn new(results: &'a Results) -> Medians<'a> {
        let rows = &results.rows;
        let mut engines: Vec<&str> = Vec::new();
        for row in rows {
            if !engines.contains(&row.engine.as_str()) {
                engines.push(&row.engine);
            }
        }
        let rank =
            |name: &str| crate::engines::KNOWN.iter().position(|known| *known == name).unwrap_or(usize::MAX);
        engines.sort_by_key(|name| rank(name));
        let promises = engines.iter().filter_map(|engine| results.promise(engine)).collect();
        Medians { rows, engines, promises }
    }

    /// The engines that have rows, ours first.
    pub fn engines(&self) -> &[&'a str] {
        &self.engines
    }

    /// What an engine promises, as far as that is known.
    pub fn promise(&self, engine: &str) -> Option<&Promise> {
        self.promises.iter().find(|promise| promise.engine == engine)
    }

    /// The median of an engine in one row; `None` where it has none.
    pub fn of(&self, engine: &str, workload: &str, row: &str) -> Option<f64> {
        median(self.of_whole(engine, workload, row).filter_map(|row| row.reading.figure()).collect())
    }

    /// The same at one number of keys, all of which were put in.
    pub fn at(&self, engine: &str, workload: &str, row: &str, keys: u64) -> Option<f64> {
        let here = self.of_whole(engine, workload, row).filter(|row| row.keys == keys);
        median(here.filter_map(|row| row.reading.whole()).collect())
    }

    /// Whether time was up before that many keys were put in.
    pub fn cut_at(&self, engine: &str, workload: &str, row: &str, keys: u64) -> bool {
        let mut here = self.of_whole(engine, workload, row).filter(|row| row.keys == keys);
        here.any(|row| matches!(row.reading, Reading::Cut(_)))
    }

    /// The median in each second of a sustained load.
    pub fn seconds(&self, engine: &str, workload: &str, row: &str) -> Vec<(u64, f64)> {
        let mut each: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for measured in self.rows.iter().filter(|measured| is(measured, engine, workload, row)) {
            if let (Some(second), Some(figure)) = (measured.second, measured.reading.figure()) {
                each.entry(second).or_default().push(figure);
            }
        }
        each.into_iter().filter_map(|(second, figures)| Some((second, median(figures)?))).collect()
    }

    /// Whether time was up before an engine had done all of a row.
    pub fn is_cut(&self, engine: &str, workload: &str, row: &str) -> bool {
        self.of_whole(engine, workload, row).any(|measured| matches!(measured.reading, Reading::Cut(_)))
    }

    /// Why an engine has no figures in a workload.
    pub fn absence(&self, engine: &str, workload: &str) -> Option<Absence> {
        self.of_whole(engine, workload, EVERY_ROW).find_map(|measured| match measured.reading {
            Reading::Absent(absence) => Some(absence),
            Reading::Value(_) | Reading::Cut(_) => None,
        })
    }

    /// Rows of a whole stretch, not of one second of it.
    fn of_whole(&self, engine: &str, workload: &str, row: &str) -> impl Iterator<Item = &'a Row> {
        let rows = self.rows.iter();
        rows.filter(move |measured| measured.second.is_none() && is(measured, engine, workload, row))
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

fn is(measured: &Row, engine: &str, workload: &str, row: &str) -> bool {
    measured.row == row && measured.engine == engine && measured.workload == workload
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
    use crate::results::Results;
    use crate::row::{Absence, EVERY_ROW, Reading, Row};

    fn results(rows: &[Row]) -> Results {
        Results { run: None, rows: rows.to_vec() }
    }

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
            second: None,
            reading: Reading::Value(value),
        };
        let rows = [
            row("redb", "a", 10, 1.0),
            row("esker", "a", 10, 2.0),
            row("esker", "a", 10, 4.0),
            row("esker", "b", 20, 7.0),
        ];
        let results = results(&rows);
        let medians = Medians::new(&results);
        assert_eq!(medians.engines(), ["esker", "redb"]);
        assert_eq!(medians.of("esker", "read", "a"), Some(3.0));
        assert_eq!(medians.of("redb", "read", "b"), None);
        assert_eq!(medians.at("esker", "read", "b", 10), None);
        assert_eq!(medians.at("esker", "read", "b", 20), Some(7.0));
        assert_eq!(medians.keys_of("read"), [10, 20]);
    }

    #[test]
    fn seconds_cuts_and_absences_are_told_apart_from_figures() {
        let row = |row: &str, second, reading| Row {
            engine: "redb".into(),
            workload: "sustained".into(),
            row: row.into(),
            repetition: 0,
            keys: 10,
            second,
            reading,
        };
        let rows = [
            row("put p99", None, Reading::Cut(4.0)),
            row("put p99", Some(3), Reading::Value(9.0)),
            row("put p99", Some(0), Reading::Value(5.0)),
            row("put p99", Some(3), Reading::Value(7.0)),
        ];
        let results = results(&rows);
        let medians = Medians::new(&results);
        assert_eq!(medians.of("redb", "sustained", "put p99"), Some(4.0), "seconds do not count");
        assert!(medians.is_cut("redb", "sustained", "put p99"));
        assert_eq!(medians.seconds("redb", "sustained", "put p99"), [(0, 5.0), (3, 8.0)]);
        assert_eq!(medians.absence("redb", "sustained"), None);
        let rows = [row(EVERY_ROW, None, Reading::Absent(Absence::Unsupported))];
        assert_eq!(
            Medians::new(&Results { run: None, rows: rows.to_vec() }).absence("redb", "sustained"),
            Some(Absence::Unsupported)
        );
    }
}

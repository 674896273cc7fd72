//! The lines of a result file, whose form older files share.

use crate::row::{Absence, Reading, Row};

fn row(reading: Reading, second: Option<u64>) -> Row {
    Row {
        engine: "esker".into(),
        workload: "read".into(),
        row: "readrandom".into(),
        repetition: 2,
        keys: 1_000,
        second,
        reading,
    }
}

#[test]
fn a_line_says_what_kind_of_figure_it_has() {
    let line = |row: &Row| serde_json::to_string(row).expect("rows are plain");
    let start = r#"{"engine":"esker","workload":"read","row":"readrandom","repetition":2,"keys":1000,"#;
    assert_eq!(line(&row(Reading::Value(1.5), None)), start.to_owned() + r#""value":1.5}"#);
    assert_eq!(line(&row(Reading::Cut(1.5), Some(7))), start.to_owned() + r#""second":7,"cut":1.5}"#);
    let absent = row(Reading::Absent(Absence::Unsupported), None);
    assert_eq!(line(&absent), start.to_owned() + r#""absent":"unsupported"}"#);
}

#[test]
fn what_is_written_is_read_again() {
    for reading in [
        Reading::Value(2.0),
        Reading::Cut(3.25),
        Reading::Absent(Absence::Failed),
        Reading::Absent(Absence::Unsupported),
    ] {
        for second in [None, Some(3)] {
            let row = row(reading, second);
            let line = serde_json::to_string(&row).expect("rows are plain");
            assert_eq!(serde_json::from_str::<Row>(&line).expect("it was written so"), row);
        }
    }
}

//! `import` and `export`.

use crate::harness::{Place, Run, args, esker, esker_reading, on};

fn import(place: &Place, name: &str, content: impl AsRef<[u8]>, options: &[&str]) -> Run {
    let file = place.file(name, content);
    esker(args(&["import"]).then(place.db()).then(file).and(options))
}

#[test]
fn rows_of_a_csv_file_become_objects_under_their_key() {
    let place = Place::new();
    let said =
        import(&place, "people.csv", "id,name,age\n7,Ada,36\n9,\"Grace, B.\",45\n", &["--key", "id"]).done();
    assert!(said.starts_with("2 rows (") && said.contains(" imported in "), "{said}");
    assert_eq!(on(&place, "get", &["9"]).done(), "{\"name\":\"Grace, B.\",\"age\":\"45\"}\n");

    import(&place, "people.csv", "id,name,age\n7,Ada,36\n", &["--key", "id", "--value", "name"]).done();
    assert_eq!(on(&place, "get", &["7"]).done(), "Ada\n");
}

#[test]
fn files_without_header_and_with_another_separator() {
    let place = Place::new();
    let options =
        ["--format", "csv", "--delimiter", ";", "--columns", "code,name", "--key", "code", "--value", "name"];
    import(&place, "data.txt", "0041;A\n0042;B\n", &options).done();
    assert_eq!(on(&place, "scan", &[]).done(), "0041\tA\n0042\tB\n");
}

#[test]
fn json_lines_keep_their_text() {
    let place = Place::new();
    let lines = "{\"id\": 3, \"price\": 1.50, \"tags\": [\"a\"]}\n\n{\"tags\":[],\"id\":\"x\",\"price\":2}\n";
    import(&place, "a.jsonl", lines, &["--key", "id"]).done();
    assert_eq!(on(&place, "get", &["3"]).done(), "{\"price\":1.50,\"tags\":[\"a\"]}\n");
    assert_eq!(on(&place, "get", &["x"]).done(), "{\"tags\":[],\"price\":2}\n");
}

/// Export, import elsewhere, export again: the same bytes, whatever they are.
#[test]
fn every_format_survives_a_round_trip() {
    let place = Place::new();
    let pairs = [("", "00"), ("00", ""), ("ff", "22"), ("0a0d", "5c6e"), ("61", "e282ac"), ("09", "2c0922")];
    for (key, value) in pairs {
        on(&place, "put", &["--hex", key, value]).done();
    }
    let wanted = on(&place, "scan", &["--hex"]).done();
    for format in ["csv", "tsv", "jsonl"] {
        for hex in [&["--format", format][..], &["--format", format, "--hex"]] {
            let first = on(&place, "export", &[&["-"], hex].concat());
            assert_eq!(first.code, Some(0), "{}", first.stderr);
            let copy = Place::new();
            esker_reading(args(&["import"]).then(copy.db()).and(&["-"]).and(hex), &first.stdout).done();
            assert_eq!(on(&copy, "scan", &["--hex"]).done(), wanted, "{hex:?}");
            assert_eq!(on(&copy, "export", &[&["-"], hex].concat()).stdout, first.stdout, "{hex:?}");
        }
    }
}

#[test]
fn an_export_to_a_file_replaces_it_as_a_whole() {
    let place = Place::with(&[("a", "1"), ("b", "2")]);
    let file = place.file("out.csv", "old");
    assert_eq!(esker(args(&["export"]).then(place.db()).then(&file).and(&["--prefix", "b"])).done(), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "key,value\nb,2\n");
    let beside = std::fs::read_dir(place.path()).unwrap().count();
    assert_eq!(beside, 3, "the database, the rows it came from, the export, and no temporary file");
}

#[test]
fn a_bad_row_ends_the_import_before_its_batch() {
    let place = Place::new();
    let rows = "key\tvalue\na\t1\nb\t2\nc\t3\nbroken\nd\t4\n";
    let line = import(&place, "rows.tsv", rows, &["--batch", "2"]).refused(5);
    let file = place.path().join("rows.tsv");
    assert_eq!(line, format!("{}, line 5: 1 columns where 2 are expected; 2 rows are in", file.display()));
    assert_eq!(on(&place, "scan", &["--keys-only"]).done(), "a\nb\n");
}

#[test]
fn bad_rows_can_be_left_out_and_are_counted() {
    let place = Place::new();
    let key = "k".repeat(65_536);
    let rows = format!("key\tvalue\na\t1\nbroken\nb\t2\n{key}\tv\n");
    let run = import(&place, "rows.tsv", rows, &["--skip-bad"]);
    assert_eq!(run.code, Some(0));
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(said.starts_with("2 rows ") && said.contains(", 2 bad rows left out"), "{said}");
    assert!(run.stderr.contains("line 3: 1 columns where 2 are expected; left out"), "{}", run.stderr);
    assert!(
        run.stderr.contains("line 5: a key of 65536 bytes is over the limit of 65,535; left out"),
        "{}",
        run.stderr
    );
    assert_eq!(on(&place, "scan", &[]).done(), "a\t1\nb\t2\n");
}

#[test]
fn what_is_wrong_with_the_file_as_a_whole_creates_no_database() {
    let place = Place::new();
    let line = import(&place, "a.csv", "id,name\n1,x\n", &[]).refused(5);
    assert!(line.ends_with("a.csv: there is no column \"key\"; the columns are id, name"), "{line}");
    let line = import(&place, "a.csv", "", &[]).refused(5);
    assert!(line.ends_with("the file is empty: there is no header line"), "{line}");
    let line = import(&place, "a.dat", "x", &[]).refused(2);
    assert!(line.ends_with("is not clear from its name: add --format csv, tsv or jsonl"), "{line}");
    let line = esker(args(&["import"]).then(place.db()).then(place.path().join("no.csv"))).refused(3);
    assert!(line.starts_with("cannot read ") && line.ends_with("No such file or directory"), "{line}");
    assert!(!place.db().exists());
}

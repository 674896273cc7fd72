//! `esker tour`, from end to end.

use crate::harness::{Place, args, esker, on};

/// The tour checks its own claims and ends with exit code 1 if one does not hold; this shows that it comes to its end, in a pipe.
#[test]
fn the_tour_goes_from_import_to_rates_and_keeps_what_it_is_asked_to() {
    let place = Place::new();
    let said = esker(args(&["tour", "--dir"]).then(place.db())).done();
    for chapter in ["1. Import", "Kill the writer", "The shape of that tree", "Rates"] {
        assert!(said.contains(chapter), "no chapter {chapter:?} in:\n{said}");
    }
    assert!(said.contains("34,924 records"));
    assert!(!said.contains('\u{1b}'));
    let place_name = place.path().display().to_string();
    let too_long = said.lines().find(|line| line.chars().count() > 100 && !line.contains(&place_name));
    assert_eq!(too_long, None);
    let unicode = place.db().join("unicode.db");
    assert_eq!(esker(args(&["count"]).then(unicode)).done(), "34844\n");
}

#[test]
fn the_tour_does_not_touch_a_directory_with_something_in_it() {
    let place = Place::with(&[("a", "1")]);
    let line = esker(args(&["tour", "--dir"]).then(place.path())).refused(2);
    assert!(line.contains("is not empty"), "{line}");
    assert_eq!(on(&place, "count", &[]).done(), "1\n");
}

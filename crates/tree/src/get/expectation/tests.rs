//! What is expected after which lookups.

use super::Expectation;

fn after(lookups: impl IntoIterator<Item = bool>) -> bool {
    // Each test has a thread, and so an expectation, of its own.
    lookups.into_iter().for_each(|present| Expectation::of_thread().note(present));
    Expectation::of_thread().is_present()
}

#[test]
fn keys_are_expected_once_twelve_were_there_and_not_after_two_that_were_not() {
    assert!(!after([]));
    assert!(!after([true; 11]));
    assert!(after([true; 1]));
    assert!(after([true; 100]));
    assert!(after([false; 1]), "one absent key among many does not change it");
    assert!(!after([false; 1]));
    assert!(!after([false; 100]));
    assert!(!after([true; 11]) && after([true; 1]), "nor do many absent keys count for more than some");
}

#[test]
fn keys_are_expected_while_more_than_four_in_five_are_there() {
    let lookups = |period: usize| (0..1000).map(move |i| i % period != period - 1);
    assert!(after(lookups(8)));
    assert!(!after(lookups(4)));
}

//! The bar of memory is where it is said to be.

use crate::proofs::load::within_budget;

#[test]
fn fifteen_percent_over_the_budget_passes_and_no_more() {
    assert!(within_budget(1150, 1000).is_ok());
    assert!(within_budget(1151, 1000).is_err());
}

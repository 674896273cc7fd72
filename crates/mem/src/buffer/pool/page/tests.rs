use super::*;

#[test]
fn a_page_finds_the_first_run_that_is_long_enough() {
    let mut page = Page::EMPTY;
    assert_eq!((page.take(63), page.take(3), page.take(UNITS - 66)), (Some(0), Some(63), Some(66)));
    assert_eq!(page.take(1), None);
    page.mark(10, 5, false);
    page.mark(62, 4, false);
    (page.free, page.no_run_of) = (9, UNITS + 1);
    assert_eq!((page.take(6), page.no_run_of), (None, 6));
    assert_eq!((page.take(4), page.take(5), page.take(1)), (Some(10), None, Some(14)));
    assert_eq!(page.take(4), Some(62));
    assert_eq!(page.free, 0);
}

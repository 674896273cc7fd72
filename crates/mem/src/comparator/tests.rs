use super::{ByteOrder, KeyOrder, UserComparator};
use std::cmp::Ordering;
use std::sync::Arc;

struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "reversed"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

struct CaseInsensitive;

impl UserComparator for CaseInsensitive {
    fn name(&self) -> &str {
        "case insensitive"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

#[test]
fn byte_order_takes_the_fast_path() {
    let order = KeyOrder::new(Arc::new(ByteOrder));
    assert!(order.is_bytes() && order.identity());
    assert_eq!(order.name(), ByteOrder.name());
    assert_eq!(order.compare(b"a", b"ab"), Ordering::Less);
    assert!(!order.same_key(b"a", b"a\0"));
}

#[test]
fn custom_orders_are_asked() {
    let order = KeyOrder::new(Arc::new(Reversed));
    assert!(!order.is_bytes() && order.identity());
    assert_eq!(order.compare(b"a", b"b"), Ordering::Greater);
    let order = KeyOrder::new(Arc::new(CaseInsensitive));
    assert!(!order.is_bytes() && !order.identity());
    assert!(order.same_key(b"Key", b"kEY"));
    assert_eq!(format!("{order:?}"), "KeyOrder(\"case insensitive\")");
}

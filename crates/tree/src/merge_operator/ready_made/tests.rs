//! What operators promise: the same answer in whatever pieces they are asked.

use super::*;

fn folded(operator: &dyn MergeOperator, base: Option<&[u8]>, operands: &[&[u8]]) -> Vec<u8> {
    operator.merge(b"key", base, operands).unwrap().to_vec()
}

#[test]
fn operators_give_the_same_answer_in_whatever_pieces_they_are_asked() {
    let numbers: Vec<[u8; 8]> = [1, 70_000, u64::MAX / 2, u64::MAX / 2, 5].map(u64::to_le_bytes).to_vec();
    let operands: Vec<&[u8]> = numbers.iter().map(<[u8; 8]>::as_slice).collect();
    let operators: [&dyn MergeOperator; 3] = [&CounterOperator, &AppendOperator::new("--"), &MaxOperator];
    for operator in operators {
        for base in [None, operands.first().copied()] {
            let whole = folded(operator, base, &operands);
            for at in 1..operands.len() {
                let (older, newer) = operands.split_at(at);
                let first = folded(operator, base, older);
                assert_eq!(folded(operator, Some(&first), newer), whole, "{}", operator.name());
                let mut partly: Vec<&[u8]> = older.to_vec();
                let newer = operator.partial_merge(b"key", newer).unwrap();
                partly.push(&newer);
                assert_eq!(folded(operator, base, &partly), whole, "{}", operator.name());
            }
        }
    }
}

#[test]
fn counter_stays_at_its_maximum_and_refuses_what_is_no_counter() {
    let (most, one) = (u64::MAX.to_le_bytes(), 1u64.to_le_bytes());
    assert_eq!(folded(&CounterOperator, Some(&most), &[&one]), most);
    assert_eq!(folded(&CounterOperator, None, &[&one]), one);
    for bad in [b"".as_slice(), b"1234567", b"123456789"] {
        assert!(CounterOperator.merge(b"key", Some(bad), &[&one]).is_err());
        assert!(CounterOperator.merge(b"key", None, &[&one, bad]).is_err());
        assert!(CounterOperator.partial_merge(b"key", &[&one, bad]).is_none());
        let said = CounterOperator::count(bad).unwrap_err().to_string();
        assert!(said.contains(&bad.len().to_string()), "{said}");
    }
}

#[test]
fn append_joins_with_its_separator_and_max_keeps_the_greatest() {
    assert_eq!(folded(&AppendOperator::new(","), Some(b"a"), &[b"", b"b"]), b"a,,b");
    assert_eq!(folded(&AppendOperator::default(), None, &[b"a", b"b"]), b"ab");
    assert_eq!(folded(&MaxOperator, Some(b"b"), &[b"a", b"ab"]), b"b");
    assert_eq!(folded(&MaxOperator, None, &[b"a", b"ab"]), b"ab");
}

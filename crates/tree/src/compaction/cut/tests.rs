use esker_mem::slice::Slice;

use super::*;
use crate::compaction::picker::{OutputRun, PlanKind};

fn plan(cuts: &[(&str, bool)]) -> Plan {
    Plan {
        kind: PlanKind::Merge,
        inputs: vec![],
        output_level: 1,
        output_run: OutputRun::Sole,
        target_table_bytes: 100,
        cut_keys: cuts.iter().map(|(key, hard)| CutKey { key: Slice::from(*key), hard: *hard }).collect(),
        smallest: Slice::empty(),
        largest: Slice::empty(),
        input_bytes: 0,
        reason: "a test",
    }
}

fn cuts(plan: &Plan, keys: &[(&str, u64)]) -> Vec<String> {
    let mut cutter = OutputCutter::new(plan, &KeyOrder::Bytes);
    let cuts = keys.iter().filter(|(key, size)| cutter.ends_before(key.as_bytes(), *size));
    cuts.map(|(key, _)| (*key).to_owned()).collect()
}

/// INV-COMPACT-6: the cutter is asked once per user key, so a table that is full within a key ends after it.
#[test]
fn a_full_table_ends_before_the_next_key() {
    assert_eq!(cuts(&plan(&[]), &[("a", 0), ("b", 99), ("c", 250), ("d", 10)]), ["c"]);
}

#[test]
fn a_soft_cut_needs_half_a_table_and_a_hard_one_any() {
    let plan = plan(&[("c", false), ("f", false), ("h", true), ("k", true)]);
    let keys = [("a", 0), ("c", 49), ("e", 80), ("g", 90), ("h", 1), ("k", 0), ("l", 60)];
    assert_eq!(cuts(&plan, &keys), ["g", "h"]);
}

/// A cut that was too early for a small table is not made up for later: the next one is.
#[test]
fn cuts_are_passed_in_order() {
    let plan = plan(&[("c", false), ("d", false)]);
    assert_eq!(cuts(&plan, &[("a", 0), ("c", 10), ("cc", 60), ("d", 70)]), ["d"]);
    let plan = self::plan(&[("c", false), ("d", true), ("e", false)]);
    assert_eq!(cuts(&plan, &[("x", 10), ("y", 60)]), ["x"]);
}

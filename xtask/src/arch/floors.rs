//! The rule of floors: a file imports only from lower floors, and nothing goes in a circle.
//!
//! Files of one floor may import each other where the floor says `peers = true`, or where one entry covers both (a
//! folder declared as a whole). Circles are looked for among files, whatever the floors say.
//!
//! Not here: what is inside the files ([`crate::arch::code`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::arch::declaration::{CrateRules, covers};
use crate::arch::finding::Finding;
use crate::arch::imports::{Modules, Target};

/// Which file imports which, with the line of the first import.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// Checks one crate's floors.
pub(crate) fn check(rules: &CrateRules, modules: &Modules<'_>, findings: &mut Vec<Finding>) {
    let edges = edges(rules, modules, findings);
    declared(rules, modules, &edges, findings);
    for (file, targets) in &edges {
        for (target, line) in targets {
            if let Some(advice) = climbs(rules, file, target) {
                findings.push(Finding::breach(&full(rules, file), *line, "floor", advice));
            }
        }
    }
    for circle in circles(&edges) {
        let first = circle[0];
        let second = circle.get(1).copied().unwrap_or(first);
        let line = edges.get(first).and_then(|targets| targets.get(second)).copied().unwrap_or(1);
        let advice = format!(
            "imports in a circle: {} -> {first}; move what both need into a file below them",
            circle.join(" -> ")
        );
        findings.push(Finding::breach(&full(rules, first), line, "circle", advice));
    }
}

/// The floors that the imports themselves imply: each file as low as it can stand. Files of a circle share one.
pub(crate) fn implied(rules: &CrateRules, modules: &Modules<'_>) -> Vec<Vec<String>> {
    let edges = edges(rules, modules, &mut Vec::new());
    let mut left: BTreeSet<&str> = edges.keys().copied().collect();
    let mut floors = Vec::new();
    while !left.is_empty() {
        let stands = |file: &&str| edges[*file].keys().all(|target| !left.contains(target));
        let mut floor: BTreeSet<&str> = left.iter().copied().filter(|file| stands(file)).collect();
        if floor.is_empty() {
            floor = left.clone();
        }
        left = &left - &floor;
        floors.push(floor.into_iter().map(str::to_owned).collect());
    }
    floors
}

fn full(rules: &CrateRules, below_src: &str) -> String {
    format!("{}/src/{below_src}", rules.path)
}

fn edges<'a>(rules: &CrateRules, modules: &Modules<'a>, findings: &mut Vec<Finding>) -> Edges<'a> {
    let mut edges: Edges<'a> = BTreeMap::new();
    for (file, source) in &modules.files {
        let targets = edges.entry(file).or_default();
        for path in source.paths() {
            match modules.target(file, &path) {
                Target::File(target) => {
                    targets.entry(target).or_insert(path.line);
                }
                Target::Root => {
                    let named = path.segments.join("::");
                    let advice =
                        format!("`{named}` goes through the crate's root; name the file that defines it");
                    findings.push(Finding::breach(&full(rules, file), path.line, "root-import", advice));
                }
                Target::Elsewhere => {}
            }
        }
    }
    edges
}

/// Every file is declared, every entry exists.
fn declared(rules: &CrateRules, modules: &Modules<'_>, edges: &Edges<'_>, findings: &mut Vec<Finding>) {
    for file in modules.files.keys() {
        if rules.place(file).is_none() {
            let lowest = edges
                .get(file)
                .into_iter()
                .flat_map(BTreeMap::keys)
                .filter_map(|target| rules.place(target))
                .map(|place| place.floor + 1)
                .max()
                .unwrap_or(0);
            let room = match rules.floors.get(lowest) {
                Some(floor) => format!("floor \"{}\" or above", floor.name),
                None => "a new floor on top".to_owned(),
            };
            let advice = format!(
                "not declared; add \"{file}\" under [[crate]] {} in architecture.toml, {room}",
                rules.name
            );
            findings.push(Finding::breach(&full(rules, file), 1, "undeclared", advice));
        }
    }
    for floor in &rules.floors {
        for entry in &floor.files {
            if !modules.files.keys().any(|file| covers(entry, file)) {
                let advice = format!("{}: \"{entry}\" (floor \"{}\") does not exist", rules.name, floor.name);
                findings.push(Finding::breach("architecture.toml", 1, "missing-file", advice));
            }
        }
    }
}

/// What is wrong with `file` importing `target`, if anything.
fn climbs(rules: &CrateRules, file: &str, target: &str) -> Option<String> {
    let (from, to) = (rules.place(file)?, rules.place(target)?);
    let name = |floor: usize| rules.floors.get(floor).map_or("?", |floor| floor.name.as_str());
    if to.floor > from.floor {
        return Some(format!(
            "floor \"{}\" imports {target} of the higher floor \"{}\"; move what it needs down",
            name(from.floor),
            name(to.floor)
        ));
    }
    let peers = rules.floors.get(from.floor).is_some_and(|floor| floor.peers);
    if to.floor == from.floor && !peers && to.entry != from.entry {
        return Some(format!(
            "imports {target} of the same floor \"{}\"; give one of them a floor of its own",
            name(from.floor)
        ));
    }
    None
}

/// One shortest circle for each file that stands in one; a circle is told once.
fn circles<'a>(edges: &Edges<'a>) -> Vec<Vec<&'a str>> {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for start in edges.keys().copied() {
        if told.contains(start) {
            continue;
        }
        if let Some(circle) = circle_through(edges, start) {
            told.extend(circle.iter().copied());
            circles.push(circle);
        }
    }
    circles
}

/// The shortest way from `start` back to itself, breadth first.
fn circle_through<'a>(edges: &Edges<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut round = vec![start];
    while !round.is_empty() {
        let mut next_round = Vec::new();
        for file in round {
            for target in edges.get(file).into_iter().flat_map(BTreeMap::keys).copied() {
                if target == start {
                    let mut way = vec![file];
                    while let Some(before) = way.last().and_then(|last| came_from.get(last)) {
                        way.push(before);
                    }
                    way.reverse();
                    return Some(way);
                }
                if !came_from.contains_key(target) {
                    came_from.insert(target, file);
                    next_round.push(target);
                }
            }
        }
        round = next_round;
    }
    None
}

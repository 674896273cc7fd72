//! The disk that a crash leaves: durable names and bytes, and of all later changes those that the policy keeps.
//!
//! First the names: a journal entry survives as a whole, never after a lost one on the same name. Then, for each file
//! that still has a name, its bytes. On the new disk everything is durable. The choices are drawn in the order of the
//! journal and of the names, so that one seed gives one disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault_fs::crash::CrashPolicy;
use crate::fault_fs::disk::{DirState, Disk, Inode, Name, NameChange, Names, Node, ROOT};
use crate::fault_fs::file::FileState;

/// The disk after a crash.
pub(super) fn survivors(disk: &Disk, policy: CrashPolicy) -> Disk {
    let mut random = policy.random();
    let mut names: BTreeMap<Inode, Names> = BTreeMap::new();
    for (&inode, node) in &disk.nodes {
        if let Node::Dir(dir) = node {
            names.insert(inode, dir.durable.clone());
        }
    }
    for change in surviving_changes(&disk.journal, policy, &mut random) {
        if let Some(Name { dir, name }) = &change.removes
            && let Some(names) = names.get_mut(dir)
        {
            names.remove(name);
        }
        if let Some((Name { dir, name }, inode)) = &change.adds
            && let Some(names) = names.get_mut(dir)
        {
            names.insert(name.clone(), *inode);
        }
    }
    let mut left = Disk::new();
    left.next_inode = disk.next_inode;
    let mut dirs = vec![ROOT];
    while let Some(dir) = dirs.pop() {
        let names = names.remove(&dir).unwrap_or_default();
        for &inode in names.values() {
            match disk.nodes.get(&inode) {
                Some(Node::Dir(_)) => dirs.push(inode),
                Some(Node::File(file)) => {
                    // A second name of a file that is there already adds a link.
                    let copy = left.nodes.entry(inode).or_insert_with(|| {
                        Node::File(FileState::settled(file.survivor(policy, &mut random)))
                    });
                    if let Node::File(copy) = copy {
                        copy.links += 1;
                    }
                }
                None => {}
            }
        }
        left.nodes.insert(dir, Node::Dir(DirState { live: names.clone(), durable: names }));
    }
    left
}

fn surviving_changes<'a>(
    journal: &'a [NameChange],
    policy: CrashPolicy,
    random: &mut fastrand::Rng,
) -> Vec<&'a NameChange> {
    match policy {
        CrashPolicy::LoseUnsynced => return Vec::new(),
        CrashPolicy::KeepAll | CrashPolicy::NamesOnly => return journal.iter().collect(),
        CrashPolicy::Random { .. } => {}
    }
    if random.u8(..3) == 0 {
        // In order up to some change.
        return journal.iter().take(random.usize(..=journal.len())).collect();
    }
    // Any, but none that follows a lost one on the same name.
    let mut lost: BTreeSet<&Name> = BTreeSet::new();
    let mut kept = Vec::new();
    for change in journal {
        if random.bool() && !change.names().any(|name| lost.contains(name)) {
            kept.push(change);
        } else {
            lost.extend(change.names());
        }
    }
    kept
}

//! The keys of a run: few, so that versions pile up, in the order of the run's comparator.
//!
//! Keys that the comparator holds to be the same form a *class*; the oracle keeps one history for each. Operations name keys by
//! their number here, which stays meaningful while a failing run is shortened.

use esker_tree::KeyOrder;

use super::dice::Dice;

/// What the keys of a run look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyShape {
    /// All sorts: empty, short, long, with shared prefixes, differing in case only.
    Mixed,
    /// Long shared prefixes in groups, so that heads tie.
    Groups,
    /// All keys of up to two bytes over a small alphabet.
    Binary,
    /// Digits of one length behind a short prefix.
    Plain,
}

/// The keys of a run, ascending; those of one class stand together.
pub(crate) struct Universe {
    keys: Vec<Vec<u8>>,
    class_of: Vec<usize>,
    classes: usize,
}

impl Universe {
    /// About `count` keys of one shape.
    pub(crate) fn new(shape: KeyShape, count: usize, order: &KeyOrder, dice: &mut Dice) -> Self {
        let mut keys: Vec<Vec<u8>> = (0..count).map(|number| key(shape, number, dice)).collect();
        keys.sort();
        keys.dedup();
        keys.sort_by(|a, b| order.compare(a, b));
        let mut class_of = Vec::with_capacity(keys.len());
        let mut classes = 0;
        for (at, key) in keys.iter().enumerate() {
            if at == 0 || !order.same_key(&keys[at - 1], key) {
                classes += 1;
            }
            class_of.push(classes - 1);
        }
        Self { keys, class_of, classes }
    }

    /// The key with this number, counted round.
    pub(crate) fn key(&self, number: u16) -> &[u8] {
        &self.keys[self.index(number)]
    }

    /// The class of a key.
    pub(crate) fn class(&self, number: u16) -> usize {
        self.class_of[self.index(number)]
    }

    /// A key of a class.
    pub(crate) fn key_of_class(&self, class: usize) -> &[u8] {
        &self.keys[self.class_of.partition_point(|of| *of < class)]
    }

    /// The class of a key of this universe, however it is written.
    pub(crate) fn class_of_key(&self, key: &[u8], order: &KeyOrder) -> Option<usize> {
        let at = self.keys.partition_point(|other| order.compare(other, key).is_lt());
        let found = self.keys.get(at).filter(|other| order.same_key(other, key));
        found.and(self.class_of.get(at).copied())
    }

    /// Whether a key is of a class.
    pub(crate) fn is_of_class(&self, key: &[u8], class: usize, order: &KeyOrder) -> bool {
        order.same_key(key, self.key_of_class(class))
    }

    /// The number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.classes
    }

    /// The classes whose keys begin with `prefix`, if a class is all of one mind about it.
    pub(crate) fn classes_with_prefix(&self, prefix: &[u8]) -> Option<Vec<usize>> {
        let mut with: Vec<usize> = Vec::new();
        let mut without: Vec<usize> = Vec::new();
        for (key, class) in self.keys.iter().zip(&self.class_of) {
            if key.starts_with(prefix) { &mut with } else { &mut without }.push(*class);
        }
        with.dedup();
        without.iter().all(|class| !with.contains(class)).then_some(with)
    }

    /// Whether a class is written with weak deletes only.
    pub(crate) fn is_weak(class: usize) -> bool {
        class % 7 == 3
    }

    fn index(&self, number: u16) -> usize {
        usize::from(number) % self.keys.len()
    }
}

fn key(shape: KeyShape, number: usize, dice: &mut Dice) -> Vec<u8> {
    match shape {
        KeyShape::Mixed => match number % 5 {
            0 => format!("K{}", number / 5).into_bytes(),
            1 => format!("k{}", number / 5).into_bytes(),
            2 => format!("tenant/0001/object/{number}").into_bytes(),
            3 => vec![dice.byte(); dice.below(3)],
            _ => format!("tenant/0001/object/{number}/and a longer tail of {number}").into_bytes(),
        },
        KeyShape::Groups => {
            let (group, member) = (number / 40, number % 40);
            format!("tenant/{group:04}/object/of/one/kind/{member:02}").into_bytes()
        }
        KeyShape::Binary => {
            let mut key = Vec::new();
            for _ in 0..dice.below(3) {
                key.push([0, 1, b'A', b'a', 0x7f, 0x80, 0xff][dice.below(7)]);
            }
            key
        }
        KeyShape::Plain => format!("user{:020}", dice.below(1 << 40)).into_bytes(),
    }
}

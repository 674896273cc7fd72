//! Names that are stored: what is no name is refused at once, and what is one comes back.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, SharedFs};
use esker_env::memory::MemFs;
use esker_tree::{
    Config, Error, ErrorKind, MergeError, MergeOperator, PrefixExtractor, SeqNo, SequenceNumberCounter,
    TableWriter, UserComparator, UserValue,
};

/// Is a comparator, a merge operator and a prefix extractor of this name.
struct Named(String);

impl UserComparator for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

impl MergeOperator for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn merge(&self, _: &[u8], _: Option<&[u8]>, operands: &[&[u8]]) -> Result<UserValue, MergeError> {
        Ok(UserValue::from(operands.concat()))
    }
}

impl PrefixExtractor for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Box<dyn Iterator<Item = &'k [u8]> + 'k> {
        Box::new(key.get(..1).into_iter())
    }
}

/// Each with a name of so many bytes.
fn configs(fs: &Arc<MemFs>, len: usize) -> [(&'static str, Config); 3] {
    let config = || {
        Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
            .with_shared_fs(Arc::clone(fs) as SharedFs)
    };
    let named = || Arc::new(Named("n".repeat(len)));
    [
        ("comparator", config().comparator(named())),
        ("merge operator", config().with_merge_operator(named())),
        ("prefix extractor", config().prefix_extractor(named())),
    ]
}

/// INV-TREE-8
#[test]
fn open_refuses_names_that_cannot_be_stored() {
    for len in [0, 1025, 100_000] {
        let fs = Arc::new(MemFs::new());
        for (what, config) in configs(&fs, len) {
            let refused = config.clone().open();
            let error = refused.unwrap_err();
            assert!(
                matches!(&error, Error::InvalidName { what: said, len: found } if *said == what && *found == len),
                "{what} of {len}: {error:?}"
            );
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(TableWriter::create("/sorted.table", &config).is_err());
        }
        assert!(fs.read_dir(Path::new("/")).unwrap().is_empty(), "nothing was touched");
    }
}

#[test]
fn open_stores_names_of_any_legal_length() {
    for len in [1, 1024] {
        for at in 0..3 {
            let fs = Arc::new(MemFs::new());
            let config = |fs: &Arc<MemFs>| configs(fs, len)[at].1.clone();
            let tree = config(&fs).open().unwrap();
            tree.insert("a", "1", 0).unwrap();
            tree.insert("b", "2", 1).unwrap();
            tree.flush_active_memtable(0).unwrap();
            drop(tree);
            let tree = config(&fs).open().unwrap();
            assert_eq!(tree.len(SeqNo::MAX).unwrap(), 2);
            assert!(tree.verify().is_sound());
        }
    }
}

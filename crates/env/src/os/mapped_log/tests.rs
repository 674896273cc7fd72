//! What only the real mapping can get wrong: the space behind it, and the copy itself.

use std::thread;

use super::*;

/// A file in the build's folder, which is on a disk: `/tmp` may be anything.
fn file(len: u64) -> File {
    let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len).unwrap();
    file
}

fn bytes_of(file: &File) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn space_that_is_not_there_is_not_mapped() {
    // INV-ENV-7: a store into a hole of a full disk would end the process.
    let sparse = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    sparse.set_len(1 << 20).unwrap();
    assert_eq!(MappedRegion::new(&sparse, 1 << 20).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let allocated = file(1 << 20);
    for len in [0, 7, (1 << 20) + 8] {
        assert_eq!(MappedRegion::new(&allocated, len).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    MappedRegion::new(&allocated, 1 << 20).unwrap();
}

#[test]
fn writers_of_neighbouring_words_leave_each_other_alone() {
    let file = file(64 << 10);
    let region = MappedRegion::new(&file, 64 << 10).unwrap();
    region.populate(0..64 << 10).unwrap();
    thread::scope(|scope| {
        for writer in 0..4u8 {
            let region = &region;
            scope.spawn(move || {
                for word in (u64::from(writer)..8192).step_by(4) {
                    region.write_at(&[writer + 1; 8], word * 8).unwrap();
                }
            });
        }
        scope.spawn(|| region.sync(0..64 << 10).unwrap());
    });
    drop(region);
    let expected: Vec<u8> = (0..64 << 10).map(|byte| u8::try_from(byte / 8 % 4 + 1).unwrap()).collect();
    assert_eq!(bytes_of(&file), expected);
}

#[test]
fn ranges_are_taken_to_whole_pages() {
    let file = file(3 * 4096 + 8);
    let region = MappedRegion::new(&file, 3 * 4096 + 8).unwrap();
    let start = region.start.as_ptr().cast::<c_void>();
    let page = page_size();
    assert_eq!(region.pages(&(8..16)).unwrap(), (start, page.min(3 * 4096 + 8)));
    let (last, len) = region.pages(&(3 * 4096..3 * 4096 + 8)).unwrap();
    assert!(last >= start && len >= 8, "the last part of a page belongs to the range");
    assert!(region.pages(&(0..3 * 4096 + 9)).is_err());
    region.populate(0..3 * 4096 + 8).unwrap();
    region.sync(0..0).unwrap();
}

use super::*;

/// The fallback must allocate holes as well as the tail, and keep what is there.
#[test]
fn filling_keeps_bytes_and_grows_with_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let file = OsFile::new(file);
    file.write_all_at(b"head", 0).unwrap();
    file.write_all_at(b"tail", 200_000).unwrap();
    file.fill(2, 300_000).unwrap();
    assert_eq!(file.len().unwrap(), 300_002);
    let mut bytes = vec![9; 300_002];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes[..4], b"head");
    assert_eq!(&bytes[200_000..200_004], b"tail");
    assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 8);

    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let allocated = file.file.metadata().unwrap().blocks() * 512;
        assert!(allocated >= 300_002, "only {allocated} bytes are allocated (INV-ENV-6)");
    }
}

#[test]
fn a_range_past_the_end_of_all_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::options().write(true).create_new(true).open(dir.path().join("file")).unwrap();
    let error = OsFile::new(file).preallocate(u64::MAX, 2).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

use super::*;

fn write(fs: &MemFs, path: &str, bytes: &[u8]) -> io::Result<Arc<dyn FsFile>> {
    let file = fs.open(Path::new(path), &OpenOptions::create())?;
    file.write_all_at(bytes, 0)?;
    Ok(file)
}

#[test]
fn a_full_file_system_says_so_and_works_again_when_there_is_room() {
    let fs = MemFs::with_budget(100);
    let file = write(&fs, "a", &[1; 60]).unwrap();
    assert_eq!(write(&fs, "b", &[2; 60]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.preallocate(60, 41).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.set_len(101).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs.used_bytes(), 60, "a refused write takes nothing");
    assert_eq!(fs.space(Path::new("/")).unwrap(), Space { total_bytes: 100, available_bytes: 40 });
    file.write_all_at(&[3; 60], 0).unwrap();

    // An unlinked file keeps its bytes until the last handle is gone.
    fs.remove_file(Path::new("a")).unwrap();
    assert_eq!(fs.used_bytes(), 60);
    drop(file);
    assert_eq!(fs.used_bytes(), 0);
    write(&fs, "b", &[2; 60]).unwrap();

    fs.set_budget(200);
    write(&fs, "c", &[2; 140]).unwrap();
}

#[test]
fn paths_are_lexical_and_the_root_is_always_there() {
    let fs = MemFs::new();
    fs.create_dir_all(Path::new("/db/x")).unwrap();
    write(&fs, "/db/a", b"same").unwrap();
    for path in ["db/a", "./db/a", "/db/x/../a", "/../db/./a"] {
        assert_eq!(fs.metadata(Path::new(path)).unwrap().len, 4, "{path}");
    }
    assert!(fs.metadata(Path::new("/")).unwrap().is_dir);
    assert_eq!(fs.remove_dir(Path::new("/")).unwrap_err().kind(), io::ErrorKind::DirectoryNotEmpty);
    assert!(fs.clone().exists(Path::new("/db/a")).unwrap(), "clones share the files");
}

#[test]
fn a_failed_reflink_leaves_no_name() {
    let fs = MemFs::with_budget(100);
    write(&fs, "a", &[1; 60]).unwrap();
    let error = fs.reflink(Path::new("a"), Path::new("b")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(!fs.exists(Path::new("b")).unwrap());
}

use super::*;

#[test]
fn the_device_has_room() {
    let dir = tempfile::tempdir().unwrap();
    let space = OsFs::new().space(dir.path()).unwrap();
    assert!(space.total_bytes > 0 && space.available_bytes <= space.total_bytes, "{space:?}");
}

#[test]
fn capabilities_of_a_missing_path_are_unknown() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(OsFs::new().capabilities(&dir.path().join("none")), Capabilities::default());
}

/// The kernel alone lets one process lock a file twice where `flock` is emulated; we never do (INV-ENV-4).
#[test]
fn a_second_lock_in_this_process_is_refused_through_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("LOCK"), dir.path().join("LOCK2"));
    let held = OsFs::new().lock(&first).unwrap();
    fs::hard_link(&first, &second).unwrap();
    assert_eq!(OsFs::new().lock(&second).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(held);
    OsFs::new().lock(&second).unwrap();
}

#[test]
fn a_failed_reflink_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (src, dst) = (dir.path().join("src"), dir.path().join("dst"));
    fs::write(&src, b"bytes").unwrap();
    match OsFs::new().reflink(&src, &dst) {
        Ok(()) => assert_eq!(fs::read(&dst).unwrap(), b"bytes"),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
            assert!(!dst.exists());
        }
    }
}

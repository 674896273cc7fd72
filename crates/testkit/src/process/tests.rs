use super::*;

#[test]
fn the_status_of_a_process_is_understood() {
    let text = "Name:\tesker\nVmHWM:\t    4000 kB\nRssAnon:\t    1000 kB\nRssFile:\t    2000 kB\n";
    let memory = parse_status(text).unwrap();
    assert_eq!(memory.anonymous_bytes, 1_024_000);
    assert_eq!(memory.file_bytes, 2_048_000);
    assert_eq!(memory.peak_bytes, 4_096_000);
    assert_eq!(parse_status("Name:\tesker\n"), None);
    assert_eq!(field("rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 7\n", "write_bytes:"), Some(4_096));
}

#[test]
#[cfg(target_os = "linux")]
fn this_process_takes_something() {
    assert!(resident_memory().unwrap().anonymous_bytes > 0);
}

#[test]
fn a_test_runs_alone_and_fails_alone() {
    let name = "process::tests::a_test_runs_alone_and_fails_alone";
    match given_alone() {
        None => {
            run_alone(name, Path::new("passes")).unwrap();
            assert!(run_alone(name, Path::new("fails")).is_err());
            assert!(run_alone("process::tests::no_such_test", Path::new("passes")).is_err());
        }
        Some(folder) => assert_eq!(folder, Path::new("passes")),
    }
}

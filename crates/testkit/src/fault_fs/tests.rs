use std::collections::BTreeSet;
use std::time::Duration;

use esker_env::clock::{Clock, ManualClock};

use super::*;
use crate::fault_fs::plan::{BitFlip, InjectedError, Latency, Strike, WriteFault};

fn put(fs: &FaultFs, path: &str, bytes: &[u8]) -> io::Result<Arc<dyn FsFile>> {
    let file = fs.open(Path::new(path), &OpenOptions::create())?;
    file.write_all_at(bytes, 0)?;
    Ok(file)
}

fn names(fs: &FaultFs, dir: &str) -> Vec<String> {
    let entries = fs.read_dir(Path::new(dir)).unwrap();
    entries.into_iter().map(|entry| entry.name.into_string().unwrap()).collect()
}

fn random_names(fs: &FaultFs, dir: &str) -> BTreeSet<String> {
    (0..200).map(|seed| names(&fs.crash(CrashPolicy::Random { seed }), dir).join(" ")).collect()
}

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// INV-ENV-3: bytes need a sync of the file, names need a sync of the directory, and neither gives the other.
#[test]
fn bytes_and_names_become_durable_apart() {
    let fs = FaultFs::new();
    put(&fs, "synced", b"bytes").unwrap().sync_data().unwrap();
    assert_eq!(
        names(&fs.crash(CrashPolicy::LoseUnsynced), "/"),
        [""; 0],
        "a synced file without a name is gone"
    );
    put(&fs, "named", b"bytes").unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    let disk = fs.crash(CrashPolicy::LoseUnsynced);
    assert_eq!(names(&disk, "/"), ["named", "synced"]);
    assert_eq!(disk.contents(Path::new("synced")).unwrap(), b"bytes");
    assert_eq!(disk.contents(Path::new("named")).unwrap(), b"");
    assert_eq!(fs.crash(CrashPolicy::KeepAll).contents(Path::new("named")).unwrap(), b"bytes");
}

#[test]
fn an_unsynced_rename_leaves_the_old_file_or_the_new_one() {
    let fs = FaultFs::new();
    put(&fs, "CURRENT", b"old").unwrap();
    put(&fs, "tmp", b"new").unwrap();
    fs.settle();
    fs.rename(Path::new("tmp"), Path::new("CURRENT")).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let disk = fs.crash(CrashPolicy::Random { seed });
        let current = disk.contents(Path::new("CURRENT")).unwrap();
        assert_eq!(disk.exists(Path::new("tmp")).unwrap(), current == b"old");
        seen.insert(current);
    }
    assert_eq!(seen, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("CURRENT")).unwrap(), b"new");
}

#[test]
fn changes_of_different_names_survive_in_any_combination() {
    let fs = FaultFs::new();
    put(&fs, "a", b"").unwrap();
    fs.settle();
    put(&fs, "b", b"").unwrap();
    fs.remove_file(Path::new("a")).unwrap();
    assert_eq!(random_names(&fs, "/"), set(&["", "a", "a b", "b"]));
}

/// A later change of a name never survives an earlier one that is lost: else a file that was moved out of the way of
/// a new one would vanish.
#[test]
fn changes_of_one_name_survive_in_order() {
    let fs = FaultFs::new();
    put(&fs, "log", b"precious").unwrap();
    fs.settle();
    fs.rename(Path::new("log"), Path::new("log.old")).unwrap();
    put(&fs, "log", b"").unwrap();
    assert_eq!(random_names(&fs, "/"), set(&["log", "log log.old", "log.old"]));
    for seed in 0..100 {
        let disk = fs.crash(CrashPolicy::Random { seed });
        let precious = ["log", "log.old"]
            .iter()
            .filter_map(|name| disk.contents(Path::new(name)).ok())
            .any(|bytes| bytes == b"precious");
        assert!(precious, "seed {seed}");
    }
}

#[test]
fn a_rename_between_directories_is_atomic_and_durable_after_both_syncs() {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("/a")).unwrap();
    fs.create_dir_all(Path::new("/b")).unwrap();
    put(&fs, "/a/file", b"").unwrap();
    fs.settle();
    fs.rename(Path::new("/a/file"), Path::new("/b/file")).unwrap();
    let places = |policy| {
        let disk = fs.crash(policy);
        (names(&disk, "/a").len(), names(&disk, "/b").len())
    };
    for seed in 0..50 {
        assert!(matches!(places(CrashPolicy::Random { seed }), (1, 0) | (0, 1)), "seed {seed}");
    }
    fs.sync_dir(Path::new("/b")).unwrap();
    assert_eq!(places(CrashPolicy::LoseUnsynced), (1, 0));
    fs.sync_dir(Path::new("/a")).unwrap();
    assert_eq!(places(CrashPolicy::LoseUnsynced), (0, 1));
}

#[test]
fn a_directory_whose_name_was_never_synced_vanishes_with_all_in_it() {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("/db")).unwrap();
    put(&fs, "/db/file", b"bytes").unwrap().sync_data().unwrap();
    fs.sync_dir(Path::new("/db")).unwrap();
    assert_eq!(names(&fs.crash(CrashPolicy::LoseUnsynced), "/"), [""; 0]);
    fs.sync_dir(Path::new("/")).unwrap();
    let disk = fs.crash(CrashPolicy::LoseUnsynced);
    assert_eq!(disk.contents(Path::new("/db/file")).unwrap(), b"bytes");
}

#[test]
fn hard_links_stay_one_file_over_a_crash() {
    let fs = FaultFs::new();
    let file = put(&fs, "a", b"bytes").unwrap();
    fs.hard_link(Path::new("a"), Path::new("b")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    file.sync_data().unwrap();
    let disk = fs.crash(CrashPolicy::LoseUnsynced);
    disk.open(Path::new("a"), &OpenOptions::read_write()).unwrap().write_all_at(b"B", 0).unwrap();
    assert_eq!(disk.contents(Path::new("b")).unwrap(), b"Bytes");
}

#[test]
fn a_machine_goes_down_at_its_call_and_stays_down() {
    let fs = FaultFs::with_plan(FaultPlan::crash_at(3));
    let file = put(&fs, "a", b"first").unwrap();
    let error = file.write_all_at(b"second", 5).unwrap_err();
    assert!(is_machine_down(&error) && fs.is_down(), "{error}");
    assert!(is_machine_down(&file.read_at(&mut [0; 1], 0).unwrap_err()));
    assert!(is_machine_down(&file.sync_data().unwrap_err()));
    assert!(is_machine_down(&fs.open(Path::new("a"), &OpenOptions::read_only()).unwrap_err()));
    assert!(is_machine_down(&fs.sync_dir(Path::new("/")).unwrap_err()));
    assert!(is_machine_down(&fs.exists(Path::new("a")).unwrap_err()));
    assert_eq!(fs.mutating_calls(), 3, "calls on a dead machine are no calls");
    // The call it went down in may have reached the disk.
    assert_eq!(fs.crash(CrashPolicy::KeepAll).contents(Path::new("a")).unwrap(), b"firstsecond");
    assert_eq!(names(&fs.crash(CrashPolicy::LoseUnsynced), "/"), [""; 0]);
}

#[test]
fn a_sync_that_the_crash_interrupts_promises_nothing() {
    let fs = FaultFs::with_plan(FaultPlan::crash_at(4));
    let file = put(&fs, "a", b"bytes").unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    file.sync_data().unwrap_err();
    assert_eq!(fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("a")).unwrap(), b"");
}

#[test]
fn errors_strike_once_or_for_ever() {
    let once = FaultPlan::error(Strike::NthOf(CallKind::Write, 2), InjectedError::DeviceFailed);
    let fs = FaultFs::with_plan(once);
    let file = put(&fs, "a", b"11").unwrap();
    assert_eq!(file.write_all_at(b"2222", 0).unwrap_err().kind(), io::ErrorKind::Other);
    assert_eq!(fs.contents(Path::new("a")).unwrap(), b"22", "half of a failed write may be there");
    file.write_all_at(b"3333", 0).unwrap();

    let forever = FaultPlan::error(Strike::From(2), InjectedError::StorageFull);
    let fs = FaultFs::with_plan(forever);
    let file = fs.open(Path::new("a"), &OpenOptions::create()).unwrap();
    assert_eq!(file.set_len(9).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs.remove_file(Path::new("a")).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(fs.exists(Path::new("a")).unwrap(), "a failed call does nothing");
    assert!(file.is_empty().unwrap());

    let reads = FaultPlan::error(Strike::NthOf(CallKind::Read, 1), InjectedError::DeviceFailed);
    fs.set_plan(reads);
    file.read_at(&mut [0; 1], 0).unwrap_err();
    file.read_at(&mut [0; 1], 0).unwrap();
}

#[test]
fn a_full_disk_takes_what_fits() {
    let fs = FaultFs::with_plan(FaultPlan { budget_bytes: Some(10), ..FaultPlan::default() });
    let file = put(&fs, "a", b"12345678").unwrap();
    assert_eq!(file.preallocate(0, 11).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_all_at(b"abcdef", 6).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs.contents(Path::new("a")).unwrap(), b"123456abcd");
    assert_eq!(fs.space(Path::new("/")).unwrap(), Space { total_bytes: 10, available_bytes: 0 });
    fs.remove_file(Path::new("a")).unwrap();
    assert_eq!(fs.space(Path::new("/")).unwrap().available_bytes, 0, "an open file takes room");
    drop(file);
    put(&fs, "b", b"1234567890").unwrap();
}

#[test]
fn reads_come_short_and_wrong_when_told_to() {
    let fs = FaultFs::new();
    let file = put(&fs, "/db/../a.log", b"0000").unwrap();
    let flip = BitFlip { file: "a.log".into(), offset: 2, mask: 1 };
    fs.set_plan(FaultPlan { short_reads: true, bit_flips: vec![flip], ..FaultPlan::default() });
    let mut buf = [0; 4];
    assert_eq!(file.read_at(&mut buf, 0).unwrap(), 2);
    file.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"0010");
    assert_eq!(fs.contents(Path::new("a.log")).unwrap(), b"0000", "the disk itself is sound");
}

#[test]
fn writes_go_astray_when_told_to() {
    let faults = vec![(2, WriteFault::Lost), (3, WriteFault::Misdirected(0))];
    let fs = FaultFs::with_plan(FaultPlan { write_faults: faults, ..FaultPlan::default() });
    let file = put(&fs, "a", b"0000").unwrap();
    file.write_all_at(b"11", 2).unwrap();
    assert_eq!(fs.contents(Path::new("a")).unwrap(), b"0000");
    file.write_all_at(b"2", 3).unwrap();
    assert_eq!(fs.contents(Path::new("a")).unwrap(), b"2000");
}

#[test]
fn planted_bugs_report_success_and_do_nothing() {
    let fs = FaultFs::with_plan(FaultPlan {
        skip_nth_sync: Some(1),
        ignore_dir_sync: true,
        ..FaultPlan::default()
    });
    let file = put(&fs, "a", b"bytes").unwrap();
    fs.settle();
    file.write_all_at(b"BYTES", 0).unwrap();
    file.sync_data().unwrap();
    put(&fs, "b", b"").unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    let disk = fs.crash(CrashPolicy::LoseUnsynced);
    assert_eq!(disk.contents(Path::new("a")).unwrap(), b"bytes");
    assert_eq!(names(&disk, "/"), ["a"]);
    file.sync_data().unwrap();
    assert_eq!(fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("a")).unwrap(), b"BYTES");
}

#[test]
fn calls_take_time_on_the_clock() {
    let clock = Arc::new(ManualClock::default());
    let latency = Latency {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        read: Duration::from_micros(1),
        sync: Duration::from_millis(1),
        write: Duration::from_secs(1),
    };
    let fs = FaultFs::with_plan(FaultPlan { latency: Some(latency), ..FaultPlan::default() });
    let file = put(&fs, "a", b"bytes").unwrap();
    file.sync_data().unwrap();
    file.read_at(&mut [0; 1], 0).unwrap();
    assert_eq!(clock.now(), Duration::from_micros(2_001_001));
}

#[test]
fn a_trace_reads_like_a_story() {
    let fs = FaultFs::with_plan(FaultPlan::crash_at(4));
    let file = put(&fs, "db.log", b"bytes").unwrap();
    fs.rename(Path::new("db.log"), Path::new("db.old")).unwrap();
    file.sync_data().unwrap_err();
    let expected = [
        "      1 create      db.log",
        "      2 write       db.log @0+5",
        "      3 rename      db.log -> db.old",
        "      4 sync        db.log  [Crash]  => the machine is down",
    ];
    assert_eq!(fs.trace(), expected);
}

#[test]
fn damage_is_durable_and_uncounted() {
    let fs = FaultFs::new();
    put(&fs, "a", b"bytes").unwrap();
    fs.settle();
    let before = fs.mutating_calls();
    fs.set_contents(Path::new("a"), b"byt").unwrap();
    assert_eq!(fs.mutating_calls(), before);
    assert_eq!(fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("a")).unwrap(), b"byt");
}

#[test]
fn a_crash_may_come_at_every_copy_into_a_map_and_an_error_at_none() {
    let fs = FaultFs::new();
    let file = put(&fs, "log", &[0; 4096]).unwrap();
    fs.settle();
    let map = file.map_log(4096).unwrap();
    fs.set_plan(FaultPlan {
        crash_at: Some(3),
        ..FaultPlan::error(Strike::From(1), InjectedError::DeviceFailed)
    });
    map.write_at(&[1; 8], 0).unwrap();
    map.sync(0..8).unwrap_err();
    assert!(is_machine_down(&map.write_at(&[1; 8], 8).unwrap_err()));
    assert!(is_machine_down(&map.write_at(&[1; 8], 16).unwrap_err()));
    assert_eq!(
        fs.crash(CrashPolicy::KeepAll).contents(Path::new("log")).unwrap()[..24],
        [[1; 16].as_slice(), &[0; 8]].concat()
    );

    fs.set_maps_logs(false);
    let disk = fs.crash(CrashPolicy::KeepAll);
    let file = disk.open(Path::new("log"), &OpenOptions::read_write()).unwrap();
    assert_eq!(file.map_log(4096).unwrap_err().kind(), io::ErrorKind::Unsupported);
}

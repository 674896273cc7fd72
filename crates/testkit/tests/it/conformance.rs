//! The conformance suite against `FaultFs`, also when reads come in pieces.

use std::path::Path;

use esker_testkit::conformance;
use esker_testkit::fault_fs::FaultFs;

#[test]
fn faults_conform_when_there_are_none() {
    conformance::run_all(&FaultFs::new(), Path::new("/"));
}

#[test]
fn a_system_that_maps_no_logs_conforms() {
    let fs = FaultFs::new();
    fs.set_maps_logs(false);
    conformance::run_all(&fs, Path::new("/"));
}

/// What survived a crash is a file system like any other.
#[test]
fn a_disk_after_a_crash_conforms() {
    use esker_testkit::fault_fs::crash::CrashPolicy;

    let fs = FaultFs::new();
    conformance::run_all(&fs, Path::new("/"));
    for seed in 0..20 {
        let disk = fs.crash(CrashPolicy::Random { seed });
        esker_env::fs::Fs::create_dir_all(&disk, Path::new("/again")).unwrap();
        conformance::run_all(&disk, Path::new("/again"));
    }
}

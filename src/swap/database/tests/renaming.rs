//! Tests of swaps by rename.

use super::*;

#[test]
fn the_new_file_is_renamed_to_the_target() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut caller = TestCaller::new();
        let swapped = swap_database(&bench.request(), &mut caller).unwrap();
        assert_eq!(
            (swapped.mode, swapped.backup, swapped.opener_came),
            (Mode::Rename, None, false)
        );
        assert!(swapped.durable);
        assert_eq!(swapped.bytes, fs::metadata(bench.path()).unwrap().len());
        bench.assert_new(mode, &["a.db"]);
        let expected = [
            Step::Resolve,
            Step::Lock,
            Step::Recover,
            Step::Prove,
            Step::Guard,
            Step::Stage,
            Step::Build,
            Step::Check,
            Step::Verify,
            Step::Metadata,
            Step::Sync,
            Step::Checkpoint,
            Step::Prove,
            Step::Backup,
            Step::Rename,
            Step::SyncDirectory,
        ];
        assert_eq!(caller.steps, expected);
    }
}

#[test]
fn rows_in_the_wal_are_in_the_new_database_and_the_backup() {
    let bench = Bench::new("wal");
    // A killed process leaves its -wal.
    let mut other = Process::start();
    other.open(&bench.path());
    other.run("INSERT INTO old VALUES (4)");
    other.kill();
    assert!(bench.names().contains(&"a.db-wal".to_owned()));
    let request = DatabaseSwap { backup: Backup::Named("before.db".into()), ..bench.request() };
    let swapped = bench.swap(&request).unwrap();
    assert_eq!(swapped.backup, Some(bench.beside("before.db")));
    assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
    assert_eq!(numbers(&bench.beside("before.db"), "old"), [1, 2, 3, 4]);
    assert_eq!(bench.names(), ["a.db", "before.db"]);
}

#[test]
fn a_new_database_begins_with_the_settings_of_the_old_one() {
    let bench = Bench::empty();
    let old = open(&bench.path());
    old.execute_batch(
        "PRAGMA page_size = 1024; PRAGMA encoding = 'UTF-16le'; PRAGMA auto_vacuum = 1; CREATE TABLE old (x)",
    )
    .unwrap();
    old.close().unwrap();
    bench.swap(&bench.request()).unwrap();
    let connection =
        MaintenanceConnection::open(&bench.path(), Step::Check, &bench.limits()).unwrap();
    let facts = Facts::of(&connection).unwrap();
    assert_eq!((facts.page_size, facts.auto_vacuum), (1024, 1));
    assert_eq!((facts.encoding.as_str(), facts.is_wal), ("UTF-16le", false));
}

#[test]
fn a_first_database_overwrites_no_file_and_ignores_an_old_wal() {
    let bench = Bench::empty();
    fs::write(bench.beside("a.db-wal"), "of a database that is gone").unwrap();
    let swapped = bench.swap(&bench.request()).unwrap();
    assert_eq!(swapped.mode, Mode::First);
    assert_eq!(numbers(&bench.path(), "new"), [0i64; 0]);
    assert_eq!(bench.names(), ["a.db"]);
    let bench = Bench::empty();
    let path = bench.path();
    let mut caller = TestCaller::acting(Step::Rename, |_| fs::write(&path, "another").unwrap());
    let error = swap_database(&bench.request(), &mut caller).unwrap_err();
    assert_eq!((error.code(), error.step), ("TARGET_EXISTS", Step::Rename));
    assert_eq!(fs::read_to_string(&path).unwrap(), "another");
    assert_eq!(bench.names(), ["a.db"]);
}

#[test]
fn a_copy_overwrites_a_database_only_if_allowed() {
    for mode in MODES {
        let (from, to) = (Bench::new(mode), Bench::empty());
        let mut other = Process::start();
        other.open(&from.path());
        other.run("INSERT INTO old VALUES (4)");
        let request = DatabaseSwap {
            source: Some(from.path()),
            build: false,
            verify: false,
            overwrite: false,
            ..to.request()
        };
        to.swap(&request).unwrap();
        assert_eq!(numbers(&to.path(), "old"), [1, 2, 3, 4]);
        assert_eq!(journal_mode(&to.path()), mode);
        let error = to.swap(&request).unwrap_err();
        assert_eq!(error.code(), "TARGET_EXISTS");
        other.run("INSERT INTO old VALUES (5)");
        to.swap(&DatabaseSwap { overwrite: true, ..request }).unwrap();
        assert_eq!(numbers(&to.path(), "old"), [1, 2, 3, 4, 5]);
        assert_eq!(to.names(), ["a.db"]);
        let itself = DatabaseSwap { source: Some(to.path()), ..to.request() };
        assert_eq!(to.swap(&itself).unwrap_err().code(), "SOURCE_IS_TARGET");
        let none = DatabaseSwap { source: Some(to.beside("none")), ..to.request() };
        assert_eq!(to.swap(&none).unwrap_err().code(), "SOURCE_MISSING");
    }
}

#[test]
#[cfg(unix)]
fn a_mode_that_changes_during_the_swap_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for in_use in [InUse::Refuse, InUse::InPlace] {
        let bench = Bench::new("delete");
        let path = bench.path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut other = Process::start();
        if in_use == InUse::InPlace {
            other.open(&path);
        }
        let backup = Backup::Named("before.db".into());
        let mut caller = TestCaller::building(|staging, old, _| {
            migrate(staging, old);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        });
        swap_database(&DatabaseSwap { in_use, backup, ..bench.request() }, &mut caller).unwrap();
        assert_eq!((mode(&path), mode(&bench.beside("before.db"))), (0o600, 0o600));
        other.end();
    }
}

#[test]
fn a_persistent_journal_is_removed_with_the_old_database() {
    let bench = Bench::new("delete");
    let old = open(&bench.path());
    old.execute_batch(
        "PRAGMA journal_mode = persist; INSERT INTO old VALUES (4); DELETE FROM old WHERE x = 4",
    )
    .unwrap();
    old.close().unwrap();
    assert!(bench.names().contains(&"a.db-journal".to_owned()));
    assert_eq!(bench.swap(&bench.request()).unwrap().mode, Mode::Rename);
    bench.assert_new("delete", &["a.db"]);
}

#[test]
#[cfg(unix)]
fn a_link_is_kept_and_the_mode_is_the_old_one() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let bench = Bench::new("wal");
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.db", bench.beside("link")).unwrap();
    let request = DatabaseSwap { target: bench.beside("link"), ..bench.request() };
    bench.swap(&request).unwrap();
    assert!(bench.beside("link").is_symlink());
    assert_eq!(fs::metadata(bench.path()).unwrap().permissions().mode() & 0o777, 0o640);
    bench.assert_new("wal", &["a.db", "link"]);
}

#[test]
fn sidecars_without_data_do_not_prevent_a_swap() {
    for name in ["a.db-shm", "a.db-wal", "a.db-journal"] {
        let bench = Bench::new("delete");
        let bytes = if name == "a.db-shm" { vec![0; 32768] } else { Vec::new() };
        fs::write(bench.beside(name), bytes).unwrap();
        assert_eq!(bench.swap(&bench.request()).unwrap().mode, Mode::Rename, "{name}");
        assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3], "{name}");
    }
}

//! Tests of the recovery after a killed swap.

use super::*;

/// Leaves the lock file as a killed swap does.
fn leave_record(bench: &Bench, record: &RecoveryRecord) {
    let target = Target::resolve(&bench.path()).unwrap();
    let mut lock = TargetLock::try_acquire(&target).unwrap().unwrap();
    record.write(&mut lock, &target, Durability::Full).unwrap();
}

fn identity(bench: &Bench) -> Option<String> {
    recovery_record::lasting_identity(&bench.path())
}

#[test]
fn a_swap_that_was_killed_during_the_build() {
    let bench = Bench::new("wal");
    for name in ["", "-wal", "-shm", "-journal"] {
        fs::write(bench.beside(&format!(".staging-0123456789ab-a.db{name}")), "").unwrap();
    }
    fs::write(bench.beside(".swap-lock-a.db"), "").unwrap();
    recovery::before_open(&bench.path());
    bench.assert_old("wal");
    fs::write(bench.beside(".swap-lock-a.db"), "latchdb sw").unwrap();
    recovery::before_open(&bench.path());
    bench.assert_old("wal");
}

#[test]
fn a_swap_that_was_killed_after_leaving_wal_mode() {
    let bench = Bench::new("wal");
    let record =
        RecoveryRecord { was_wal: identity(&bench), backup: Some("old.db".into()), in_place: None };
    for has_backup in [false, true] {
        open(&bench.path()).pragma_update(None, "journal_mode", "delete").unwrap();
        if has_backup {
            fs::hard_link(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
        }
        leave_record(&bench, &record);
        recovery::before_open(&bench.path());
        bench.assert_old("wal");
    }
}

#[test]
fn a_swap_that_was_killed_before_the_backup_was_named() {
    let bench = Bench::new("wal");
    let record =
        RecoveryRecord { was_wal: identity(&bench), backup: Some("old.db".into()), in_place: None };
    open(&bench.path()).pragma_update(None, "journal_mode", "delete").unwrap();
    fs::rename(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
    migrate(&bench.path(), Some(&bench.beside(".swap-backup-a.db")));
    leave_record(&bench, &record);
    assert_eq!(bench.recover(), [("backup", "named"), ("lock-file", "removed")]);
    // The new database keeps the journal mode with which it was built.
    bench.assert_new("delete", &["a.db", "old.db"]);
    assert_eq!(numbers(&bench.beside("old.db"), "old"), [1, 2, 3]);
}

#[test]
fn a_record_cannot_name_another_directory_or_a_reserved_name() {
    for name in ["sub/a", "../a", "a.db-wal", ".staging-0123456789ab-a.db"] {
        let bench = Bench::new("delete");
        fs::create_dir(bench.beside("sub")).unwrap();
        fs::copy(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
        leave_record(
            &bench,
            &RecoveryRecord { backup: Some(name.into()), ..RecoveryRecord::default() },
        );
        recovery::before_open(&bench.path());
        let names = bench.names();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names[1].starts_with("a.db.backup-"), "{names:?}");
    }
}

#[test]
fn a_journal_without_a_transaction_is_removed() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let was_wal = (mode == "wal").then(|| identity(&bench)).flatten();
        leave_record(
            &bench,
            &RecoveryRecord { was_wal, in_place: Some(1), ..RecoveryRecord::default() },
        );
        fs::write(bench.beside("a.db-journal"), [0; 512]).unwrap();
        recovery::before_open(&bench.path());
        bench.assert_old(mode);
    }
}

#[test]
fn a_power_cut_that_left_only_the_backups_name() {
    let bench = Bench::new("delete");
    fs::hard_link(bench.path(), bench.beside("old.db")).unwrap();
    leave_record(
        &bench,
        &RecoveryRecord { backup: Some("old.db".into()), ..RecoveryRecord::default() },
    );
    recovery::before_open(&bench.path());
    bench.assert_old("delete");
}

#[test]
fn a_record_that_names_the_database_itself_does_not_remove_it() {
    let bench = Bench::new("delete");
    fs::create_dir(bench.beside("sub")).unwrap();
    fs::hard_link(bench.path(), bench.beside("sub/link")).unwrap();
    for name in ["a.db", "./a.db", "sub/../a.db", "sub/link"] {
        leave_record(
            &bench,
            &RecoveryRecord { backup: Some(name.into()), ..RecoveryRecord::default() },
        );
        recovery::before_open(&bench.path());
        assert!(bench.path().exists(), "{name}");
    }
    assert!(bench.beside("sub/link").exists());
}

#[test]
fn a_backup_without_a_record_is_kept_unless_it_is_the_database_itself() {
    let bench = Bench::new("delete");
    fs::hard_link(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
    assert_eq!(bench.recover(), [("backup", "removed")]);
    bench.assert_old("delete");
    fs::copy(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
    assert_eq!(bench.recover(), [("backup", "named")]);
    let names = bench.names();
    assert!(names[1].starts_with("a.db.backup-2"), "{names:?}");
}

#[test]
fn a_copied_backup_is_kept_if_the_swap_has_committed() {
    for mode in MODES {
        for is_committed in [false, true] {
            let bench = Bench::new(mode);
            let before: i64 = open(&bench.path())
                .pragma_query_value(None, "schema_version", |row| row.get(0))
                .unwrap();
            if is_committed {
                // A swap in place increases the number that the recovery compares.
                let connection =
                    MaintenanceConnection::open(&bench.path(), Step::Check, &bench.limits())
                        .unwrap();
                bench.swap(&bench.in_place()).unwrap();
                let now: i64 = connection.pragma("schema_version").unwrap();
                assert!(now > before, "{before} {now}");
            }
            fs::copy(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
            let record = RecoveryRecord {
                was_wal: None,
                backup: Some("old.db".into()),
                in_place: Some(before),
            };
            leave_record(&bench, &record);
            recovery::before_open(&bench.path());
            let expected: &[&str] = if is_committed { &["a.db", "old.db"] } else { &["a.db"] };
            assert_eq!(bench.names(), expected, "{mode} {is_committed}");
        }
    }
}

#[test]
fn failed_work_is_repeated_by_the_next_recovery() {
    let bench = Bench::new("wal");
    let record = RecoveryRecord { was_wal: identity(&bench), ..RecoveryRecord::default() };
    open(&bench.path()).pragma_update(None, "journal_mode", "delete").unwrap();
    leave_record(&bench, &record);
    let mut other = Process::start();
    other.open(&bench.path());
    other.run("BEGIN; SELECT * FROM old");
    assert_eq!(bench.recover(), [("journal-mode", "failed")]);
    other.end();
    recovery::before_open(&bench.path());
    bench.assert_old("wal");
}

#[test]
fn a_running_swap_is_left_alone() {
    let bench = Bench::new("wal");
    let path = bench.path();
    let mut caller = TestCaller::building(|staging, old, _| {
        recovery::before_open(&path);
        let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
        assert!(recovery::recover(&path, &limits).unwrap().under_way);
        migrate(staging, old);
    });
    swap_database(&bench.request(), &mut caller).unwrap();
    drop(caller);
    bench.assert_new("wal", &["a.db"]);
}

#[test]
#[cfg(unix)]
fn a_recovery_follows_links_and_ignores_impossible_paths() {
    use std::os::unix::fs::symlink;
    let (bench, elsewhere) = (Bench::new("wal"), Bench::empty());
    symlink(bench.path(), elsewhere.beside("link")).unwrap();
    fs::write(bench.beside(".swap-lock-a.db"), "").unwrap();
    recovery::before_open(&elsewhere.beside("link"));
    bench.assert_old("wal");
    recovery::before_open(Path::new("/none/a.db"));
    recovery::before_open(Path::new("a\0b"));
}

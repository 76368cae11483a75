//! Tests that no commit is lost, and that an error or an abort changes nothing.

use super::*;

#[test]
fn other_connections_cannot_commit_during_the_build() {
    for mode in MODES {
        for in_use in [InUse::Refuse, InUse::InPlace] {
            let bench = Bench::new(mode);
            let mut other = Process::start();
            let path = bench.path();
            let mut caller = TestCaller::building(|staging, old, _| {
                other.open(&path);
                assert_eq!(other.try_run("INSERT INTO old VALUES (4)"), "database is locked");
                migrate(staging, old);
                other.close();
            });
            swap_database(&DatabaseSwap { in_use, ..bench.request() }, &mut caller).unwrap();
            drop(caller);
            assert_eq!(numbers(&path, "new"), [1, 2, 3]);
        }
    }
}

/// Every acknowledged commit is in the new database, or the swap failed and the commit is in the
/// old one.
#[test]
fn no_commit_of_another_process_is_lost() {
    for mode in MODES {
        for idle in [true, false] {
            let bench = Bench::new(mode);
            let writer = Process::start().write_continuously(&bench.path(), idle);
            let (mut swapped, mut refused) = (0, 0);
            while swapped < 40 && refused < 400 {
                let mut caller = TestCaller::building(|staging, old, _| {
                    let rows = numbers(old.unwrap(), "old");
                    let new = open(staging);
                    new.execute_batch("CREATE TABLE old (x); BEGIN").unwrap();
                    for x in rows {
                        new.execute("INSERT INTO old VALUES (?)", [x]).unwrap();
                    }
                    new.execute_batch("COMMIT").unwrap();
                    new.close().unwrap();
                });
                let in_use = if idle { InUse::InPlace } else { InUse::Wait };
                let request = DatabaseSwap { in_use, ..bench.request() };
                match swap_database(&request, &mut caller) {
                    Ok(_) => swapped += 1,
                    Err(error) => {
                        let code = error.code();
                        assert!(matches!(code, "DATABASE_CHANGED" | "DATABASE_IN_USE"), "{error}");
                        refused += 1;
                    }
                }
            }
            let acknowledged = writer.stop();
            let found = numbers(&bench.path(), "old");
            let lost: Vec<_> = acknowledged.iter().filter(|x| !found.contains(x)).collect();
            assert_eq!(lost, [&0i64; 0], "{mode}, idle {idle}");
            eprintln!(
                "{mode}, idle {idle}: {swapped} swapped, {refused} refused, {} commits",
                acknowledged.len()
            );
            assert!(swapped > 0 && !acknowledged.is_empty());
        }
    }
}

#[test]
fn an_abort_at_any_step_leaves_the_old_database() {
    let before = [
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
        Step::Backup,
    ];
    for mode in MODES {
        for backup in [Backup::None, Backup::Pattern] {
            for in_use in [InUse::Refuse, InUse::InPlace] {
                for step in before.into_iter().chain([Step::Transfer]) {
                    let bench = Bench::new(mode);
                    let connection = (in_use == InUse::InPlace).then(|| {
                        MaintenanceConnection::open(&bench.path(), Step::Check, &bench.limits())
                            .unwrap()
                    });
                    let abort = |cancel: &Cancel| cancel.raise(CancelReason::Aborted);
                    let mut caller = TestCaller::acting(step, abort);
                    let request =
                        DatabaseSwap { in_use, backup: backup.clone(), ..bench.request() };
                    let ended = swap_database(&request, &mut caller);
                    if !caller.steps.contains(&step) {
                        assert!(ended.is_ok());
                        continue;
                    }
                    let error = ended.unwrap_err();
                    assert_eq!((error.code(), error.committed), ("ABORTED", false), "{step:?}");
                    if let Some(connection) = connection {
                        connection.close().unwrap();
                    }
                    bench.assert_old(mode);
                }
            }
        }
    }
}

#[test]
#[cfg(unix)]
fn a_commit_in_spite_of_the_write_lock_is_detected() {
    for (mode, in_place) in [("wal", false), ("delete", false), ("delete", true)] {
        let bench = Bench::new(mode);
        let mut idle = Process::start();
        if in_place {
            idle.open(&bench.path());
        }
        let mut caller = TestCaller::building(|staging, old, _| {
            migrate(staging, old);
            close_as_another_library(&bench.path());
            let mut other = Process::start();
            other.open(&bench.path());
            other.run("INSERT INTO old VALUES (4)");
            other.end();
        });
        let request = if in_place { bench.in_place() } else { bench.request() };
        let error = swap_database(&request, &mut caller).unwrap_err();
        drop(caller);
        let code = if mode == "wal" { "DATABASE_IN_USE" } else { "DATABASE_CHANGED" };
        assert_eq!(error.code(), code, "{mode}, in place {in_place}: {error}");
        idle.end();
        assert_eq!(numbers(&bench.path(), "old"), [1, 2, 3, 4], "{mode}, in place {in_place}");
    }
}

#[test]
fn a_database_that_is_created_during_the_swap_keeps_its_wal() {
    let bench = Bench::empty();
    let mut other = Process::start();
    let mut caller = TestCaller::building(|staging, _, _| {
        migrate(staging, None);
        other.open(&bench.path());
        other.try_run("PRAGMA journal_mode = wal");
        other.run("CREATE TABLE old (x); INSERT INTO old VALUES (1)");
    });
    let error = swap_database(&bench.request(), &mut caller).unwrap_err();
    drop(caller);
    assert_eq!((error.code(), error.step), ("TARGET_EXISTS", Step::Rename));
    assert!(bench.names().contains(&"a.db-wal".to_owned()));
    other.kill();
    assert_eq!(numbers(&bench.path(), "old"), [1]);
}

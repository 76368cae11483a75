//! Tests of swaps while others have the old database open: they are detected, named, waited for, or
//! refused.

use super::*;

#[test]
fn an_opener_is_named_and_nothing_is_changed() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        other.open(&bench.path());
        let error = bench.swap(&bench.request()).unwrap_err();
        assert_eq!((error.code(), error.step), ("DATABASE_IN_USE", Step::Prove));
        if cfg!(target_os = "linux") {
            assert!(error.to_string().contains(&format!("process {}", other.pid())), "{error}");
        }
        other.end();
        bench.assert_old(mode);
    }
}

#[test]
fn an_opener_that_comes_during_the_build_is_detected() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        let path = bench.path();
        let mut caller = TestCaller::building(|staging, old, _| {
            migrate(staging, old);
            other.open(&path);
        });
        let error = swap_database(&bench.request(), &mut caller).unwrap_err();
        drop(caller);
        assert_eq!((error.code(), error.step), ("DATABASE_IN_USE", Step::Prove), "{error}");
        other.run("INSERT INTO old VALUES (4)");
        other.end();
        assert_eq!(numbers(&bench.path(), "old"), [1, 2, 3, 4]);
        assert_eq!(journal_mode(&bench.path()), mode);
        assert_eq!(bench.names(), ["a.db"]);
    }
}

#[test]
fn a_swap_waits_for_other_openers() {
    for mode in MODES {
        for early in [true, false] {
            let bench = Bench::new(mode);
            let mut other = Process::start();
            if early {
                other.open(&bench.path());
            }
            let path = bench.path();
            let other = std::cell::RefCell::new(other);
            let mut proofs = 0;
            let mut caller = TestCaller {
                build: Box::new(|staging, old, _| {
                    migrate(staging, old);
                    if !early {
                        other.borrow_mut().open(&path);
                    }
                }),
                // The opener blocks the first proof, or the checkpoint.
                at: Some((
                    if early { Step::Prove } else { Step::Checkpoint },
                    Box::new(|_| {
                        proofs += 1;
                        if early || proofs == 2 {
                            other.borrow_mut().close_soon();
                        }
                    }),
                )),
                ..TestCaller::new()
            };
            let request = DatabaseSwap { in_use: InUse::Wait, ..bench.request() };
            let swapped = swap_database(&request, &mut caller).unwrap();
            drop(caller);
            assert_eq!(swapped.mode, Mode::Rename);
            bench.assert_new(mode, &["a.db"]);
        }
    }
}

#[test]
fn a_wait_ends_at_its_limit() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        other.open(&bench.path());
        let wait = Duration::from_millis(30);
        let request = DatabaseSwap { in_use: InUse::Wait, timeout: wait, ..bench.request() };
        assert_eq!(bench.swap(&request).unwrap_err().code(), "DATABASE_IN_USE");
        // A writer is waited for too.
        other.run("BEGIN IMMEDIATE");
        let request = DatabaseSwap { timeout: wait, ..bench.in_place() };
        let error = bench.swap(&request).unwrap_err();
        assert_eq!((error.code(), error.step), ("DATABASE_BUSY", Step::Guard));
        other.end();
        bench.assert_old(mode);
    }
}

#[test]
fn connections_of_this_process_count_too() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let connection =
            MaintenanceConnection::open(&bench.path(), Step::Check, &bench.limits()).unwrap();
        connection.run("SELECT count(*) FROM old").unwrap();
        let error = bench.swap(&bench.request()).unwrap_err();
        assert_eq!(error.code(), "DATABASE_IN_USE");
        assert!(error.to_string().contains("this process has it open"), "{error}");
        assert_eq!(bench.swap(&bench.in_place()).unwrap().mode, Mode::InPlace);
        connection.run("INSERT INTO new VALUES (4)").unwrap();
        connection.close().unwrap();
        assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn another_sqlite_in_this_process_is_refused_for_each_in_use() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let other = open_by_another_sqlite(&bench.path());
        for with_ours in [false, true] {
            let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
            let ours = with_ours.then(|| {
                MaintenanceConnection::open(&bench.path(), Step::Resolve, &limits).unwrap()
            });
            for in_use in [InUse::Refuse, InUse::Wait, InUse::InPlace] {
                let error = bench.swap(&DatabaseSwap { in_use, ..bench.request() }).unwrap_err();
                assert_eq!(error.code(), "DATABASE_IN_USE");
                assert!(error.to_string().contains("another SQLite"), "{error}");
            }
            drop(ours);
        }
        other.close().unwrap();
        bench.assert_old(mode);
    }
}

/// The locks of the two libraries do not exclude each other, because POSIX locks belong to the
/// process.
#[test]
#[cfg(target_os = "linux")]
fn another_sqlite_that_comes_during_the_build_is_refused() {
    for mode in MODES {
        for in_use in [InUse::Refuse, InUse::InPlace] {
            let bench = Bench::new(mode);
            let path = bench.path();
            let mut other = None;
            let mut caller = TestCaller::building(|staging, old, _| {
                migrate(staging, old);
                other = Some(open_by_another_sqlite(&path));
            });
            let error = swap_database(&DatabaseSwap { in_use, ..bench.request() }, &mut caller)
                .unwrap_err();
            drop(caller);
            assert_eq!((error.code(), error.committed), ("DATABASE_IN_USE", false));
            assert!(error.to_string().contains("another SQLite"), "{mode} {in_use:?}: {error}");
            other.unwrap().close().unwrap();
            bench.assert_old(mode);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_source_that_another_library_has_open_is_refused() {
    let (bench, other) = (Bench::new("delete"), Bench::new("delete"));
    let _library = fs::File::open(other.path()).unwrap();
    let request = DatabaseSwap { source: Some(other.path()), build: false, ..bench.request() };
    let error = bench.swap(&request).unwrap_err();
    assert_eq!((error.code(), error.step), ("DATABASE_IN_USE", Step::Resolve));
    bench.assert_old("delete");
    // Our own plain handle does not count as another library's.
    let _plain = OldFile::open(&bench.path()).unwrap();
    drop(OldFile::open(&bench.path()).unwrap());
}

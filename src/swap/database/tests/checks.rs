//! Tests of the checks of the new database and of the target.

use super::*;

#[test]
fn a_sidecar_is_refused_as_a_database() {
    let (bench, other) = (Bench::new("wal"), Bench::new("delete"));
    let mut process = Process::start();
    process.open(&bench.path());
    process.run("INSERT INTO old VALUES (4)");
    for suffix in ["-wal", "-shm", "-journal"] {
        let path = bench.beside(&format!("a.db{suffix}"));
        let onto = DatabaseSwap { target: path.clone(), ..bench.in_place() };
        let from = DatabaseSwap { source: Some(path.clone()), build: false, ..other.request() };
        for request in [onto, from] {
            let error = bench.swap(&request).unwrap_err();
            assert_eq!((error.code(), error.step), ("NOT_A_DATABASE", Step::Resolve), "{suffix}");
            assert!(error.to_string().contains("a.db;"), "{error}");
        }
        assert_eq!(recovery::recover(&path, &bench.limits()).unwrap_err().code(), "NOT_A_DATABASE");
    }
    process.end();
    other.assert_old("delete");
    // A database with a sidecar's name is accepted.
    fs::rename(other.path(), other.beside("b.db-wal")).unwrap();
    fs::write(other.beside("b.db"), "a text").unwrap();
    let request = DatabaseSwap { target: other.beside("b.db-wal"), ..other.request() };
    assert_eq!(other.swap(&request).unwrap().mode, Mode::Rename);
}

#[test]
fn a_copy_may_violate_constraints_if_they_are_not_checked() {
    let (from, to) = (Bench::new("wal"), Bench::empty());
    open(&from.path())
        .execute_batch(
            "PRAGMA foreign_keys = off; PRAGMA ignore_check_constraints = on;
             CREATE TABLE part (id INTEGER CHECK (id > 0), whole REFERENCES gone (id));
             INSERT INTO part VALUES (-1, 7)",
        )
        .unwrap();
    let request =
        DatabaseSwap { source: Some(from.path()), build: false, verify: false, ..to.request() };
    assert_eq!(to.swap(&request).unwrap_err().code(), "INTEGRITY_CHECK_FAILED");
    to.swap(&DatabaseSwap { constraints: false, ..request }).unwrap();
    let part: (i64, i64) = open(&to.path())
        .query_row("SELECT id, whole FROM part", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(part, (-1, 7));
}

#[test]
fn a_persistent_journal_of_the_builder_is_removed() {
    for kept in ["persist", "truncate"] {
        let bench = Bench::new("delete");
        let mut caller = TestCaller::building(|staging, old, _| {
            open(staging).pragma_update(None, "journal_mode", kept).unwrap();
            let new = open(staging);
            new.pragma_update(None, "journal_mode", kept).unwrap();
            new.execute_batch("CREATE TABLE other (x)").unwrap();
            new.close().unwrap();
            migrate(staging, old);
        });
        swap_database(&bench.request(), &mut caller).unwrap();
        bench.assert_new("delete", &["a.db"]);
    }
}

#[test]
fn an_invalid_new_database_is_refused() {
    let bench = Bench::new("wal");
    let build = |sql: &'static str| {
        move |staging: &Path, _: Option<&Path>, _: &Cancel| {
            open(staging).execute_batch(sql).unwrap();
        }
    };
    let foreign_key = "PRAGMA foreign_keys = 0; CREATE TABLE parent (id INTEGER PRIMARY KEY); \
         CREATE TABLE child (parent REFERENCES parent); INSERT INTO child VALUES (7)";
    let checked = "CREATE TABLE t (x CHECK (x > 0)); PRAGMA ignore_check_constraints = 1; \
         INSERT INTO t VALUES (-1)";
    for (sql, code) in
        [(foreign_key, "FOREIGN_KEY_CHECK_FAILED"), (checked, "INTEGRITY_CHECK_FAILED")]
    {
        let error = swap_database(&bench.request(), &mut TestCaller::building(build(sql)));
        let error = error.unwrap_err();
        assert_eq!((error.code(), error.step), (code, Step::Check), "{error}");
        bench.assert_old("wal");
    }
    let mut left_open = None;
    let mut caller = TestCaller::building(|staging, _, _| {
        let limits = Limits { timeout: Duration::ZERO, cancel: Arc::default() };
        left_open = MaintenanceConnection::open(staging, Step::Build, &limits).ok();
    });
    let error = swap_database(&bench.request(), &mut caller).unwrap_err();
    drop(caller);
    assert_eq!(error.code(), "STAGING_OPEN");
    drop(left_open);
    let mut other = Process::start();
    let mut caller = TestCaller::building(|staging, _, _| {
        other.open(staging);
        other.run("CREATE TABLE t (x)");
    });
    let error = swap_database(&bench.request(), &mut caller).unwrap_err();
    drop(caller);
    assert_eq!(error.code(), "STAGING_SIDECAR");
    let mut caller = TestCaller::building(|staging, _, _| fs::write(staging, [7; 8192]).unwrap());
    let error = swap_database(&bench.request(), &mut caller).unwrap_err();
    assert_eq!(error.code(), "NOT_A_DATABASE");
    let mut caller = TestCaller::building(|staging, _, _| fs::remove_file(staging).unwrap());
    let error = swap_database(&bench.request(), &mut caller).unwrap_err();
    assert_eq!(error.code(), "STAGING_MISSING");
    other.end();
    bench.assert_old("wal");
}

#[test]
fn a_target_that_is_not_a_database_is_unchanged() {
    let bench = Bench::empty();
    fs::write(
        bench.path(),
        "no database, but a text that is long enough to have a header of one: 100",
    )
    .unwrap();
    let error = bench.swap(&bench.request()).unwrap_err();
    assert_eq!((error.code(), error.step), ("NOT_A_DATABASE", Step::Guard));
    assert_eq!(bench.names(), ["a.db"]);
    fs::remove_file(bench.path()).unwrap();
    fs::create_dir(bench.path()).unwrap();
    let error = bench.swap(&bench.request()).unwrap_err();
    assert_eq!(error.code(), "TARGET_IS_DIRECTORY");
    assert_eq!(bench.names(), ["a.db"]);
    let missing = DatabaseSwap { target: bench.beside("none/a.db"), ..bench.request() };
    assert_eq!(bench.swap(&missing).unwrap_err().code(), "DIRECTORY_MISSING");
}

#[test]
fn an_empty_file_is_an_empty_database() {
    let bench = Bench::empty();
    fs::write(bench.path(), "").unwrap();
    let mut caller = TestCaller::building(|staging, old, _| {
        assert!(old.is_some());
        migrate(staging, None);
    });
    assert_eq!(swap_database(&bench.request(), &mut caller).unwrap().mode, Mode::Rename);
    assert_eq!(numbers(&bench.path(), "new"), [0i64; 0]);
    assert_eq!(bench.names(), ["a.db"]);
}

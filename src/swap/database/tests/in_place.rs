//! Tests of swaps in place.

use super::*;

#[test]
fn other_openers_continue_with_the_new_content() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        other.open(&bench.path());
        let request = DatabaseSwap { backup: Backup::Pattern, ..bench.in_place() };
        let swapped = bench.swap(&request).unwrap();
        assert_eq!(swapped.mode, Mode::InPlace);
        other.run("INSERT INTO new VALUES (4)");
        other.end();
        assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
        assert_eq!(journal_mode(&bench.path()), mode);
        let backup = swapped.backup.unwrap();
        assert!(backup.to_str().unwrap().contains("a.db.v1-v2-2"), "{backup:?}");
        assert_eq!(numbers(&backup, "old"), [1, 2, 3]);
        assert_eq!(bench.names().len(), 2, "{:?}", bench.names());
    }
}

#[test]
fn an_opener_that_comes_during_the_build_continues_with_the_new_content() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        let path = bench.path();
        let mut caller = TestCaller::building(|staging, old, _| {
            migrate(staging, old);
            other.open(&path);
        });
        let request = DatabaseSwap { backup: Backup::Named("old.db".into()), ..bench.in_place() };
        let swapped = swap_database(&request, &mut caller).unwrap();
        drop(caller);
        assert_eq!(swapped.mode, Mode::InPlace);
        other.run("INSERT INTO new VALUES (4)");
        other.end();
        assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
        assert_eq!(numbers(&bench.beside("old.db"), "old"), [1, 2, 3]);
        assert_eq!(journal_mode(&bench.path()), mode);
        assert_eq!(bench.names(), ["a.db", "old.db"]);
    }
}

#[test]
fn an_aborted_swap_in_place_leaves_no_backup() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let request = DatabaseSwap { backup: Backup::Pattern, ..bench.in_place() };
        let mut other = Process::start();
        other.open(&bench.path());
        let unnamed = bench.beside(".swap-backup-a.db");
        let mut caller = TestCaller::acting(Step::Transfer, |cancel| {
            assert!(unnamed.exists());
            cancel.raise(CancelReason::Aborted);
        });
        let error = swap_database(&request, &mut caller).unwrap_err();
        assert!(!error.committed);
        other.end();
        bench.assert_old(mode);
    }
}

#[test]
fn a_reader_does_not_block_writers_after_a_swap_in_place() {
    let bench = Bench::new("wal");
    let (mut reader, mut writer) = (Process::start(), Process::start());
    reader.open(&bench.path());
    reader.run("BEGIN; SELECT count(*) FROM old");
    writer.open(&bench.path());
    let began = Instant::now();
    let request = DatabaseSwap { timeout: Duration::from_secs(60), ..bench.in_place() };
    assert_eq!(bench.swap(&request).unwrap().mode, Mode::InPlace);
    assert!(began.elapsed() < Duration::from_secs(30), "the swap has waited for the reader");
    writer.run("INSERT INTO new VALUES (4)");
    reader.end();
    writer.end();
    assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
}

#[test]
fn a_swap_in_place_refuses_another_text_encoding() {
    let (bench, source) = (Bench::new("delete"), Bench::empty());
    open(&source.path())
        .execute_batch(
            "PRAGMA encoding = 'UTF-16le'; CREATE TABLE new (x); INSERT INTO new VALUES ('1')",
        )
        .unwrap();
    let mut other = Process::start();
    other.open(&bench.path());
    let request = DatabaseSwap {
        source: Some(source.path()),
        build: false,
        backup: Backup::Pattern,
        ..bench.in_place()
    };
    let error = bench.swap(&request).unwrap_err();
    assert_eq!((error.code(), error.step), ("ENCODING_MISMATCH", Step::Transfer));
    assert!(error.to_string().contains("PRAGMA encoding = 'UTF-8'"), "{error}");
    other.run("INSERT INTO old VALUES (4)");
    other.end();
    assert_eq!(bench.names(), ["a.db"]);
    // Without other openers the new database keeps its encoding.
    bench.swap(&DatabaseSwap { in_use: InUse::Refuse, ..request }).unwrap();
}

#[test]
fn a_swap_in_place_of_a_wal_database_refuses_another_page_size() {
    let bench = Bench::new("wal");
    let build = |staging: &Path, _: Option<&Path>, _: &Cancel| {
        let new = open(staging);
        new.execute_batch(
            "PRAGMA journal_mode = delete; PRAGMA page_size = 1024; VACUUM; CREATE TABLE new (x); \
             INSERT INTO new VALUES (1), (2), (3); PRAGMA journal_mode = wal",
        )
        .unwrap();
    };
    let mut other = Process::start();
    other.open(&bench.path());
    let error = swap_database(&bench.in_place(), &mut TestCaller::building(build)).unwrap_err();
    assert_eq!((error.code(), error.step), ("PAGE_SIZE_MISMATCH", Step::Transfer));
    other.end();
    bench.assert_old("wal");
    swap_database(&bench.in_place(), &mut TestCaller::building(build)).unwrap();
    bench.assert_new("wal", &["a.db"]);
}

//! Tests of the doctor's report.

use super::*;

fn report(bench: &Bench) -> serde_json::Value {
    let report = doctor::examine(&bench.path(), &bench.limits()).unwrap();
    serde_json::to_value(report).unwrap()
}

#[test]
fn the_report_lists_the_files_and_changes_nothing() {
    for mode in MODES {
        let bench = Bench::new(mode);
        fs::write(bench.beside(".staging-0123456789ab-a.db"), "1234").unwrap();
        fs::write(bench.beside(".swap-lock-a.db"), "").unwrap();
        let before = bench.names();
        let report = report(&bench);
        assert_eq!(bench.names(), before);
        assert_eq!(report["lockFile"], "left");
        assert_eq!(report["leftovers"][0]["bytes"], 4);
        assert_eq!(report["problem"], serde_json::Value::Null, "{report}");
        let database = &report["database"];
        assert_eq!(database["journalMode"], mode);
        assert_eq!((&database["userVersion"], &database["pageCount"]), (&1.into(), &2.into()));
        assert_eq!(database["integrity"], serde_json::json!([]));
    }
}

#[test]
fn the_report_has_the_openers_and_the_wal() {
    let bench = Bench::new("wal");
    let mut other = Process::start();
    other.open(&bench.path());
    other.run("INSERT INTO old VALUES (4)");
    let found = report(&bench);
    if cfg!(target_os = "linux") {
        assert_eq!(found["openers"][0]["pid"], other.pid());
    }
    assert_eq!(found["database"]["walFrames"], 1);
    assert_eq!(found["sidecars"].as_array().unwrap().len(), 2);
    other.kill();
    fs::remove_file(bench.beside("a.db-shm")).unwrap();
    let found = report(&bench);
    assert!(found["problem"].as_str().unwrap().contains("-wal"), "{found}");
    assert_eq!(bench.names(), ["a.db", "a.db-wal"]);
}

#[test]
fn the_report_has_the_problem() {
    let bench = Bench::empty();
    assert_eq!(report(&bench)["exists"], false);
    fs::write(bench.path(), [7; 4096]).unwrap();
    let found = report(&bench);
    assert!(found["problem"].as_str().unwrap().contains("not a SQLite database"), "{found}");
}

#[test]
fn the_report_mentions_an_interrupted_transaction() {
    let bench = Bench::new("delete");
    let mut other = Process::start();
    other.open(&bench.path());
    // With a small cache SQLite writes pages of the transaction before its end.
    other.run("PRAGMA cache_size = 5; BEGIN; INSERT INTO old SELECT zeroblob(100000)");
    other.kill();
    assert!(bench.beside("a.db-journal").exists());
    let found = report(&bench);
    assert!(found["problem"].as_str().unwrap().contains("its -journal was left"), "{found}");
    assert_eq!(numbers(&bench.path(), "old"), [1, 2, 3]);
    assert_eq!(report(&bench)["problem"], serde_json::Value::Null);
}

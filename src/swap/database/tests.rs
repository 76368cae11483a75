//! The protocol as a whole, with a caller of the tests' own, and other processes that have the
//! database open.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::own::Own;
use super::process::Process;
use super::*;
use crate::swap::cancel::Cancel;
use crate::swap::error::CancelReason;
use request::Mode;

type Act<'a> = Box<dyn FnMut(&Path, Option<&Path>, &Cancel) + 'a>;

type React<'a> = Box<dyn FnMut(&Cancel) + 'a>;

/// Builds a database with the rows of the old one, unless it is told otherwise.
struct TestCaller<'a> {
    cancel: Arc<Cancel>,
    build: Act<'a>,
    verify: Act<'a>,
    at: Option<(Step, React<'a>)>,
    steps: Vec<Step>,
}

impl<'a> TestCaller<'a> {
    fn new() -> Self {
        Self {
            cancel: Arc::default(),
            build: Box::new(|staging, old, _| migrate(staging, old)),
            verify: Box::new(|_, _, _| {}),
            at: None,
            steps: Vec::new(),
        }
    }

    fn building(build: impl FnMut(&Path, Option<&Path>, &Cancel) + 'a) -> Self {
        Self { build: Box::new(build), ..Self::new() }
    }

    fn acting(step: Step, action: impl FnMut(&Cancel) + 'a) -> Self {
        Self { at: Some((step, Box::new(action))), ..Self::new() }
    }
}

impl Caller for TestCaller<'_> {
    fn cancel(&self) -> &Arc<Cancel> {
        &self.cancel
    }

    fn build(&mut self, staging: &str, old: Option<&str>) -> std::result::Result<(), CancelReason> {
        (self.build)(Path::new(staging), old.map(Path::new), &self.cancel);
        self.cancel.check()
    }

    fn verify(
        &mut self,
        staging: &str,
        old: Option<&str>,
    ) -> std::result::Result<(), CancelReason> {
        (self.verify)(Path::new(staging), old.map(Path::new), &self.cancel);
        self.cancel.check()
    }

    fn begin(&mut self, step: Step) {
        self.steps.push(step);
        if let Some((at, action)) = &mut self.at
            && *at == step
        {
            action(&self.cancel);
        }
    }

    fn copied(&mut self, _done: u64, _total: u64) {}
}

/// Table `old` becomes table `new`, version 2.
fn migrate(staging: &Path, old: Option<&Path>) {
    let new = open(staging);
    new.execute_batch("CREATE TABLE new (x); PRAGMA user_version = 2").unwrap();
    for x in old.map_or_else(Vec::new, |old| numbers(old, "old")) {
        new.execute("INSERT INTO new VALUES (?)", [x]).unwrap();
    }
    new.close().unwrap();
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection
}

fn numbers(path: &Path, table: &str) -> Vec<i64> {
    let connection = open(path);
    let mut statement = connection.prepare(&format!("SELECT x FROM {table} ORDER BY x")).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
}

fn journal_mode(path: &Path) -> String {
    open(path).pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap()
}

/// A database "a.db" with the rows 1 to 3 in the table `old`, alone in its directory.
struct Bench {
    folder: TempDir,
}

const MODES: [&str; 2] = ["wal", "delete"];

impl Bench {
    fn new(mode: &str) -> Self {
        let bench = Self::empty();
        let old = open(&bench.path());
        old.pragma_update(None, "journal_mode", mode).unwrap();
        old.execute_batch(
            "PRAGMA user_version = 1; CREATE TABLE old (x); INSERT INTO old VALUES (1), (2), (3)",
        )
        .unwrap();
        old.close().unwrap();
        bench
    }

    fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.beside("a.db")
    }

    fn beside(&self, name: &str) -> PathBuf {
        dunce::canonicalize(self.folder.path()).unwrap().join(name)
    }

    fn request(&self) -> Request {
        Request {
            constraints: true,
            target: self.path(),
            source: None,
            build: true,
            verify: true,
            backup: Backup::None,
            in_use: InUse::Refuse,
            overwrite: true,
            durability: Durability::Full,
            timeout: Duration::from_secs(20),
        }
    }

    fn in_place(&self) -> Request {
        Request { in_use: InUse::InPlace, ..self.request() }
    }

    fn swap(&self, request: &Request) -> Result<Swapped> {
        swap_database(request, &mut TestCaller::new())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// It is the old one, in the mode that it had, and alone.
    #[track_caller]
    fn assert_old(&self, mode: &str) {
        assert_eq!(numbers(&self.path(), "old"), [1, 2, 3]);
        assert_eq!(journal_mode(&self.path()), mode);
        assert_eq!(self.names(), ["a.db"], "something is left over");
    }

    /// It is the new one, in the mode of the old one.
    #[track_caller]
    fn assert_new(&self, mode: &str, names: &[&str]) {
        assert_eq!(numbers(&self.path(), "new"), [1, 2, 3]);
        assert_eq!(journal_mode(&self.path()), mode);
        assert_eq!(self.names(), names);
    }

    fn patience(&self) -> Patience {
        Patience { timeout: Duration::ZERO, cancel: Arc::default() }
    }

    fn recover(&self) -> Vec<(&'static str, &'static str)> {
        let report = recovery::recover(&self.path(), &self.patience()).unwrap();
        report.found.iter().map(|found| (found.what, found.done)).collect()
    }
}

#[test]
fn the_new_databases_file_takes_the_old_ones_name() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut caller = TestCaller::new();
        let swapped = swap_database(&bench.request(), &mut caller).unwrap();
        assert_eq!((swapped.mode, swapped.backup, swapped.opener_came), (Mode::Link, None, false));
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
fn rows_that_are_in_the_wal_alone_are_in_the_new_database_and_the_backup() {
    let bench = Bench::new("wal");
    // A process that was killed leaves its -wal.
    let mut other = Process::start();
    other.open(&bench.path());
    other.run("INSERT INTO old VALUES (4)");
    other.kill();
    assert!(bench.names().contains(&"a.db-wal".to_owned()));
    let request = Request { backup: Backup::Named("before.db".into()), ..bench.request() };
    let swapped = bench.swap(&request).unwrap();
    assert_eq!(swapped.backup, Some(bench.beside("before.db")));
    assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
    assert_eq!(numbers(&bench.beside("before.db"), "old"), [1, 2, 3, 4]);
    assert_eq!(bench.names(), ["a.db", "before.db"]);
}

#[test]
fn what_the_old_database_was_like_is_what_a_new_one_begins_with() {
    let bench = Bench::empty();
    let old = open(&bench.path());
    old.execute_batch(
        "PRAGMA page_size = 1024; PRAGMA encoding = 'UTF-16le'; PRAGMA auto_vacuum = 1; CREATE TABLE old (x)",
    )
    .unwrap();
    old.close().unwrap();
    bench.swap(&bench.request()).unwrap();
    let own = Own::open(&bench.path(), Step::Check, &bench.patience()).unwrap();
    let facts = Facts::of(&own).unwrap();
    assert_eq!((facts.page_size, facts.auto_vacuum), (1024, 1));
    assert_eq!((facts.encoding.as_str(), facts.is_wal), ("UTF-16le", false));
}

#[test]
fn a_first_database_overwrites_nobodys_and_is_not_read_with_an_old_wal() {
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
fn a_database_is_copied_as_it_is_and_only_over_another_where_that_is_asked_for() {
    for mode in MODES {
        let (from, to) = (Bench::new(mode), Bench::empty());
        let mut other = Process::start();
        other.open(&from.path());
        other.run("INSERT INTO old VALUES (4)");
        let request = Request {
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
        to.swap(&Request { overwrite: true, ..request }).unwrap();
        assert_eq!(numbers(&to.path(), "old"), [1, 2, 3, 4, 5]);
        assert_eq!(to.names(), ["a.db"]);
        let itself = Request { source: Some(to.path()), ..to.request() };
        assert_eq!(to.swap(&itself).unwrap_err().code(), "SOURCE_IS_TARGET");
        let none = Request { source: Some(to.beside("none")), ..to.request() };
        assert_eq!(to.swap(&none).unwrap_err().code(), "SOURCE_MISSING");
    }
}

#[test]
fn whoever_has_it_open_is_named_and_nothing_is_changed() {
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
fn whoever_opens_it_while_the_new_one_is_built_is_found_too() {
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
fn they_are_waited_for() {
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
                // They are in the way of the first proof, or of the checkpoint.
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
            let request = Request { in_use: InUse::Wait, ..bench.request() };
            let swapped = swap_database(&request, &mut caller).unwrap();
            drop(caller);
            assert_eq!(swapped.mode, Mode::Link);
            bench.assert_new(mode, &["a.db"]);
        }
    }
}

#[test]
fn a_wait_has_an_end() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        other.open(&bench.path());
        let wait = Duration::from_millis(30);
        let request = Request { in_use: InUse::Wait, timeout: wait, ..bench.request() };
        assert_eq!(bench.swap(&request).unwrap_err().code(), "DATABASE_IN_USE");
        // Whoever writes is waited for as well.
        other.run("BEGIN IMMEDIATE");
        let request = Request { timeout: wait, ..bench.in_place() };
        let error = bench.swap(&request).unwrap_err();
        assert_eq!((error.code(), error.step), ("DATABASE_BUSY", Step::Guard));
        other.end();
        bench.assert_old(mode);
    }
}

#[test]
fn those_who_have_it_open_go_on_with_the_new_content_in_the_old_file() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        other.open(&bench.path());
        let request = Request { backup: Backup::Pattern, ..bench.in_place() };
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
fn whoever_comes_while_it_is_built_may_go_on_with_the_new_content_too() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let mut other = Process::start();
        let path = bench.path();
        let mut caller = TestCaller::building(|staging, old, _| {
            migrate(staging, old);
            other.open(&path);
        });
        let request = Request { backup: Backup::Named("old.db".into()), ..bench.in_place() };
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
fn connections_of_this_process_count_as_well() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let own = Own::open(&bench.path(), Step::Check, &bench.patience()).unwrap();
        own.run("SELECT count(*) FROM old").unwrap();
        let error = bench.swap(&bench.request()).unwrap_err();
        assert_eq!(error.code(), "DATABASE_IN_USE");
        assert!(error.to_string().contains("this process has it open"), "{error}");
        assert_eq!(bench.swap(&bench.in_place()).unwrap().mode, Mode::InPlace);
        own.run("INSERT INTO new VALUES (4)").unwrap();
        own.close().unwrap();
        assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn another_sqlite_in_this_process_is_refused_whatever_was_asked_for() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let other = open_by_another_sqlite(&bench.path());
        for with_ours in [false, true] {
            let patience = Patience { timeout: Duration::ZERO, cancel: Arc::default() };
            let ours =
                with_ours.then(|| Own::open(&bench.path(), Step::Resolve, &patience).unwrap());
            for in_use in [InUse::Refuse, InUse::Wait, InUse::InPlace] {
                let error = bench.swap(&Request { in_use, ..bench.request() }).unwrap_err();
                assert_eq!(error.code(), "DATABASE_IN_USE");
                assert!(error.to_string().contains("another SQLite"), "{error}");
            }
            drop(ours);
        }
        other.close().unwrap();
        bench.assert_old(mode);
    }
}

/// Its locks mean nothing to ours, as they are this process's: what the two write goes into one another.
#[test]
#[cfg(target_os = "linux")]
fn another_sqlite_that_comes_while_the_new_one_is_built_is_refused_too() {
    for mode in MODES {
        for in_use in [InUse::Refuse, InUse::InPlace] {
            let bench = Bench::new(mode);
            let path = bench.path();
            let mut other = None;
            let mut caller = TestCaller::building(|staging, old, _| {
                migrate(staging, old);
                other = Some(open_by_another_sqlite(&path));
            });
            let error =
                swap_database(&Request { in_use, ..bench.request() }, &mut caller).unwrap_err();
            drop(caller);
            assert_eq!((error.code(), error.committed), ("DATABASE_IN_USE", false));
            assert!(error.to_string().contains("another SQLite"), "{mode} {in_use:?}: {error}");
            other.unwrap().close().unwrap();
            bench.assert_old(mode);
        }
    }
}

/// What is not known to be ours is somebody else's.
#[cfg(target_os = "linux")]
fn open_by_another_sqlite(path: &Path) -> Connection {
    let other = open(path);
    other.query_row("SELECT count(*) FROM old", [], |_| Ok(())).unwrap();
    open_files::disown(path.parent().unwrap());
    other
}

#[test]
fn what_sqlite_keeps_beside_a_database_is_none_by_itself() {
    let (bench, other) = (Bench::new("wal"), Bench::new("delete"));
    let mut process = Process::start();
    process.open(&bench.path());
    process.run("INSERT INTO old VALUES (4)");
    for suffix in ["-wal", "-shm", "-journal"] {
        let path = bench.beside(&format!("a.db{suffix}"));
        let onto = Request { target: path.clone(), ..bench.in_place() };
        let from = Request { source: Some(path.clone()), build: false, ..other.request() };
        for request in [onto, from] {
            let error = bench.swap(&request).unwrap_err();
            assert_eq!((error.code(), error.step), ("NOT_A_DATABASE", Step::Resolve), "{suffix}");
            assert!(error.to_string().contains("a.db;"), "{error}");
        }
        assert_eq!(
            recovery::recover(&path, &bench.patience()).unwrap_err().code(),
            "NOT_A_DATABASE"
        );
    }
    process.end();
    other.assert_old("delete");
    // One of such a name is one like any other, whatever is beside it.
    fs::rename(other.path(), other.beside("b.db-wal")).unwrap();
    fs::write(other.beside("b.db"), "a text").unwrap();
    let request = Request { target: other.beside("b.db-wal"), ..other.request() };
    assert_eq!(other.swap(&request).unwrap().mode, Mode::Link);
}

#[test]
fn an_aborted_swap_in_place_leaves_no_backup() {
    for mode in MODES {
        let bench = Bench::new(mode);
        let request = Request { backup: Backup::Pattern, ..bench.in_place() };
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
fn a_backup_whose_name_is_taken_and_cannot_be_numbered_gets_another_one() {
    for in_use in [InUse::Refuse, InUse::InPlace] {
        let bench = Bench::new("delete");
        let mut other = Process::start();
        let step = if in_use == InUse::InPlace { Step::Transfer } else { Step::Rename };
        if in_use == InUse::InPlace {
            other.open(&bench.path());
        }
        // As long as a name can be.
        let name = "b".repeat(255);
        let taken = bench.beside(&name);
        let mut caller =
            TestCaller::acting(step, |_| fs::write(&taken, "somebody else's").unwrap());
        let request = Request { in_use, backup: Backup::Named(name.into()), ..bench.request() };
        let backup = swap_database(&request, &mut caller).unwrap().backup.unwrap();
        other.end();
        assert_eq!(numbers(&backup, "old"), [1, 2, 3]);
        assert_eq!(fs::read_to_string(&taken).unwrap(), "somebody else's");
        assert_eq!(bench.names().len(), 3);
    }
}

#[test]
fn whoever_reads_on_keeps_no_writer_out_once_it_is_swapped_in_place() {
    let bench = Bench::new("wal");
    let (mut reader, mut writer) = (Process::start(), Process::start());
    reader.open(&bench.path());
    reader.run("BEGIN; SELECT count(*) FROM old");
    writer.open(&bench.path());
    let began = Instant::now();
    let request = Request { timeout: Duration::from_secs(60), ..bench.in_place() };
    assert_eq!(bench.swap(&request).unwrap().mode, Mode::InPlace);
    assert!(began.elapsed() < Duration::from_secs(30), "it has waited for the reader");
    writer.run("INSERT INTO new VALUES (4)");
    reader.end();
    writer.end();
    assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3, 4]);
}

#[test]
#[cfg(unix)]
fn a_database_that_is_made_private_meanwhile_is_private_afterwards() {
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
        swap_database(&Request { in_use, backup, ..bench.request() }, &mut caller).unwrap();
        assert_eq!((mode(&path), mode(&bench.beside("before.db"))), (0o600, 0o600));
        other.end();
    }
}

#[test]
fn in_place_text_stays_as_those_read_it_who_have_it_open() {
    let (bench, source) = (Bench::new("delete"), Bench::empty());
    open(&source.path())
        .execute_batch(
            "PRAGMA encoding = 'UTF-16le'; CREATE TABLE new (x); INSERT INTO new VALUES ('1')",
        )
        .unwrap();
    let mut other = Process::start();
    other.open(&bench.path());
    let request = Request {
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
    // Where nobody has it open it is the new one's own.
    bench.swap(&Request { in_use: InUse::Refuse, ..request }).unwrap();
}

#[test]
fn a_copy_is_as_its_source_is_whatever_its_constraints_say() {
    let (from, to) = (Bench::new("wal"), Bench::empty());
    open(&from.path())
        .execute_batch(
            "PRAGMA foreign_keys = off; PRAGMA ignore_check_constraints = on;
             CREATE TABLE part (id INTEGER CHECK (id > 0), whole REFERENCES gone (id));
             INSERT INTO part VALUES (-1, 7)",
        )
        .unwrap();
    let request =
        Request { source: Some(from.path()), build: false, verify: false, ..to.request() };
    assert_eq!(to.swap(&request).unwrap_err().code(), "INTEGRITY_CHECK_FAILED");
    to.swap(&Request { constraints: false, ..request }).unwrap();
    let part: (i64, i64) = open(&to.path())
        .query_row("SELECT id, whole FROM part", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(part, (-1, 7));
}

#[test]
fn a_journal_that_the_builder_had_kept_is_nobodys() {
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
fn nobody_else_commits_while_the_new_one_is_built() {
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
            swap_database(&Request { in_use, ..bench.request() }, &mut caller).unwrap();
            drop(caller);
            assert_eq!(numbers(&path, "new"), [1, 2, 3]);
        }
    }
}

/// Whatever was acknowledged is in the new database, or the swap was refused and it is in the old one.
#[test]
fn no_commit_of_another_process_is_lost_whenever_it_comes() {
    for mode in MODES {
        for idle in [true, false] {
            let bench = Bench::new(mode);
            let writer = Process::start().write_all_the_time(&bench.path(), idle);
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
                let request = Request { in_use, ..bench.request() };
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
fn an_abort_or_an_error_on_the_way_leaves_the_old_database_alone() {
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
                    let own = (in_use == InUse::InPlace)
                        .then(|| Own::open(&bench.path(), Step::Check, &bench.patience()).unwrap());
                    let abort = |cancel: &Cancel| cancel.raise(CancelReason::Aborted);
                    let mut caller = TestCaller::acting(step, abort);
                    let request = Request { in_use, backup: backup.clone(), ..bench.request() };
                    let ended = swap_database(&request, &mut caller);
                    if !caller.steps.contains(&step) {
                        assert!(ended.is_ok());
                        continue;
                    }
                    let error = ended.unwrap_err();
                    assert_eq!((error.code(), error.committed), ("ABORTED", false), "{step:?}");
                    if let Some(own) = own {
                        own.close().unwrap();
                    }
                    bench.assert_old(mode);
                }
            }
        }
    }
}

#[test]
fn a_new_database_that_is_not_as_it_should_be_is_refused() {
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
        let patience = Patience { timeout: Duration::ZERO, cancel: Arc::default() };
        left_open = Own::open(staging, Step::Build, &patience).ok();
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
fn a_wal_database_that_others_have_open_takes_its_own_page_size_alone() {
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

#[test]
fn a_target_that_is_no_database_stays_as_it_is() {
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
    let gone = Request { target: bench.beside("none/a.db"), ..bench.request() };
    assert_eq!(bench.swap(&gone).unwrap_err().code(), "DIRECTORY_MISSING");
}

#[test]
fn an_empty_file_is_an_empty_database() {
    let bench = Bench::empty();
    fs::write(bench.path(), "").unwrap();
    let mut caller = TestCaller::building(|staging, old, _| {
        assert!(old.is_some());
        migrate(staging, None);
    });
    assert_eq!(swap_database(&bench.request(), &mut caller).unwrap().mode, Mode::Link);
    assert_eq!(numbers(&bench.path(), "new"), [0i64; 0]);
    assert_eq!(bench.names(), ["a.db"]);
}

#[test]
fn a_persistent_journal_goes_with_the_old_database() {
    let bench = Bench::new("delete");
    let old = open(&bench.path());
    old.execute_batch(
        "PRAGMA journal_mode = persist; INSERT INTO old VALUES (4); DELETE FROM old WHERE x = 4",
    )
    .unwrap();
    old.close().unwrap();
    assert!(bench.names().contains(&"a.db-journal".to_owned()));
    assert_eq!(bench.swap(&bench.request()).unwrap().mode, Mode::Link);
    bench.assert_new("delete", &["a.db"]);
}

#[test]
#[cfg(unix)]
fn a_link_stays_and_owner_mode_are_the_old_ones() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let bench = Bench::new("wal");
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a.db", bench.beside("link")).unwrap();
    let request = Request { target: bench.beside("link"), ..bench.request() };
    bench.swap(&request).unwrap();
    assert!(bench.beside("link").is_symlink());
    assert_eq!(fs::metadata(bench.path()).unwrap().permissions().mode() & 0o777, 0o640);
    bench.assert_new("wal", &["a.db", "link"]);
}

/// What another SQLite library of this process does when it closes the database: every close of the
/// file drops this process' locks on it, and it removes the `-wal` that it takes for its own.
#[cfg(unix)]
fn close_as_another_library(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        drop(fs::File::open(&name));
        if !suffix.is_empty() {
            let _ = fs::remove_file(&name);
        }
    }
}

#[test]
#[cfg(unix)]
fn a_commit_that_slipped_by_the_guard_is_seen() {
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
fn a_database_that_somebody_makes_meanwhile_keeps_its_wal() {
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

#[test]
fn what_holds_no_data_is_in_nobodys_way() {
    for name in ["a.db-shm", "a.db-wal", "a.db-journal"] {
        let bench = Bench::new("delete");
        let bytes = if name == "a.db-shm" { vec![0; 32768] } else { Vec::new() };
        fs::write(bench.beside(name), bytes).unwrap();
        assert_eq!(bench.swap(&bench.request()).unwrap().mode, Mode::Link, "{name}");
        assert_eq!(numbers(&bench.path(), "new"), [1, 2, 3], "{name}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_source_that_another_library_has_open_is_refused_with_its_locks_kept() {
    let (bench, other) = (Bench::new("delete"), Bench::new("delete"));
    let _library = fs::File::open(other.path()).unwrap();
    let request = Request { source: Some(other.path()), build: false, ..bench.request() };
    let error = bench.swap(&request).unwrap_err();
    assert_eq!((error.code(), error.step), ("DATABASE_IN_USE", Step::Resolve));
    bench.assert_old("delete");
    // A look of our own is none.
    let _look = Handle::open(&bench.path()).unwrap();
    drop(Handle::open(&bench.path()).unwrap());
}

#[test]
fn a_backup_has_a_name_that_nobody_takes_for_something_else() {
    let bench = Bench::new("wal");
    let too_long = "x".repeat(300);
    for (name, code) in [
        ("a.db-wal", "BACKUP_NAME_RESERVED"),
        ("a.db-shm", "BACKUP_NAME_RESERVED"),
        ("a.db-journal", "BACKUP_NAME_RESERVED"),
        (".swap-backup-a.db", "BACKUP_NAME_RESERVED"),
        (".staging-0123456789ab-a.db", "BACKUP_NAME_RESERVED"),
        (&too_long, "IO_ERROR"),
    ] {
        let request = Request { backup: Backup::Named(name.into()), ..bench.request() };
        let error = bench.swap(&request).unwrap_err();
        assert_eq!((error.code(), error.committed), (code, false), "{name}");
        bench.assert_old("wal");
    }
}

#[test]
fn a_backup_of_a_database_with_a_long_name_has_a_shorter_one() {
    let bench = Bench::new("delete");
    let long = bench.beside(&("x".repeat(240) + ".db"));
    fs::rename(bench.path(), &long).unwrap();
    let request = Request { target: long, backup: Backup::Pattern, ..bench.request() };
    let backup = bench.swap(&request).unwrap().backup.unwrap();
    assert_eq!(numbers(&backup, "old"), [1, 2, 3]);
}

mod left_by_a_killed_swap {
    use super::*;

    /// As a swap leaves it that is killed now.
    fn leave_note(bench: &Bench, note: &Note) {
        let target = Target::resolve(&bench.path()).unwrap();
        let mut lock = TargetLock::try_acquire(&target).unwrap().unwrap();
        note.write(&mut lock, &target, Durability::Full).unwrap();
    }

    fn identity(bench: &Bench) -> Option<String> {
        note::lasting_identity(&bench.path())
    }

    #[test]
    fn while_it_was_built() {
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
    fn after_the_old_one_left_wal_mode_and_got_its_second_name() {
        let bench = Bench::new("wal");
        let note =
            Note { was_wal: identity(&bench), backup: Some("old.db".into()), in_place: None };
        for has_backup in [false, true] {
            open(&bench.path()).pragma_update(None, "journal_mode", "delete").unwrap();
            if has_backup {
                fs::hard_link(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
            }
            leave_note(&bench, &note);
            recovery::before_open(&bench.path());
            bench.assert_old("wal");
        }
    }

    #[test]
    fn after_the_rename_before_the_backup_had_its_name() {
        let bench = Bench::new("wal");
        let note =
            Note { was_wal: identity(&bench), backup: Some("old.db".into()), in_place: None };
        open(&bench.path()).pragma_update(None, "journal_mode", "delete").unwrap();
        fs::rename(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
        migrate(&bench.path(), Some(&bench.beside(".swap-backup-a.db")));
        leave_note(&bench, &note);
        assert_eq!(bench.recover(), [("backup", "named"), ("lock-file", "removed")]);
        // The new one has the mode that it was built with.
        bench.assert_new("delete", &["a.db", "old.db"]);
        assert_eq!(numbers(&bench.beside("old.db"), "old"), [1, 2, 3]);
    }

    #[test]
    fn a_note_does_not_lead_out_of_the_directory_or_into_the_database() {
        for name in ["sub/a", "../a", "a.db-wal", ".staging-0123456789ab-a.db"] {
            let bench = Bench::new("delete");
            fs::create_dir(bench.beside("sub")).unwrap();
            fs::copy(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
            leave_note(&bench, &Note { backup: Some(name.into()), ..Note::default() });
            recovery::before_open(&bench.path());
            let names = bench.names();
            assert_eq!(names.len(), 3, "{names:?}");
            assert!(names[1].starts_with("a.db.backup-"), "{names:?}");
        }
    }

    #[test]
    fn with_a_journal_that_nobody_counts_on() {
        for mode in MODES {
            let bench = Bench::new(mode);
            let was_wal = (mode == "wal").then(|| identity(&bench)).flatten();
            leave_note(&bench, &Note { was_wal, in_place: Some(1), ..Note::default() });
            fs::write(bench.beside("a.db-journal"), [0; 512]).unwrap();
            recovery::before_open(&bench.path());
            bench.assert_old(mode);
        }
    }

    #[test]
    fn when_the_power_failed_and_only_the_backups_name_was_on_the_disk() {
        let bench = Bench::new("delete");
        fs::hard_link(bench.path(), bench.beside("old.db")).unwrap();
        leave_note(&bench, &Note { backup: Some("old.db".into()), ..Note::default() });
        recovery::before_open(&bench.path());
        bench.assert_old("delete");
    }

    #[test]
    fn a_note_that_names_the_database_itself_does_not_remove_it() {
        let bench = Bench::new("delete");
        fs::create_dir(bench.beside("sub")).unwrap();
        fs::hard_link(bench.path(), bench.beside("sub/link")).unwrap();
        for name in ["a.db", "./a.db", "sub/../a.db", "sub/link"] {
            leave_note(&bench, &Note { backup: Some(name.into()), ..Note::default() });
            recovery::before_open(&bench.path());
            assert!(bench.path().exists(), "{name}");
        }
        assert!(bench.beside("sub/link").exists());
    }

    #[test]
    fn a_backup_without_a_note_is_kept_unless_it_is_the_database_itself() {
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
    fn a_copied_backup_is_kept_once_the_new_content_is_there() {
        for mode in MODES {
            for is_committed in [false, true] {
                let bench = Bench::new(mode);
                let before: i64 = open(&bench.path())
                    .pragma_query_value(None, "schema_version", |row| row.get(0))
                    .unwrap();
                if is_committed {
                    // What a swap in place does to the number that recovery goes by.
                    let own = Own::open(&bench.path(), Step::Check, &bench.patience()).unwrap();
                    bench.swap(&bench.in_place()).unwrap();
                    let now: i64 = own.pragma("schema_version").unwrap();
                    assert!(now > before, "{before} {now}");
                }
                fs::copy(bench.path(), bench.beside(".swap-backup-a.db")).unwrap();
                let note =
                    Note { was_wal: None, backup: Some("old.db".into()), in_place: Some(before) };
                leave_note(&bench, &note);
                recovery::before_open(&bench.path());
                let expected: &[&str] = if is_committed { &["a.db", "old.db"] } else { &["a.db"] };
                assert_eq!(bench.names(), expected, "{mode} {is_committed}");
            }
        }
    }

    #[test]
    fn what_cannot_be_done_now_is_done_by_the_next() {
        let bench = Bench::new("wal");
        let note = Note { was_wal: identity(&bench), ..Note::default() };
        open(&bench.path()).pragma_update(None, "journal_mode", "delete").unwrap();
        leave_note(&bench, &note);
        let mut other = Process::start();
        other.open(&bench.path());
        other.run("BEGIN; SELECT * FROM old");
        assert_eq!(bench.recover(), [("journal-mode", "failed")]);
        other.end();
        recovery::before_open(&bench.path());
        bench.assert_old("wal");
    }

    #[test]
    fn a_live_swap_is_left_alone() {
        let bench = Bench::new("wal");
        let path = bench.path();
        let mut caller = TestCaller::building(|staging, old, _| {
            recovery::before_open(&path);
            let patience = Patience { timeout: Duration::ZERO, cancel: Arc::default() };
            assert!(recovery::recover(&path, &patience).unwrap().under_way);
            migrate(staging, old);
        });
        swap_database(&bench.request(), &mut caller).unwrap();
        drop(caller);
        bench.assert_new("wal", &["a.db"]);
    }

    #[test]
    #[cfg(unix)]
    fn by_way_of_a_link_too_and_where_nothing_may_be_written() {
        use std::os::unix::fs::symlink;
        let (bench, elsewhere) = (Bench::new("wal"), Bench::empty());
        symlink(bench.path(), elsewhere.beside("link")).unwrap();
        fs::write(bench.beside(".swap-lock-a.db"), "").unwrap();
        recovery::before_open(&elsewhere.beside("link"));
        bench.assert_old("wal");
        recovery::before_open(Path::new("/none/a.db"));
        recovery::before_open(Path::new("a\0b"));
    }
}

mod doctor_says {
    use super::*;

    fn report(bench: &Bench) -> serde_json::Value {
        let report = doctor::examine(&bench.path(), &bench.patience()).unwrap();
        serde_json::to_value(report).unwrap()
    }

    #[test]
    fn what_is_there_and_changes_nothing() {
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
    fn who_has_it_open_and_what_is_in_the_wal() {
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
    fn what_is_wrong() {
        let bench = Bench::empty();
        assert_eq!(report(&bench)["exists"], false);
        fs::write(bench.path(), [7; 4096]).unwrap();
        let found = report(&bench);
        assert!(found["problem"].as_str().unwrap().contains("not a SQLite database"), "{found}");
    }

    #[test]
    fn that_a_transaction_was_left_open() {
        let bench = Bench::new("delete");
        let mut other = Process::start();
        other.open(&bench.path());
        // With few pages in its cache it writes some of the transaction before its end.
        other.run("PRAGMA cache_size = 5; BEGIN; INSERT INTO old SELECT zeroblob(100000)");
        other.kill();
        assert!(bench.beside("a.db-journal").exists());
        let found = report(&bench);
        assert!(found["problem"].as_str().unwrap().contains("its -journal was left"), "{found}");
        assert_eq!(numbers(&bench.path(), "old"), [1, 2, 3]);
        assert_eq!(report(&bench)["problem"], serde_json::Value::Null);
    }
}

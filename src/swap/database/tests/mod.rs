//! Tests of the whole protocol, with a test caller and other processes that have the database open.

mod backups;
mod checks;
mod examining;
mod in_place;
mod in_use;
mod lost_commits;
mod recovering;
mod renaming;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::maintenance::MaintenanceConnection;
use super::process::Process;
use super::proof::OldFile;
use super::protocol::swap_database;
use super::recovery_record::{self, RecoveryRecord};
use super::request::{
    Backup, DatabaseSwap, DatabaseSwapCaller, DatabaseSwapped, InUse, Limits, Mode,
};
use super::write_lock::Facts;
use super::{doctor, recovery};
use crate::files;
use crate::jobs::cancel::{Cancel, CancelReason};
use crate::swap::steps::durability::Durability;
use crate::swap::steps::error::{Result, Step};
use crate::swap::steps::lock::TargetLock;
use crate::swap::steps::target::Target;

/// The caller's `build` or `verify`.
type CallerStep<'a> = Box<dyn FnMut(&Path, Option<&Path>, &Cancel) + 'a>;

/// An action of a test when a step begins.
type Action<'a> = Box<dyn FnMut(&Cancel) + 'a>;

/// A caller that by default builds a database with the rows of the old one.
struct TestCaller<'a> {
    cancel: Arc<Cancel>,
    build: CallerStep<'a>,
    verify: CallerStep<'a>,
    at: Option<(Step, Action<'a>)>,
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

impl DatabaseSwapCaller for TestCaller<'_> {
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

/// Builds a database of version 2, whose table `new` has the rows of the table `old`.
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

/// A directory with only a database "a.db", which has the rows 1 to 3 in the table `old`.
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

    fn request(&self) -> DatabaseSwap {
        DatabaseSwap {
            check: true,
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

    fn in_place(&self) -> DatabaseSwap {
        DatabaseSwap { in_use: InUse::InPlace, ..self.request() }
    }

    fn swap(&self, request: &DatabaseSwap) -> Result<DatabaseSwapped> {
        swap_database(request, &mut TestCaller::new())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Asserts that the database is the old one, in its journal mode, and that nothing else exists.
    #[track_caller]
    fn assert_old(&self, mode: &str) {
        assert_eq!(numbers(&self.path(), "old"), [1, 2, 3]);
        assert_eq!(journal_mode(&self.path()), mode);
        assert_eq!(self.names(), ["a.db"], "something is left over");
    }

    /// Asserts that the database is the new one, in the old one's journal mode, beside the named
    /// files.
    #[track_caller]
    fn assert_new(&self, mode: &str, names: &[&str]) {
        assert_eq!(numbers(&self.path(), "new"), [1, 2, 3]);
        assert_eq!(journal_mode(&self.path()), mode);
        assert_eq!(self.names(), names);
    }

    fn limits(&self) -> Limits {
        Limits { timeout: Duration::ZERO, cancel: Arc::default() }
    }

    fn recover(&self) -> Vec<(&'static str, &'static str)> {
        let report = recovery::recover(&self.path(), &self.limits()).unwrap();
        report.found.iter().map(|found| (found.what, found.done)).collect()
    }
}

/// Opens a connection, and removes it from the registry, so that it counts as another library's.
#[cfg(target_os = "linux")]
fn open_by_another_sqlite(path: &Path) -> Connection {
    let other = open(path);
    other.query_row("SELECT count(*) FROM old", [], |_| Ok(())).unwrap();
    files::disown(path.parent().unwrap());
    other
}

/// Does what another SQLite library in this process does when it closes the database: closing the
/// files drops this process's locks, and the library removes the `-wal` and `-shm`.
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

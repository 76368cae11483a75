//! Copying a database with SQLite's backup API: from one connection to another, page by page, all of
//! it in one transaction of the other.

use super::maintenance::MaintenanceConnection;
use super::request::DatabaseSwapCaller;
use crate::sqlite::backup::{Backup, BackupStep, Progress};
use crate::swap::error::{Problem, Result, Step, SwapError};

/// How much is copied before the flag is asked again, in bytes.
const PIECE: i64 = 4 * 1024 * 1024;

/// How often it begins anew, because somebody has written to the source, before writers are kept out.
const MOST_RESTARTS: usize = 3;

/// A copy that has begun: the destination is locked, and nothing of it is changed yet.
pub struct Copy<'a, 'b> {
    backup: Backup<'a, 'b>,
    source: &'a MaintenanceConnection,
    page_size: i64,
    /// Where errors come up.
    at: (Step, std::path::PathBuf),
}

impl<'a, 'b> Copy<'a, 'b> {
    /// Locks the destination for writing.
    pub fn begin(
        source: &'a MaintenanceConnection,
        destination: &'b mut MaintenanceConnection,
        caller: &dyn DatabaseSwapCaller,
    ) -> Result<Self> {
        let at = (destination.step(), destination.path().to_owned());
        let page_size = source.pragma("page_size")?;
        if source.pragma::<String>("journal_mode")? == "wal" {
            // Whoever reads there keeps nobody from writing.
            hold(source)?;
        }
        let backup = match Backup::new(source.connection(), destination.connection_mut()) {
            Ok(backup) => backup,
            Err(error) => return Err(SwapError::new(error.into(), at.0, &at.1)),
        };
        let copy = Self { backup, source, page_size, at };
        copy.step(0, caller)?;
        Ok(copy)
    }

    /// Copies all of it, and commits. `check` is asked before each piece: nothing is changed where it
    /// says no.
    pub fn finish(
        self,
        caller: &mut dyn DatabaseSwapCaller,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let pages = i32::try_from(PIECE / self.page_size.max(1)).unwrap_or(1);
        let (mut last, mut restarts) = (0, 0);
        loop {
            check()?;
            let result = self.step(pages, caller)?;
            let Progress { total, done } = self.backup.progress();
            caller.copied(self.bytes(done), self.bytes(total));
            if result == BackupStep::Done {
                return Ok(());
            }
            if done < last {
                restarts += 1;
            }
            if restarts >= MOST_RESTARTS && self.source.connection().is_autocommit() {
                hold(self.source)?;
            }
            last = done;
        }
    }

    /// A few pages. Waits for locks as long as the two connections do.
    fn step(&self, pages: i32, caller: &dyn DatabaseSwapCaller) -> Result<BackupStep> {
        let (step, path) = &self.at;
        let wrong = |problem| Err(SwapError::new(problem, *step, path));
        if let Err(reason) = caller.cancel().check() {
            return wrong(Problem::Cancelled(reason));
        }
        match self.backup.step(pages) {
            Ok(BackupStep::Busy) => match caller.cancel().check() {
                Err(reason) => wrong(Problem::Cancelled(reason)),
                Ok(()) => wrong(crate::swap::error::database::DatabaseProblem::Busy.into()),
            },
            Ok(result) => Ok(result),
            Err(error) => wrong(error.into()),
        }
    }

    fn bytes(&self, pages: i32) -> u64 {
        u64::try_from(i64::from(pages) * self.page_size).unwrap_or(0)
    }
}

/// Keeps the database as it is for this connection: in WAL mode writers go on beside it, else they wait.
fn hold(connection: &MaintenanceConnection) -> Result<()> {
    connection.run("BEGIN; SELECT count(*) FROM sqlite_schema")
}

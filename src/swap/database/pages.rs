//! Copying a database with SQLite's backup API, page by page, in one transaction of the
//! destination.

use super::maintenance::MaintenanceConnection;
use super::request::DatabaseSwapCaller;
use crate::sqlite::backup::{Backup, BackupStep, Progress};
use crate::swap::steps::error::{Problem, Result, Step, SwapError};

/// How many bytes are copied between two checks of the cancel flag.
const PIECE: i64 = 4 * 1024 * 1024;

/// How often the copy may restart because of writes to the source, before it excludes writers.
const MOST_RESTARTS: usize = 3;

/// A running copy. The destination is locked.
pub struct Copy<'a, 'b> {
    backup: Backup<'a, 'b>,
    source: &'a MaintenanceConnection,
    page_size: i64,
    /// The step and path for errors.
    at: (Step, std::path::PathBuf),
}

impl<'a, 'b> Copy<'a, 'b> {
    /// Locks the destination for writing, without changing it.
    pub fn begin(
        source: &'a MaintenanceConnection,
        destination: &'b mut MaintenanceConnection,
        caller: &dyn DatabaseSwapCaller,
    ) -> Result<Self> {
        let at = (destination.step(), destination.path().to_owned());
        let page_size = source.pragma("page_size")?;
        if source.pragma::<String>("journal_mode")? == "wal" {
            // In WAL mode a read transaction does not block writers.
            begin_read(source)?;
        }
        let backup = match Backup::new(source.connection(), destination.connection_mut()) {
            Ok(backup) => backup,
            Err(error) => return Err(SwapError::new(error.into(), at.0, &at.1)),
        };
        let copy = Self { backup, source, page_size, at };
        copy.step(0, caller)?;
        Ok(copy)
    }

    /// Copies the whole database and commits. Calls `check` before each piece. If it fails, the
    /// transaction is rolled back.
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
                begin_read(self.source)?;
            }
            last = done;
        }
    }

    /// Copies some pages. Waits for locks as long as the two connections do.
    fn step(&self, pages: i32, caller: &dyn DatabaseSwapCaller) -> Result<BackupStep> {
        let (step, path) = &self.at;
        let failure = |problem| Err(SwapError::new(problem, *step, path));
        if let Err(reason) = caller.cancel().check() {
            return failure(Problem::Cancelled(reason));
        }
        match self.backup.step(pages) {
            Ok(BackupStep::Busy) => match caller.cancel().check() {
                Err(reason) => failure(Problem::Cancelled(reason)),
                Ok(()) => {
                    failure(crate::swap::steps::error::database::DatabaseProblem::Busy.into())
                }
            },
            Ok(result) => Ok(result),
            Err(error) if error.is_damage() => Err(self.source.error(error)),
            Err(error) => failure(error.into()),
        }
    }

    fn bytes(&self, pages: i32) -> u64 {
        u64::try_from(i64::from(pages) * self.page_size).unwrap_or(0)
    }
}

/// Begins a read transaction, which keeps a snapshot. In WAL mode writers continue; in other modes
/// they wait.
fn begin_read(connection: &MaintenanceConnection) -> Result<()> {
    connection.run("BEGIN; SELECT count(*) FROM sqlite_schema")
}

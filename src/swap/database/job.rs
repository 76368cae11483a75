//! The state that the steps of a running database swap share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::new_database::NewDatabase;
use super::proof::{self, OldFile, Verdict};
use super::recovery_record::{self, RecoveryRecord};
use super::request::{Backup, DatabaseSwap, DatabaseSwapCaller, InUse, Limits};
use super::target::resolve;
use super::write_lock::Facts;
use super::{backup, openers, recovery};
use crate::jobs::backoff::Backoff;
use crate::jobs::cancel::CancelReason;
use crate::swap::steps::durability::{self, Durability};
use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};
use crate::swap::steps::lock::TargetLock;
use crate::swap::steps::metadata;
use crate::swap::steps::target::Target;

/// The first and the longest pause between two checks whether others have closed the old database.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long `inUse: "refuse"` waits. A child process has copies of this process's descriptors from
/// its start until it executes its program, so that a first check may see it as an opener.
const BRIEF_WAIT: Duration = Duration::from_millis(100);
/// How long undoing a swap waits for a lock. After that the next client that opens the database
/// does the rest.
const UNDO_TIMEOUT: Duration = Duration::from_secs(1);

/// A running swap.
pub struct Job<'a> {
    pub request: &'a DatabaseSwap,
    pub caller: &'a mut dyn DatabaseSwapCaller,
    pub limits: Limits,
    pub target: Target,
    pub lock: TargetLock,
    pub record: RecoveryRecord,
    /// Whether this swap has created the backup with its fixed name.
    pub has_unnamed: bool,
}

impl<'a> Job<'a> {
    /// Resolves the target and locks it. Repeats this if the path resolves differently once the
    /// lock is taken.
    pub fn begin(
        request: &'a DatabaseSwap,
        caller: &'a mut dyn DatabaseSwapCaller,
    ) -> Result<Self> {
        caller.begin(Step::Resolve);
        let limits = Limits { timeout: request.timeout, cancel: Arc::clone(caller.cancel()) };
        let mut target = resolve(&request.target)?;
        loop {
            caller.begin(Step::Lock);
            let mut lock = TargetLock::acquire(&target, caller.cancel())?;
            let now = resolve(&request.target)?;
            let has_moved = now.path != target.path;
            target = now;
            if has_moved {
                continue;
            }
            caller.begin(Step::Recover);
            recovery::clear(&target, &mut lock, &limits)?;
            backup::refuse_unnamed(&target)?;
            if let Backup::Named(name) = &request.backup {
                backup::requested_name(name, &target)?;
            }
            // A journal mode that could not be restored, because others are using the database.
            let left = if lock.has_record() { RecoveryRecord::read(&lock, &target)? } else { None };
            let was_wal = left.and_then(|record| record.was_wal);
            let record = RecoveryRecord { was_wal, ..RecoveryRecord::default() };
            return Ok(Self { request, caller, limits, target, lock, record, has_unnamed: false });
        }
    }

    /// Finds out whether another process or client has the old database open. As `inUse` demands,
    /// waits until they have closed it, or fails.
    pub fn prove_alone(&mut self) -> Result<(OldFile, bool)> {
        let path = &self.target.path;
        let mut handle = OldFile::open(path)?;
        let mut wait = Wait::new(&self.limits, self.request.in_use);
        loop {
            handle = match handle.prove(path)? {
                Verdict::Alone(lease) => return Ok((lease.release(path)?, true)),
                Verdict::Unknown(handle) => return Ok((handle, false)),
                Verdict::InUse(handle) => match self.request.in_use {
                    InUse::InPlace => return Ok((handle, false)),
                    InUse::Wait | InUse::Refuse if wait.has_time() => handle,
                    InUse::Wait | InUse::Refuse => return Err(self.in_use(0)),
                },
            };
            wait.pause().map_err(|reason| {
                SwapError::new(Problem::Cancelled(reason), Step::Prove, &self.target.path)
            })?;
        }
    }

    /// Builds the new database, checks it, and lets the caller verify it. If `takes_name`, its file
    /// will be renamed to the target, and gets its metadata.
    pub fn build_new(&mut self, old: Option<&Facts>, takes_name: bool) -> Result<NewDatabase> {
        self.caller.begin(Step::Stage);
        let mut new = NewDatabase::create(&self.target, &self.limits)?;
        if let Some(source) = &self.request.source {
            self.caller.begin(Step::Write);
            new.fill(&self.source(source)?, old, self.caller)?;
        } else if let Some(old) = old {
            new.begin_like(old)?;
        }
        let request = self.request;
        if request.build {
            self.ask(Step::Build, &new, |caller, staging, old| caller.build(staging, old))?;
        }
        self.caller.begin(Step::Check);
        if request.check {
            new.check(request.constraints, request.source.as_deref())?;
        }
        if request.verify {
            self.ask(Step::Verify, &new, |caller, staging, old| caller.verify(staging, old))?;
        }
        let (file, found) = new.settle(Step::Check)?;
        if !takes_name {
            return Ok(new);
        }
        self.caller.begin(Step::Metadata);
        // The owner or the mode may have changed since the swap began.
        self.target.refresh()?;
        metadata::carry_over(&self.target, (&file, &found), new.path(), None, new.default_mode())?;
        self.caller.begin(Step::Sync);
        durability::sync_file(&file, request.durability).at(Step::Sync, new.path())?;
        drop(file);
        Ok(new)
    }

    pub fn ask(&mut self, step: Step, new: &NewDatabase, question: Question) -> Result<()> {
        let failure = |problem| SwapError::new(problem, step, new.path());
        let staging = new.path().to_str().ok_or_else(|| failure(Problem::NotUtf8))?;
        let old = match &self.target.found {
            Some(_) => Some(self.target.path.to_str().ok_or_else(|| failure(Problem::NotUtf8))?),
            None => None,
        };
        self.caller.begin(step);
        question(self.caller, staging, old).map_err(|reason| failure(Problem::Cancelled(reason)))
    }

    /// The real path of the source. Fails if it is the target itself.
    pub fn source(&self, given: &Path) -> Result<PathBuf> {
        let failure = |problem| SwapError::new(problem, Step::Resolve, given);
        let source = resolve(given).map_err(|error| match error.problem {
            Problem::IsDirectory(_) => {
                failure(Problem::NotAFile("SOURCE_NOT_A_FILE", "a directory"))
            }
            Problem::NotAFile(_, kind) => failure(Problem::NotAFile("SOURCE_NOT_A_FILE", kind)),
            Problem::DirectoryMissing | Problem::DirectoryIsFile => {
                failure(Problem::Missing("SOURCE_MISSING"))
            }
            _ => error,
        })?;
        if source.found.is_none() {
            return Err(failure(Problem::Missing("SOURCE_MISSING")));
        }
        let identity = recovery_record::identity(&source.path);
        if identity == recovery_record::identity(&self.target.path) {
            return Err(failure(Problem::SourceIsTarget));
        }
        proof::refuse_foreign_sqlite(&source.path, Step::Resolve)?;
        Ok(source.path)
    }

    /// The name for the backup, if there is to be one.
    pub fn backup_name(
        &self,
        old: &Facts,
        new: &NewDatabase,
    ) -> Result<Option<std::ffi::OsString>> {
        let user_version = new.facts.as_ref().map_or(0, |facts| facts.user_version);
        backup::name(&self.request.backup, &self.target, (old.user_version, user_version))
    }

    pub fn write_record(&mut self) -> Result<()> {
        if self.record == RecoveryRecord::default() && !self.lock.has_record() {
            return Ok(());
        }
        let order = self.order();
        self.record.write(&mut self.lock, &self.target, order)
    }

    /// Syncs the names in the target's directory before the next step.
    pub fn sync_directory(&self, step: Step) -> Result<()> {
        let directory = &self.target.directory;
        durability::sync_directory(directory, self.order()).at(step, directory)
    }

    /// The durability for syncs that order two steps. A directory has no barrier, so that needs a
    /// full sync.
    pub fn order(&self) -> Durability {
        match self.request.durability {
            Durability::Full | Durability::Barrier => Durability::Full,
            Durability::None => Durability::None,
        }
    }

    /// Does the work of the record. If a part fails, the record is kept, and the next client that
    /// opens the database tries again.
    pub fn settle_record(&mut self) {
        let found = recovery::settle(&self.target, Some(&self.record), &self.undo_limits());
        if found.iter().all(|found| found.done != "failed") {
            self.lock.forget_records();
        }
    }

    /// The limits for undoing a swap, which the swap's cancel flag does not end.
    pub fn undo_limits(&self) -> Limits {
        Limits { timeout: self.limits.timeout.min(UNDO_TIMEOUT), cancel: Arc::default() }
    }

    /// Undoes the changes to the old database, which is still the target.
    pub fn undo(&mut self) {
        if self.has_unnamed {
            // If this fails, a recovery removes it later.
            let _ = self.remove_unnamed();
        }
        self.settle_record();
    }

    /// Removes the backup under its fixed name, which is a second name or a copy of the old
    /// database.
    pub fn remove_unnamed(&mut self) -> Result<()> {
        let unnamed = backup::unnamed(&self.target);
        std::fs::remove_file(&unnamed).at(Step::Backup, &unnamed)?;
        self.has_unnamed = false;
        Ok(())
    }

    pub fn is_durable(&self) -> bool {
        self.request.durability == Durability::Full
    }

    pub fn check_cancel(&self, step: Step) -> Result<()> {
        self.limits.cancel.check().map_err(|reason| self.error(step, Problem::Cancelled(reason)))
    }

    /// The error that names the openers. `own` is the number of the swap's connections on the
    /// target.
    pub fn in_use(&self, own: usize) -> SwapError {
        self.error(Step::Prove, openers::in_use(&self.target.path, own).into())
    }

    pub fn error(&self, step: Step, problem: Problem) -> SwapError {
        SwapError::new(problem, step, &self.target.path)
    }
}

/// A question to the caller, with the paths of the new and the old database.
type Question =
    fn(&mut dyn DatabaseSwapCaller, &str, Option<&str>) -> std::result::Result<(), CancelReason>;

/// A wait for other openers, with growing pauses.
pub struct Wait {
    until: Instant,
    backoff: Backoff,
    limits: Limits,
}

impl Wait {
    pub fn new(limits: &Limits, in_use: InUse) -> Self {
        let limit = match in_use {
            InUse::Wait => limits.timeout,
            InUse::Refuse | InUse::InPlace => limits.timeout.min(BRIEF_WAIT),
        };
        let until = Instant::now() + limit;
        Self { until, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), limits: limits.clone() }
    }

    pub fn has_time(&self) -> bool {
        Instant::now() < self.until
    }

    pub fn pause(&mut self) -> std::result::Result<(), CancelReason> {
        self.limits.cancel.sleep(self.backoff.pause())
    }
}

//! Replacing a database: whoever opens it finds the old one or the new one, with every transaction
//! that was acknowledged, at any instant and after any crash.
//!
//! A database is more than a file: what is in its `-wal`, and whoever has it open, belong to it. A
//! rename is right only when nobody else has the old file open. This module is the protocol; each step
//! has a module of its own:
//!
//! 1. the target's lock, as with every swap; [`recovery`]: what a killed swap left is set right;
//! 2. [`proof`]: has anybody else the old database open? Then `inUse` decides;
//! 3. [`guard`]: from now on nobody else commits, and everybody may read;
//! 4. [`new`]: a staging file like the old one, in which the caller builds; [`pages`] copies one there;
//! 5. its checks, and the caller's own; then it is one file that nobody has open, with the old one's
//!    owner, mode and attributes, and on the disk;
//! 6. [`link`]: its file takes the old one's name; or [`in_place`]: its content takes the place of the
//!    old one's, in one transaction of SQLite's. Where there was no old one: [`first`].
//! 7. [`backup`]: the old one gets its name.
//!
//! [`note`] is what a recovery must know; [`own`], the connections that all of this uses;
//! [`openers`], who else is there; [`doctor`], a look at all of it that changes nothing.

mod backup;
pub mod doctor;
mod first;
mod guard;
mod in_place;
mod link;
mod new;
mod note;
mod openers;
mod own;
mod pages;
mod proof;
pub mod recovery;
pub mod request;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::durability::{self, Durability};
use super::error::database::DatabaseProblem;
use super::error::{At, Problem, Result, Step, SwapError};
use super::lock::TargetLock;
use super::metadata;
use super::target::Target;
use crate::open_files::{self, Link, PlainFile};
use guard::{Facts, Guard};
use new::New;
use note::Note;
use proof::{Handle, Verdict};
use request::{Backup, Caller, InUse, Patience, Request, Swapped};

/// How soon it is asked again whether others have closed the old database, first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long, where those who have it open shall be refused at once: a process that this one has begun
/// just now has copies of its descriptors, until it becomes another program.
const BRIEFLY: Duration = Duration::from_millis(100);
/// How long locks are waited for where what was done is undone: what cannot be done by then is left to
/// the next to open the database.
const UNDOING: Duration = Duration::from_secs(1);

/// Replaces a database. Takes as long as it takes: for a thread of its own.
pub fn swap_database(request: &Request, caller: &mut dyn Caller) -> Result<Swapped> {
    let mut swap = Swap::begin(request, caller)?;
    if swap.target.found.is_none() {
        return first::swap(swap);
    }
    if !request.overwrite {
        return Err(swap.wrong(Step::Resolve, DatabaseProblem::TargetExists.into()));
    }
    swap.caller.begin(Step::Prove);
    let (handle, is_alone) = swap.look_around()?;
    swap.caller.begin(Step::Guard);
    let guard = Guard::take(&swap.target.path, &swap.patience)?;
    let new = swap.make(Some(&guard.facts), is_alone)?;
    if is_alone {
        link::swap(swap, guard, handle, new)
    } else {
        in_place::swap(swap, guard, &handle, new)
    }
}

/// A swap under way.
struct Swap<'a> {
    request: &'a Request,
    caller: &'a mut dyn Caller,
    patience: Patience,
    target: Target,
    lock: TargetLock,
    note: Note,
    /// The old database has its second name, or the copy of it has that: by this swap.
    has_unnamed: bool,
}

impl<'a> Swap<'a> {
    /// Finds the target and locks it; where it leads elsewhere once the lock is there, again.
    fn begin(request: &'a Request, caller: &'a mut dyn Caller) -> Result<Self> {
        caller.begin(Step::Resolve);
        let patience = Patience { timeout: request.timeout, cancel: Arc::clone(caller.cancel()) };
        let mut target = resolve(&request.target)?;
        loop {
            caller.begin(Step::Lock);
            let mut lock = TargetLock::acquire(&target, caller.cancel())?;
            let now = resolve(&request.target)?;
            let leads_elsewhere = now.path != target.path;
            target = now;
            if leads_elsewhere {
                continue;
            }
            caller.begin(Step::Recover);
            recovery::clear(&target, &mut lock, &patience)?;
            backup::refuse_unnamed(&target)?;
            if let Backup::Named(name) = &request.backup {
                backup::asked_for(name, &target)?;
            }
            // What could not be set right yet, because others are using it.
            let left = if lock.has_note() { Note::read(&lock, &target)? } else { None };
            let was_wal = left.and_then(|note| note.was_wal);
            let note = Note { was_wal, ..Note::default() };
            return Ok(Self { request, caller, patience, target, lock, note, has_unnamed: false });
        }
    }

    /// Whether nobody else has the old database open. Waits for that, or refuses to go on without it,
    /// as it was asked for.
    fn look_around(&mut self) -> Result<(Handle, bool)> {
        let path = &self.target.path;
        let mut handle = Handle::open(path)?;
        let mut wait = Wait::new(&self.patience, self.request.in_use);
        loop {
            handle = match handle.prove(path)? {
                Verdict::Alone(gate) => return Ok((gate.open(path)?, true)),
                Verdict::Unknown(handle) => return Ok((handle, false)),
                Verdict::InUse(handle) => match self.request.in_use {
                    InUse::InPlace => return Ok((handle, false)),
                    InUse::Wait | InUse::Refuse if wait.goes_on() => handle,
                    InUse::Wait | InUse::Refuse => return Err(self.in_use(0)),
                },
            };
            wait.pause().map_err(|reason| {
                SwapError::new(Problem::Cancelled(reason), Step::Prove, &self.target.path)
            })?;
        }
    }

    /// Makes the new database, and has it looked at. Where `takes_name`, it will be the target itself.
    fn make(&mut self, old: Option<&Facts>, takes_name: bool) -> Result<New> {
        self.caller.begin(Step::Stage);
        let mut new = New::create(&self.target, &self.patience)?;
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
        new.check(request.constraints)?;
        if request.verify {
            self.ask(Step::Verify, &new, |caller, staging, old| caller.verify(staging, old))?;
        }
        let (file, found) = new.settle(Step::Check)?;
        if !takes_name {
            return Ok(new);
        }
        self.caller.begin(Step::Metadata);
        // It may have been made somebody else's, or private, meanwhile.
        self.target.refresh()?;
        metadata::carry_over(&self.target, (&file, &found), new.path(), None, new.default_mode())?;
        self.caller.begin(Step::Sync);
        durability::sync_file(&file, request.durability).at(Step::Sync, new.path())?;
        drop(file);
        Ok(new)
    }

    fn ask(&mut self, step: Step, new: &New, question: Question) -> Result<()> {
        let wrong = |problem| SwapError::new(problem, step, new.path());
        let staging = new.path().to_str().ok_or_else(|| wrong(Problem::NotUtf8))?;
        let old = match &self.target.found {
            Some(_) => Some(self.target.path.to_str().ok_or_else(|| wrong(Problem::NotUtf8))?),
            None => None,
        };
        self.caller.begin(step);
        question(self.caller, staging, old).map_err(|reason| wrong(Problem::Cancelled(reason)))
    }

    /// The source, which is another database than the target.
    fn source(&self, given: &Path) -> Result<PathBuf> {
        let wrong = |problem| SwapError::new(problem, Step::Resolve, given);
        let source = resolve(given).map_err(|error| match error.problem {
            Problem::IsDirectory(_) | Problem::NotAFile(_) => {
                wrong(Problem::NotAFile("SOURCE_NOT_A_FILE"))
            }
            Problem::DirectoryMissing => wrong(Problem::Missing("SOURCE_MISSING")),
            _ => error,
        })?;
        if source.found.is_none() {
            return Err(wrong(Problem::Missing("SOURCE_MISSING")));
        }
        let identity = note::identity(&source.path);
        if identity == note::identity(&self.target.path) {
            return Err(wrong(Problem::SourceIsTarget));
        }
        proof::refuse_other_sqlite(&source.path, Step::Resolve)?;
        Ok(source.path)
    }

    /// What the backup is to be called.
    fn backup_name(&self, old: &Facts, new: &New) -> Result<Option<std::ffi::OsString>> {
        let user_version = new.facts.as_ref().map_or(0, |facts| facts.user_version);
        backup::name(&self.request.backup, &self.target, (old.user_version, user_version))
    }

    fn write_note(&mut self) -> Result<()> {
        if self.note == Note::default() && !self.lock.has_note() {
            return Ok(());
        }
        let order = self.order();
        self.note.write(&mut self.lock, &self.target, order)
    }

    /// Has the names beside the target reach the disk before what comes next.
    fn sync_directory(&self, step: Step) -> Result<()> {
        let directory = &self.target.directory;
        durability::sync_directory(directory, self.order()).at(step, directory)
    }

    /// How sure it is that one thing reaches the disk before another. Directories know no barrier.
    fn order(&self) -> Durability {
        match self.request.durability {
            Durability::Full | Durability::Barrier => Durability::Full,
            Durability::None => Durability::None,
        }
    }

    /// Does what the note asks for. What cannot be done now is left to the next to open the database:
    /// the note stays.
    fn clear_up(&mut self) {
        let found = recovery::settle(&self.target, Some(&self.note), &self.undoing());
        if found.iter().all(|found| found.done != "failed") {
            self.lock.forget_notes();
        }
    }

    /// What has ended the swap ends nothing of what comes after.
    fn undoing(&self) -> Patience {
        Patience { timeout: self.patience.timeout.min(UNDOING), cancel: Arc::default() }
    }

    /// Undoes what was done to the old database, which has stayed.
    fn undo(&mut self) {
        if self.has_unnamed {
            // Where that fails, the recovery finds out whose it is.
            let _ = self.remove_unnamed();
        }
        self.clear_up();
    }

    /// The backup, while it has no name: a second name of the old database, or a copy of it.
    fn remove_unnamed(&mut self) -> Result<()> {
        let unnamed = backup::unnamed(&self.target);
        std::fs::remove_file(&unnamed).at(Step::Backup, &unnamed)?;
        self.has_unnamed = false;
        Ok(())
    }

    fn is_durable(&self) -> bool {
        self.request.durability == Durability::Full
    }

    fn check_cancel(&self, step: Step) -> Result<()> {
        self.patience.cancel.check().map_err(|reason| self.wrong(step, Problem::Cancelled(reason)))
    }

    /// `own`: how many connections of ours are the swap's.
    fn in_use(&self, own: usize) -> SwapError {
        self.wrong(Step::Prove, openers::in_use(&self.target.path, own).into())
    }

    fn wrong(&self, step: Step, problem: Problem) -> SwapError {
        SwapError::new(problem, step, &self.target.path)
    }
}

/// The file of a database, which is not one that SQLite keeps beside another: to open and close that
/// would drop the other's locks, and its content means nothing by itself.
pub fn resolve(given: &Path) -> Result<Target> {
    let target = Target::resolve(given)?;
    let wrong =
        |problem: DatabaseProblem| Err(SwapError::new(problem.into(), Step::Resolve, given));
    let is_open_itself = || open_files::is_open_database(&target.path);
    if let Some(database) = open_files::sidecars::database_beside(&target.path)
        && database.is_file()
        && !is_open_itself()
        && (open_files::open_by(&target.path).is_some() || !is_database(&target.path))
    {
        return wrong(DatabaseProblem::Sidecar(database));
    }
    if open_files::is_open_by_us(&target.path) && !is_open_itself() {
        // By another name.
        return wrong(DatabaseProblem::NotADatabase);
    }
    Ok(target)
}

/// Whether a file that no SQLite of this process has open is one by its beginning.
fn is_database(path: &Path) -> bool {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let mut beginning = [0; 16];
    PlainFile::open(options, Link::Refuse, path)
        .and_then(|file| (&*file).read_exact(&mut beginning))
        .is_ok_and(|()| beginning == *open_files::beginnings::DATABASE)
}

/// What the caller is asked for, with the paths of the new and the old database.
type Question =
    fn(&mut dyn Caller, &str, Option<&str>) -> std::result::Result<(), super::error::CancelReason>;

/// A wait for others, in growing pauses.
struct Wait {
    until: Instant,
    pause: Duration,
    patience: Patience,
}

impl Wait {
    fn new(patience: &Patience, in_use: InUse) -> Self {
        let limit = match in_use {
            InUse::Wait => patience.timeout,
            InUse::Refuse | InUse::InPlace => patience.timeout.min(BRIEFLY),
        };
        let until = Instant::now() + limit;
        Self { until, pause: FIRST_PAUSE, patience: patience.clone() }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn pause(&mut self) -> std::result::Result<(), super::error::CancelReason> {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        self.patience.cancel.sleep(pause)
    }
}

#[cfg(test)]
mod process;
#[cfg(test)]
mod tests;

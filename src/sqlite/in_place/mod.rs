//! Runs a statement on the thread of JavaScript, within bounds. A statement that goes beyond a bound has no
//! effect, and runs again on the lane's thread.

mod first_run;
pub mod program;

use rusqlite::Statement;
use rusqlite::limits::Limit;

use self::program::Program;
use crate::sqlite::checkpoints::NotingFrames;
use crate::sqlite::columns::Column;
use crate::sqlite::past_cancelling::PastCancelling;
use crate::sqlite::preparing::RunError;
use crate::sqlite::rows::RowSink;
use crate::sqlite::statement_info::{QUICK_RUNS, StatementInfo};
use crate::sqlite::{Connection, Error};
use crate::value::Arguments;

/// The longest value that a statement in place may make or read, in bytes
/// (<https://sqlite.org/c3ref/limit.html>, SQLITE_LIMIT_LENGTH).
pub const LONGEST_VALUE: usize = 64 * 1024;

/// The most bytes of all values that a statement in place makes, without those of further rows: many columns
/// may each have a long one. Copying so much takes about 0.1 ms.
const MOST_BYTES: usize = 1024 * 1024;

/// The most bytes that the announced columns of a statement may have. Its answer has room for the same twice,
/// beside a chunk of rows.
const LONGEST_ANNOUNCEMENT: usize = LONGEST_VALUE / 2;

/// A run of so many steps of SQLite's virtual machine counts as quick: it takes about 0.05 ms. Steps are
/// counted instead of time, because on a busy machine each run may take long.
const QUICK: i32 = 1000;

/// What the end of a write costs, as far as it is known without a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitCost {
    /// Whether a commit waits for the disk: it may, in rollback-journal modes and with `synchronous` FULL.
    pub may_sync: bool,
    /// The number of frames from which a commit copies the WAL into the database. 0 if it never does.
    pub checkpoint_at: i32,
}

impl Connection {
    /// Whether a statement has shown itself quick, and has a program of bounded cost.
    pub fn is_quick(&self, id: u32) -> bool {
        !self.recorder.random.has_any()
            && self.statements.get(&id).is_some_and(|info| {
                let is_bounded =
                    info.program.is_some_and(|(program, _)| program != Program::Unbounded);
                is_bounded && info.quick_runs == QUICK_RUNS
            })
    }

    /// Whether nothing is known of a statement.
    pub fn is_unknown(&self, id: u32) -> bool {
        !self.recorder.random.has_any() && !self.statements.contains_key(&id)
    }

    /// Learns from a run on the lane's thread.
    pub fn learn(&mut self, id: u32) {
        let Some(info) = self.statements.get_mut(&id) else { return };
        if !info.may_run_in_place() {
            return;
        }
        let is_quick = info.steps <= QUICK;
        info.quick_runs = if is_quick { (info.quick_runs + 1).min(QUICK_RUNS) } else { 0 };
        if !info.kind.changes {
            self.learn_program(id);
        }
    }

    /// Learns what a statement that has shown itself quick can cost. For one that changes rows, this has to come
    /// right before its next run: `EXPLAIN` sets `changes()` to 0, as that run will set it in any case.
    pub fn learn_program(&mut self, id: u32) {
        let Some(info) = self.statements.get_mut(&id) else { return };
        if info.quick_runs == QUICK_RUNS && info.program.is_none() && info.may_be_explained() {
            let _past = PastCancelling::begin(&self.is_past_cancelling);
            let program = || Program::of(&self.raw, &info.sql);
            info.program = Some(self.recorder.aside(program));
        }
    }

    /// The cost of a commit on this connection.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn commit_cost(&self) -> Result<CommitCost, Error> {
        let asked = self.recorder.aside(|| {
            Ok::<(String, i64, i64), Error>((
                self.pragma("journal_mode")?,
                self.pragma("synchronous")?,
                self.pragma("wal_autocheckpoint")?,
            ))
        });
        let (mode, synchronous, checkpoint_at) = asked?;
        let may_sync = match mode.as_str() {
            "memory" | "off" => self.file_id().is_some() && synchronous > 0,
            "wal" => synchronous > 1,
            _ => true,
        };
        Ok(CommitCost { may_sync, checkpoint_at: i32::try_from(checkpoint_at).unwrap_or(0) })
    }

    /// Runs a statement for which [`Connection::is_quick`] holds, or one that is unknown, whose text is
    /// `unknown`. Hands its rows and its result to `sink`. None if it did not run. After an error, which a
    /// bound can be the cause of, it has had no effect, and the rows that `sink` got are to be forgotten.
    /// SQLite may have rolled back the open transaction.
    ///
    /// `commit` is the cost of a commit, for a statement that writes: inside a transaction, too, a rollback
    /// journal is synced when the page cache is full (<https://sqlite.org/atomiccommit.html>). None if it
    /// must not write.
    pub fn run_in_place<S: RowSink>(
        &mut self,
        id: u32,
        unknown: Option<&str>,
        arguments: &Arguments<'_>,
        commit: Option<CommitCost>,
        sink: &mut S,
    ) -> Option<Result<(), S::Error>> {
        let mut known = match unknown {
            Some(_) => None,
            None => Some(self.statements.remove(&id)?),
        };
        let done = self.raw.with_slot(id, |slot| {
            if let Some(sql) = unknown {
                slot.statement = None;
                known = self.prepare_in_place(slot, sql);
            }
            let info = known.as_mut()?;
            // A statement that is not kept any more is not prepared here, which may take long.
            let statement = slot.statement.as_mut()?;
            let shape = info.shape;
            self.is_in_place.set(true);
            let done = self.run_within_bounds(statement, info, arguments, commit, sink);
            self.is_in_place.set(false);
            if !matches!(done, Some(Ok(()))) {
                // What was announced to the sink is forgotten.
                info.shape = shape;
                if unknown.is_some() {
                    // The next run has to prepare it again, so that SQLite asks the authorizer.
                    slot.statement = None;
                }
            }
            done
        });
        let is_done = matches!(done, Some(Ok(())));
        if is_done {
            self.found.set(self.found.get().and(unknown.is_none()));
        }
        if let Some(info) = known.as_mut() {
            if self.bounds.is_too_long() || is_done && info.steps > QUICK {
                info.quick_runs = 0;
            } else if !is_done {
                // The next call runs on the lane's thread, too, so that what fails does not run twice each time.
                info.quick_runs = info.quick_runs.min(QUICK_RUNS - 1);
            }
        }
        self.bounds.set(false);
        if let Some(info) = known
            && (is_done || unknown.is_none())
        {
            self.statements.insert(id, info);
        }
        done
    }

    fn run_within_bounds<S: RowSink>(
        &self,
        statement: &mut Statement<'_>,
        info: &mut StatementInfo,
        arguments: &Arguments<'_>,
        commit: Option<CommitCost>,
        sink: &mut S,
    ) -> Option<Result<(), S::Error>> {
        let (program, values) = info.program?;
        let writes = !statement.readonly();
        let is_autocommit = self.raw.is_autocommit();
        let checkpoint_at = match commit {
            _ if !writes => 0,
            // An interrupt would roll back the whole transaction.
            _ if !is_autocommit && program == Program::Loops => return None,
            Some(CommitCost { may_sync: false, checkpoint_at }) if is_autocommit => checkpoint_at,
            Some(CommitCost { may_sync: false, .. }) => 0,
            _ => return None,
        };
        // A statement that returns rows is undone by a savepoint of our own if they cannot be handed on.
        if writes && !info.columns.is_empty() || !has_short_names(info) {
            return None;
        }
        // A write inside a transaction must not be ended, and has no loop.
        let is_bounded = !writes || is_autocommit;
        let longest = (MOST_BYTES / values.max(1)).min(LONGEST_VALUE);
        let _limits = Limits::begin(self, is_bounded, longest, checkpoint_at)?;
        // SQLite must not prepare the statement again here: the new program may be another one.
        self.recorder.refuse_stale(true);
        let ran = if program == Program::StraightInParts && !is_autocommit {
            self.whole(|| {
                let ran = self.run_prepared(statement, info, arguments, sink);
                // An error of ours is what `whole` undoes.
                ran.map_err(|error| match error {
                    RunError::Sqlite(error) => RunError::Ours(self.error(error).into()),
                    error => error,
                })
            })
        } else {
            self.run_prepared(statement, info, arguments, sink)
        };
        match ran {
            Ok(()) => Some(Ok(())),
            Err(RunError::Stale) => None,
            Err(RunError::Sqlite(error)) => Some(Err(self.error(error).into())),
            Err(RunError::Ours(error)) => Some(Err(error)),
        }
    }
}

/// Whether the columns are announced already, or can be announced in the answer, which has a bound. A text of few
/// bytes can have many columns with long names: `select * from t, t as u`.
fn has_short_names(info: &StatementInfo) -> bool {
    let bytes = || info.columns.iter().map(Column::bytes).sum::<usize>();
    info.shape.is_some() || bytes() <= LONGEST_ANNOUNCEMENT
}

/// The limits of a run in place, until they are dropped.
pub(in crate::sqlite) struct Limits<'a> {
    connection: &'a Connection,
    longest_value: i32,
    _frames: Option<NotingFrames<'a>>,
}

impl<'a> Limits<'a> {
    pub(in crate::sqlite) fn begin(
        connection: &'a Connection,
        is_bounded: bool,
        longest: usize,
        checkpoint_at: i32,
    ) -> Option<Self> {
        let longest = i32::try_from(longest).unwrap_or(i32::MAX);
        let longest_value = connection.raw.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest).ok()?;
        if longest_value < longest {
            // The client has set a lower one.
            connection.raw.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest_value).ok()?;
        }
        connection.bounds.set(is_bounded);
        let frames = (checkpoint_at > 0).then(|| NotingFrames::begin(connection, checkpoint_at));
        Some(Self { connection, longest_value, _frames: frames })
    }
}

impl Drop for Limits<'_> {
    fn drop(&mut self) {
        self.connection.bounds.lift();
        let raw = &self.connection.raw;
        let _ = raw.set_limit(Limit::SQLITE_LIMIT_LENGTH, self.longest_value);
    }
}

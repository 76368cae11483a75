//! Prepares statements: before their first run, and again when the schema has changed. Says what a prepared statement
//! may do, and why a run has failed.

use fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement, TransactionState};

use super::classify::StatementKind;
use super::codes::SQLITE_SCHEMA;
use super::connection::MOST_INTERRUPTS;
use super::error::{self, primary_code};
use super::libsql::alter_column::AlterColumn;
use super::pragma::Pragma;
use super::rows::Prepared;
use super::shared_cache::MayBeLocked;
use super::statement_info::StatementInfo;
use super::{Connection, Error};
use crate::files;

/// How often a statement is prepared again because the schema has changed. After that SQLite may prepare
/// it by itself, so that a connection which keeps changing the schema does not block others for ever.
const MOST_STALE: u32 = 5;

impl Connection {
    /// Whether a statement writes. None if the statement cannot be prepared now, for example because an
    /// earlier statement has yet to create its table. This is a dry run: it has no effect. It leaves no new
    /// statement in the cache, so that SQLite asks the authorizer again when the statement runs.
    pub fn writes(&mut self, id: Option<u32>, sql: &str) -> Option<bool> {
        if AlterColumn::read(sql).is_some() {
            return Some(true);
        }
        let known = id.and_then(|id| Some((id, self.statements.get(&id)?)));
        self.recorder.set_dry_run(true);
        self.recorder.clear();
        let writes = if let Some((number, info)) = known
            && !may_have_tail(sql)
        {
            let writes = |statement: &Statement<'_>| {
                changes(statement) && !may_not_write(statement, &info.kind)
            };
            self.raw.with_slot(number, |slot| match &slot.statement {
                Some(statement) => Some(writes(statement)),
                None => slot.prepare(sql).ok().map(|statement| writes(&statement)),
            })
        } else {
            let first = Batch::new(&self.raw, sql).next();
            first.ok().flatten().map(|statement| {
                let kind = self.recorder.kind();
                // The PRAGMA was ignored, so the statement does nothing.
                let is_writing_pragma = kind.pragma.as_ref().is_some_and(Pragma::writes);
                !is_explain(&statement)
                    && (is_writing_pragma
                        || changes(&statement) && !may_not_write(&statement, &kind))
            })
        };
        self.recorder.set_dry_run(false);
        writes
    }

    /// Runs `attempt`, and runs it again while the schema has changed since its statement was prepared. `sql` is the
    /// text of the call, up to the end of what `attempt` prepares: errors tell their place in it.
    pub(super) fn until_fresh<T, E: From<Error>>(
        &self,
        sql: &str,
        mut attempt: impl FnMut(&Self) -> Result<T, RunError<E>>,
    ) -> Result<T, E> {
        let mut stale = 0;
        // What an earlier statement could not open is not the cause of an error of this one.
        files::take_refusal();
        loop {
            self.recorder.refuse_stale(stale < MOST_STALE);
            match attempt(self) {
                Ok(value) => return Ok(value),
                Err(RunError::Stale) => {
                    stale += 1;
                    self.recorder.clear();
                }
                Err(RunError::Sqlite(error)) if self.takes_random_rowid(&error) => {
                    self.recorder.clear();
                }
                Err(RunError::Sqlite(error)) => {
                    let offset = error::offset_in(sql, &error);
                    return Err(self.error(error).at(offset).into());
                }
                Err(RunError::Ours(error)) => return Err(error),
            }
        }
    }

    /// Prepares a statement. If it may be a PRAGMA, an interrupt does not end that: SQLite makes most settings
    /// while it prepares the statement, so that nobody could tell whether one was made.
    pub(super) fn prepare_despite<T, E>(
        &self,
        may_be_pragma: bool,
        mut attempt: impl FnMut() -> rusqlite::Result<T>,
    ) -> Result<T, RunError<E>> {
        if !may_be_pragma {
            return self.prepare(attempt);
        }
        despite_interrupts(|| {
            self.recorder.clear();
            self.prepare(&mut attempt)
        })
    }

    /// Prepares a statement. A virtual table may not connect while another process changes the schema
    /// (SQLITE_SCHEMA): then the statement is stale before it is prepared.
    pub(super) fn prepare<T, E>(
        &self,
        attempt: impl FnMut() -> rusqlite::Result<T>,
    ) -> Result<T, RunError<E>> {
        self.retry_shared_cache(attempt).map_err(|error| match primary_code(&error) {
            Some(SQLITE_SCHEMA) if self.recorder.refuses_stale() => RunError::Stale,
            _ => RunError::Sqlite(error),
        })
    }

    /// Prepares the first statement of a text.
    pub(super) fn first_statement<'c, E: From<Error>>(
        &'c self,
        sql: &str,
    ) -> Result<Statement<'c>, RunError<E>> {
        let first = self.prepare_despite(has_pragma(sql), || Batch::new(&self.raw, sql).next())?;
        first.ok_or_else(|| RunError::Ours(Error::NoStatement.into()))
    }

    /// A statement that touches an index of libSQL, which can be taken over before the statement is prepared again,
    /// is stale. No row of it was handed on.
    pub(super) fn stale_or<E: From<Error>>(&self, error: Error) -> RunError<E> {
        let is_stale = matches!(error, Error::VectorIndex { .. })
            && self.adopts.get()
            && self.recorder.refuses_stale();
        if is_stale { RunError::Stale } else { RunError::from_ours(error) }
    }

    pub(super) fn info_of(&self, statement: &Statement<'_>, sql: &str) -> StatementInfo {
        StatementInfo::of(&self.raw, statement, sql, self.kind_of(statement))
    }

    /// The kind of the statement that was prepared last. An EXPLAIN does not do what the explained statement
    /// does. A PRAGMA takes effect nevertheless, when SQLite prepares it.
    pub(super) fn kind_of(&self, statement: &Statement<'_>) -> StatementKind {
        let kind = self.recorder.kind();
        if is_explain(statement) {
            StatementKind { pragma: kind.pragma, ..StatementKind::default() }
        } else {
            kind
        }
    }

    pub(super) fn prepared(&self, statement: &Statement<'_>, kind: &StatementKind) -> Prepared {
        self.note_read();
        let read_only = !changes(statement) || kind.writes_only_temp || kind.asks_journal_mode();
        let in_transaction = !self.raw.is_autocommit();
        let has_snapshot = !read_only
            && in_transaction
            && (self.is_reading(None) || self.is_reading(Some("main")));
        let begins = kind.begins && !in_transaction;
        let may_not_write = may_not_write(statement, kind);
        let may_run_aside = read_only && kind.may_run_aside();
        Prepared { read_only, has_snapshot, begins, in_transaction, may_run_aside, may_not_write }
    }

    /// Whether the open transaction has read and not written yet, in one database or in all of them. The
    /// transaction may have written to the temporary database.
    fn is_reading(&self, database: Option<&str>) -> bool {
        matches!(self.raw.transaction_state(database), Ok(TransactionState::Read))
    }
}

/// Why a statement did not run to its end.
pub(super) enum RunError<E> {
    /// SQLite's error. If it is a lock of a shared cache, the statement is tried again.
    Sqlite(rusqlite::Error),
    /// The schema has changed since the statement was prepared. The statement had no effect, and must be
    /// prepared again.
    Stale,
    /// An error that ends the statement.
    Ours(E),
}

impl<E: From<Error>> RunError<E> {
    pub(super) fn from_ours(error: Error) -> Self {
        Self::Ours(error.into())
    }
}

impl<E> From<rusqlite::Error> for RunError<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl<E> MayBeLocked for RunError<E> {
    fn is_locked_shared_cache(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.is_locked_shared_cache())
    }
}

/// Runs what has taken effect already, or takes effect at once, again if late cancels interrupt it.
pub(super) fn despite_interrupts<T, E>(
    mut run: impl FnMut() -> Result<T, RunError<E>>,
) -> Result<T, RunError<E>> {
    for _ in 0..MOST_INTERRUPTS {
        match run() {
            Err(RunError::Sqlite(error)) if is_interrupt(&error) => {}
            result => return result,
        }
    }
    run()
}

/// Whether the word PRAGMA is in a text.
pub(super) fn has_pragma(text: &str) -> bool {
    const PRAGMA: &[u8] = b"pragma";
    text.as_bytes().windows(PRAGMA.len()).any(|word| word.eq_ignore_ascii_case(PRAGMA))
}

/// Whether a statement is EXPLAIN or EXPLAIN QUERY PLAN.
pub(super) fn is_explain(statement: &Statement<'_>) -> bool {
    statement.is_explain() != 0
}

/// Whether a statement changes a database: the file, an attached one, or the temporary one. To SQLite, an
/// EXPLAIN changes what the explained statement would change
/// (<https://sqlite.org/c3ref/stmt_readonly.html>).
pub(super) fn changes(statement: &Statement<'_>) -> bool {
    !statement.readonly() && !is_explain(statement)
}

/// Whether a statement writes, or could once the schema has changed: SQLite calls CREATE TRIGGER IF NOT
/// EXISTS read-only while the trigger is there.
pub(super) fn may_write(statement: &Statement<'_>) -> bool {
    !statement.readonly() || statement.column_count() == 0
}

/// Whether a statement for which `sqlite3_stmt_readonly` is false may nevertheless do without the write
/// lock: CREATE and DROP with IF (NOT) EXISTS that change nothing, and PRAGMAs that look first.
fn may_not_write(statement: &Statement<'_>, kind: &StatementKind) -> bool {
    let is_vacuum = || {
        let sql = statement.expanded_sql().unwrap_or_default();
        kind.is_unknown && sql.to_ascii_lowercase().contains("vacuum")
    };
    match &kind.pragma {
        Some(pragma) => pragma.needs_exclusive_lock(),
        None => !statement.readonly() && !kind.changes && !kind.begins && !is_vacuum(),
    }
}

pub(super) fn is_interrupt(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            error::is_interrupt(failure.extended_code, message.as_deref().unwrap_or_default())
        }
        _ => false,
    }
}

/// Whether text may follow the first statement. Such a text is not cached: SQLite must prepare the first
/// statement only, because preparing a PRAGMA can have an effect.
pub(super) fn may_have_tail(sql: &str) -> bool {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).contains(';')
}

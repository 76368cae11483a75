//! Runs statements: prepares them, asks whether they may run, binds arguments, steps, and hands on rows.

use fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement, StatementStatus, TransactionState};

use super::classify::StatementKind;
use super::codes::SQLITE_SCHEMA;
use super::columns::{Column, columns_of};
use super::connection::MOST_INTERRUPTS;
use super::error::{self, primary_code};
use super::kept_statements::Slot;
use super::pragma::Pragma;
use super::shared_cache::MayBeLocked;
use super::statement_info::{ParameterNames, StatementInfo};
use super::values::to_sql;
use super::{Connection, Error};
use crate::files;
use crate::value::{Arguments, Value};

/// Has a row left after its first one, so that the transaction in which it reads the schema stays open. Every
/// statement that begins meanwhile reads in the same transaction
/// (<https://sqlite.org/lang_transaction.html>).
const SNAPSHOT: &str = "select 1 from (values (1), (2)) left join sqlite_schema";

/// How often a statement is prepared again because the schema has changed. After that SQLite may prepare
/// it by itself, so that a connection which keeps changing the schema does not block others for ever.
const MOST_STALE: u32 = 5;

/// A prepared statement that is about to run: the facts that decide whether it may.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    /// Whether the statement changes neither the database file nor an attached one.
    pub read_only: bool,
    /// Whether the statement writes and its transaction has read already, but has not written.
    pub has_snapshot: bool,
    /// Whether the statement begins a transaction.
    pub begins: bool,
    /// Whether a transaction is open.
    pub in_transaction: bool,
    /// Whether the statement only reads, and answers the same on another connection to the file.
    pub may_run_aside: bool,
    /// Whether the statement may not need the write lock, although `sqlite3_stmt_readonly` is false for it:
    /// what it creates is there, or it is a PRAGMA that changes nothing.
    pub may_not_write: bool,
}

/// The result of a statement besides its rows.
#[derive(Clone, Copy, Debug)]
pub struct StatementEnd {
    /// The shape of the rows. None if the statement has no columns.
    pub shape: Option<u32>,
    /// The number of rows changed by INSERT, UPDATE or DELETE.
    pub rows_affected: u64,
    /// The rowid of the last inserted row. None if no row was inserted.
    pub last_insert_rowid: Option<i64>,
}

/// A row of a statement.
pub enum Row<'a> {
    /// A row of SQLite.
    Stepped(&'a rusqlite::Row<'a>),
    /// A row of our own, with one integer.
    Integer(i64),
}

impl Row<'_> {
    /// The value of a column, by its index from 0.
    pub fn value(&self, column: usize) -> Result<Value<'_>, Error> {
        Ok(match self {
            Self::Stepped(row) => row.get_ref(column)?.into(),
            Self::Integer(integer) => Value::Integer(*integer),
        })
    }
}

/// The receiver of a statement's rows.
pub trait RowSink {
    /// The error type of the receiver.
    type Error: From<Error>;
    /// Decides whether the statement may run. Called once the statement is prepared, before it has any
    /// effect.
    fn allow(&mut self, prepared: Prepared) -> Result<(), Self::Error>;
    /// Says that the statement has begun to read: later writes do not change what it sees. Called on
    /// connections that hold their snapshots ([`Connection::hold_snapshots`]).
    fn begun(&mut self) {}
    /// Announces the columns of the rows. Returns a number for this shape, which the rows refer to.
    fn shape(&mut self, columns: &[Column]) -> u32;
    /// Says that a shape will not be used again.
    fn forget_shape(&mut self, shape: u32);
    /// Hands on a row of this shape. `columns` is the number of its columns.
    fn row(&mut self, shape: u32, row: &Row<'_>, columns: usize) -> Result<(), Self::Error>;
    /// Says that there are no more rows.
    fn end_rows(&mut self);
    /// Hands on the result of the statement.
    fn end(&mut self, end: StatementEnd);
    /// Whether the caller rolls back the whole transaction if a row cannot be handed on. Otherwise the
    /// connection undoes the changes of the statement alone.
    fn rolls_back(&self) -> bool;
}

impl Connection {
    /// Whether a statement writes. None if the statement cannot be prepared now, for example because an
    /// earlier statement has yet to create its table. This is a dry run: it has no effect. It leaves no new
    /// statement in the cache, so that SQLite asks the authorizer again when the statement runs.
    pub fn writes(&mut self, id: Option<u32>, sql: &str) -> Option<bool> {
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

    /// The sink's number for the columns of a statement, if they were announced.
    pub fn shape_of(&self, id: u32) -> Option<u32> {
        self.statements.get(&id)?.shape
    }

    /// Lets the columns of a statement be announced again.
    pub fn forget_shape_of(&mut self, id: u32) {
        if let Some(info) = self.statements.get_mut(&id) {
            info.shape = None;
        }
    }

    /// Runs one statement, and hands its rows and its result to `sink`. Text after the first statement is
    /// ignored.
    ///
    /// `id` is the number of the statement, under which its [`StatementInfo`] is kept for the next run.
    /// Without a number nothing is kept.
    ///
    /// # Errors
    /// The error of the statement, or of `sink`.
    pub fn run<S: RowSink>(
        &mut self,
        id: Option<u32>,
        sql: &str,
        arguments: &Arguments<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let id = id.filter(|_| !may_have_tail(sql));
        let mut info = id.and_then(|id| self.statements.remove(&id));
        let was_autocommit = self.raw.is_autocommit();
        self.recorder.clear();
        let result = self.until_fresh(|this| match id {
            Some(id) => {
                this.raw.with_slot(id, |slot| this.run_kept(slot, sql, &mut info, arguments, sink))
            }
            None => this.run_once(sql, &mut info, arguments, sink),
        });
        let Some(info) = info else { return result };
        let is_made = info.kind.is_made_when_prepared();
        if result.is_ok() || is_made {
            self.hooks.ran(&info.kind, was_autocommit);
            self.note_deferring(&info.kind);
        }
        if result.is_err() && is_made {
            self.commits.count_setting();
        }
        match id {
            Some(id) => drop(self.statements.insert(id, info)),
            None => forget(Some(info), sink),
        }
        result
    }

    /// Runs `attempt`, and runs it again while the schema has changed since its statement was prepared.
    pub(super) fn until_fresh<T, E: From<Error>>(
        &self,
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
                Err(RunError::Sqlite(error)) => return Err(self.error(error).into()),
                Err(RunError::Ours(error)) => return Err(error),
            }
        }
    }

    fn run_kept<S: RowSink>(
        &self,
        slot: &mut Slot<'_>,
        sql: &str,
        info: &mut Option<Box<StatementInfo>>,
        arguments: &Arguments<'_>,
        sink: &mut S,
    ) -> Result<(), RunError<S::Error>> {
        let is_setting = info.as_ref().is_some_and(|info| info.kind.is_setting());
        if info.is_none() || is_setting {
            // Nothing is known of the kept statement; or it makes a setting, which SQLite does when it prepares
            // the statement. In both cases it must be prepared again.
            slot.statement = None;
        }
        let is_new = slot.statement.is_none();
        self.found.set(self.found.get().and(!is_new));
        let mut statement = match slot.statement.take() {
            Some(statement) => statement,
            None => {
                self.prepare_despite(has_pragma(sql), || slot.prepare(sql)).inspect_err(|_| {
                    // What is known is not true of a statement that could not be prepared.
                    forget(info.take(), sink);
                })?
            }
        };
        if statement.column_count() == 0 && info.is_none() && statement.expanded_sql().is_none() {
            return Err(RunError::Ours(Error::NoStatement.into()));
        }
        if is_new {
            forget(info.take(), sink);
            *info = Some(Box::new(self.info_of(&statement, sql)));
        }
        let Some(info) = info.as_mut() else {
            return Err(RunError::Ours(Error::NoStatement.into()));
        };
        let allowed = match is_new {
            true => self.refuse_or_adopt(&statement, |prepared| sink.allow(prepared)),
            false => Ok(()),
        };
        let result =
            allowed.and_then(|()| self.run_prepared(&mut statement, info, arguments, sink));
        let has_run = !is_new || statement.get_status(StatementStatus::Run) > 0;
        if has_run && !matches!(result, Err(RunError::Stale)) {
            // Otherwise the next run must prepare the statement again, so that SQLite asks the authorizer.
            slot.statement = Some(statement);
        }
        result
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

    fn run_once<S: RowSink>(
        &self,
        sql: &str,
        info: &mut Option<Box<StatementInfo>>,
        arguments: &Arguments<'_>,
        sink: &mut S,
    ) -> Result<(), RunError<S::Error>> {
        let mut statement = self.first_statement(sql)?;
        self.found.set(self.found.get().and(false));
        forget(info.take(), sink);
        let info = info.insert(Box::new(self.info_of(&statement, "")));
        self.refuse_or_adopt(&statement, |prepared| sink.allow(prepared))?;
        self.run_prepared(&mut statement, info, arguments, sink)
    }

    /// Prepares the first statement of a text.
    pub(super) fn first_statement<'c, E: From<Error>>(
        &'c self,
        sql: &str,
    ) -> Result<Statement<'c>, RunError<E>> {
        let first = self.prepare_despite(has_pragma(sql), || Batch::new(&self.raw, sql).next())?;
        first.ok_or_else(|| RunError::Ours(Error::NoStatement.into()))
    }

    pub(super) fn run_prepared<S: RowSink>(
        &self,
        statement: &mut Statement<'_>,
        info: &mut StatementInfo,
        arguments: &Arguments<'_>,
        sink: &mut S,
    ) -> Result<(), RunError<S::Error>> {
        if info.kind.is_busy_timeout() {
            return self.answer_busy_timeout(&info.kind, sink).map_err(RunError::Ours);
        }
        self.heed_setting(&info.kind);
        let is_made = info.kind.is_made_when_prepared();
        let _past = is_made.then(|| self.past_cancelling());
        if !is_made {
            sink.allow(self.prepared(statement, &info.kind)).map_err(RunError::Ours)?;
        }
        self.set_exclusive(info.kind.needs_exclusive_lock());
        self.bind(statement, &mut info.parameters, arguments).map_err(RunError::from_ours)?;
        let changes_before = self.raw.total_changes();
        let writes_with_rows = changes(statement) && !info.columns.is_empty();
        let is_undone_alone = writes_with_rows && !sink.rolls_back();
        let mut snapshot = match self.holds_snapshots.get() {
            true => Some(self.raw.prepare_cached(SNAPSHOT)?),
            false => None,
        };
        let mut snapshot = snapshot.as_mut().map(|snapshot| snapshot.raw_query());
        if let Some(snapshot) = &mut snapshot {
            snapshot.next()?;
            sink.begun();
        }
        let mut send = || self.retry_shared_cache(|| self.send_rows(statement, info, sink));
        let sent = match is_undone_alone {
            true => self.whole(send),
            false if is_made => despite_interrupts(send),
            false => send(),
        };
        drop(snapshot);
        if let Err(error) = sent {
            // SQLite may have prepared the statement again. The authorizer's record of that is read now,
            // because SQLite does not repeat it.
            let _ = self.look_again(statement, info, sink);
            return Err(error);
        }
        info.steps = statement.reset_status(StatementStatus::VmStep);
        let changed = self.raw.total_changes() != changes_before;
        sink.end(StatementEnd {
            shape: info.shape.filter(|_| !info.columns.is_empty()),
            rows_affected: if changed { self.raw.changes() } else { 0 },
            last_insert_rowid: (changed && info.kind.inserts && self.raw.changes() > 0)
                .then(|| self.raw.last_insert_rowid()),
        });
        Ok(())
    }

    /// Answers `PRAGMA busy_timeout` with the client's value. SQLite does not know it, because the client
    /// has a busy handler of its own.
    fn answer_busy_timeout<S: RowSink>(
        &self,
        kind: &StatementKind,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let timeout = self.hooks.busy_timeout(kind.value());
        let columns = [Column { name: "timeout".to_owned(), declared_type: String::new() }];
        let shape = sink.shape(&columns);
        sink.row(shape, &Row::Integer(timeout), columns.len())?;
        sink.end_rows();
        sink.end(StatementEnd { shape: Some(shape), rows_affected: 0, last_insert_rowid: None });
        sink.forget_shape(shape);
        Ok(())
    }

    /// Steps through a statement, and hands on its rows. If SQLite has prepared the statement again in the
    /// first step, its columns are read again: an ALTER on another connection can change the columns of a
    /// cached statement.
    fn send_rows<S: RowSink>(
        &self,
        statement: &mut Statement<'_>,
        info: &mut StatementInfo,
        sink: &mut S,
    ) -> Result<(), RunError<S::Error>> {
        let writes = may_write(statement) || self.is_in_place.get();
        let mut is_first = true;
        let _frames = if writes { self.noting_frames() } else { None };
        let commits = self.commits.only_in_steps();
        let mut rows = statement.raw_query();
        loop {
            let may_be_stale = writes && is_first;
            let next =
                self.recorder.first_step(may_be_stale, || commits.step(&self.raw, || rows.next()));
            let row = match next {
                Ok(Some(row)) => row,
                Ok(None) => break,
                // The setting took effect in an earlier step, so an interrupt is ignored.
                Err(error) if !is_first && info.kind.is_setting() && is_interrupt(&error) => break,
                Err(_) if is_first && self.recorder.was_stale() => return Err(RunError::Stale),
                // The statement cannot be tried again, because rows were handed on already.
                Err(error) if !is_first => {
                    return Err(RunError::from_ours(self.error(error)));
                }
                Err(error) => return Err(error.into()),
            };
            if is_first {
                is_first = false;
                self.look_again(row.as_ref(), info, sink).map_err(|error| self.stale_or(error))?;
            }
            let shape = announce(info, sink);
            sink.row(shape, &Row::Stepped(row), info.columns.len()).map_err(RunError::Ours)?;
        }
        drop(rows);
        if is_first {
            self.look_again(statement, info, sink).map_err(|error| self.stale_or(error))?;
            if !info.columns.is_empty() {
                announce(info, sink);
            }
        }
        sink.end_rows();
        Ok(())
    }

    /// A statement that touches an index of libSQL, which can be taken over before the statement is prepared again,
    /// is stale. No row of it was handed on.
    fn stale_or<E: From<Error>>(&self, error: Error) -> RunError<E> {
        let is_stale = matches!(error, Error::VectorIndex { .. })
            && self.adopts.get()
            && self.recorder.refuses_stale();
        if is_stale { RunError::Stale } else { RunError::from_ours(error) }
    }

    /// Updates `info` if SQLite has prepared the statement again.
    fn look_again<S: RowSink>(
        &self,
        statement: &Statement<'_>,
        info: &mut StatementInfo,
        sink: &mut S,
    ) -> Result<(), Error> {
        let reprepared = statement.get_status(StatementStatus::RePrepare);
        if reprepared == info.reprepared {
            return Ok(());
        }
        // This check comes before the update of `info`, so that the next run of a refused statement checks
        // it again.
        self.refuse_vector_indexes_now(statement)?;
        info.reprepared = reprepared;
        info.kind = self.kind_of(statement);
        // The new program may be another one.
        info.program = None;
        info.quick_runs = 0;
        let columns = columns_of(&self.raw, statement);
        if columns != info.columns {
            if let Some(shape) = info.shape.take() {
                sink.forget_shape(shape);
            }
            info.columns = columns;
        }
        Ok(())
    }

    /// Binds the arguments. A missing argument is NULL; a surplus one is ignored. A named argument is bound to
    /// every parameter of that name, with any prefix.
    ///
    /// Binding cannot fail because of a lock or an interrupt. A cancel ends the reading of the names.
    fn bind(
        &self,
        statement: &mut Statement<'_>,
        names: &mut Option<ParameterNames>,
        arguments: &Arguments<'_>,
    ) -> Result<(), Error> {
        match arguments {
            Arguments::Positional(values) => {
                for (index, value) in values.iter().take(statement.parameter_count()).enumerate() {
                    bind_one(statement, index + 1, *value)?;
                }
            }
            Arguments::Named(values) if values.is_empty() => {}
            Arguments::Named(values) => {
                let names = match names {
                    Some(names) => names,
                    None => names.insert(ParameterNames::read(statement, || {
                        self.hooks.cancelled().map_or(Ok(()), |why| Err(Error::Cancelled(why)))
                    })?),
                };
                // Of two arguments with the same name (`a` and `:a`), the last one stays.
                for (name, value) in values {
                    for index in names.indexes_of(name) {
                        bind_one(statement, *index, *value)?;
                    }
                }
            }
        }
        Ok(())
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

    /// Drops the [`StatementInfo`] of the statements for which `keep` returns false, if there are many
    /// statements.
    pub fn forget_statements(
        &mut self,
        keep: impl Fn(u32) -> bool,
        mut forget_shape: impl FnMut(u32),
    ) {
        if self.statements.len() <= MOST_KNOWN {
            return;
        }
        self.statements.retain(|id, info| {
            let keep = keep(*id);
            if !keep && let Some(shape) = info.shape {
                forget_shape(shape);
            }
            keep
        });
    }
}

/// The number of statements of which something is known, beyond which that of old ones is dropped.
const MOST_KNOWN: usize = 1024;

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
fn despite_interrupts<T, E>(
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
fn is_explain(statement: &Statement<'_>) -> bool {
    statement.is_explain() != 0
}

/// Whether a statement changes a database: the file, an attached one, or the temporary one. To SQLite, an
/// EXPLAIN changes what the explained statement would change
/// (<https://sqlite.org/c3ref/stmt_readonly.html>).
fn changes(statement: &Statement<'_>) -> bool {
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

/// Tells the sink that the shape of this statement will not be used again.
fn forget(info: Option<Box<StatementInfo>>, sink: &mut impl RowSink) {
    if let Some(shape) = info.and_then(|info| info.shape) {
        sink.forget_shape(shape);
    }
}

/// The shape of a statement's rows. Announces it to the sink if this is its first use.
fn announce(info: &mut StatementInfo, sink: &mut impl RowSink) -> u32 {
    *info.shape.get_or_insert_with(|| sink.shape(&info.columns))
}

/// Whether text may follow the first statement. Such a text is not cached: SQLite must prepare the first
/// statement only, because preparing a PRAGMA can have an effect.
fn may_have_tail(sql: &str) -> bool {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).contains(';')
}

fn bind_one(statement: &mut Statement<'_>, index: usize, value: Value<'_>) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(index, to_sql(value))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    /// Takes rows, and keeps nothing.
    struct Nothing;

    impl RowSink for Nothing {
        type Error = Error;

        fn allow(&mut self, _prepared: Prepared) -> Result<(), Error> {
            Ok(())
        }

        fn shape(&mut self, _columns: &[Column]) -> u32 {
            1
        }

        fn forget_shape(&mut self, _shape: u32) {}

        fn row(&mut self, _shape: u32, _row: &Row<'_>, _columns: usize) -> Result<(), Error> {
            Ok(())
        }

        fn end_rows(&mut self) {}

        fn end(&mut self, _end: StatementEnd) {}

        fn rolls_back(&self) -> bool {
            false
        }
    }

    /// The setting is made while SQLite prepares the statement, and the error of an interrupt would not tell
    /// whether it was.
    #[test]
    fn a_setting_is_made_whenever_an_interrupt_comes() {
        let mut connection = Connection::in_memory();
        let none = Arguments::Positional(Vec::new());
        let texts = [40_000, 50_000].map(|limit| format!("PRAGMA journal_size_limit = {limit}"));
        let interrupter = connection.interrupter();
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    interrupter.interrupt();
                    std::thread::sleep(Duration::from_micros(20));
                }
            });
            let failed = (0..3_000)
                .filter(|run| {
                    let id = run % 2;
                    let sql = &texts[id];
                    let ran = connection.run(u32::try_from(id).ok(), sql, &none, &mut Nothing);
                    ran.is_err()
                })
                .count();
            is_done.store(true, Ordering::Relaxed);
            assert_eq!(failed, 0);
        });
        assert_eq!(connection.pragma::<i64>("journal_size_limit").ok(), Some(50_000));
    }
}

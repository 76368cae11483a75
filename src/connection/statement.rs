//! Running statements: prepared, asked whether they may, bound, stepped, their rows sent on.

use fallible_iterator::FallibleIterator;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Batch, CachedStatement, ErrorCode, Statement, StatementStatus, TransactionState};

use super::Connection;
use super::classify::Kind;
use super::shared_cache::MayBeLocked;
use crate::error::Error;
use crate::wire::request::Arguments;
use crate::wire::response::{Records, RowsChunk, StatementEnd};

/// What is known of a statement since SQLite prepared it.
#[derive(Debug)]
pub struct Known {
    kind: Kind,
    parameters: Vec<Option<String>>,
    columns: Vec<(String, String)>,
    shape: u32,
    announced: bool,
    /// How often SQLite had prepared it again when the columns were looked at.
    reprepared: i32,
}

/// A statement that is prepared and about to run, for whoever decides whether it may.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    /// Whether it leaves the database file as it is.
    pub read_only: bool,
    /// Whether an open transaction of this connection has read already.
    pub has_snapshot: bool,
}

/// Where the rows of a statement go: into the records of its job, which are sent on in chunks.
pub struct Sink<'a> {
    /// Whether the caller rolls back the whole transaction where they cannot go there. Else what the
    /// statement wrote is undone alone.
    pub rolls_back: bool,
    /// The records.
    pub records: &'a mut Records,
    /// Sends what the records hold by now.
    pub send: &'a dyn Fn(Vec<u8>),
}

impl Connection {
    /// Whether a statement writes, as far as it can be told now: not where it needs a table that
    /// an earlier statement is to create. Looking has no effect, and leaves nothing in the cache:
    /// the one that runs the statement shall ask the authorizer again.
    pub fn writes(&mut self, id: Option<u32>, sql: &str) -> Option<bool> {
        let is_known = id.is_some_and(|id| self.statements.contains_key(&id));
        self.recorder.look(true);
        let writes = if is_known && !may_have_tail(sql) {
            self.raw.prepare_cached(sql).ok().map(|statement| {
                let writes = !statement.readonly();
                if statement.get_status(StatementStatus::Run) == 0 {
                    statement.discard();
                }
                writes
            })
        } else {
            let first = Batch::new(&self.raw, sql).next();
            first.ok().flatten().map(|statement| !statement.readonly())
        };
        self.recorder.look(false);
        writes
    }

    /// Runs one statement and sends its rows and its result to `sink`. Text after the first
    /// statement is ignored. `allow` is asked once it is prepared, before it has any effect.
    ///
    /// `id` is the number under which what is known of the statement is kept; without one nothing
    /// is kept.
    pub fn run(
        &mut self,
        id: Option<u32>,
        sql: &str,
        arguments: &Arguments<'_>,
        sink: &mut Sink<'_>,
        mut allow: impl FnMut(Prepared) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let id = id.filter(|_| !may_have_tail(sql));
        let mut known = id.and_then(|id| self.statements.remove(&id));
        let was_autocommit = self.raw.is_autocommit();
        self.recorder.clear();
        let result = match id {
            Some(_) => self.run_cached(sql, &mut known, arguments, sink, &mut allow),
            None => self.run_once(sql, &mut known, arguments, sink, &mut allow),
        };
        let Some(known) = known else { return result };
        let is_made = known.kind.is_made_when_prepared();
        if result.is_ok() || is_made {
            self.after(&known.kind, was_autocommit);
        }
        if result.is_err() && is_made {
            self.commits.count_setting();
        }
        match id {
            Some(id) => drop(self.statements.insert(id, known)),
            None => forget(Some(known), sink.records),
        }
        result
    }

    fn run_cached(
        &self,
        sql: &str,
        known: &mut Option<Known>,
        arguments: &Arguments<'_>,
        sink: &mut Sink<'_>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut statement = self.prepare_cached(sql)?;
        if statement.column_count() == 0 && known.is_none() && statement.expanded_sql().is_none() {
            return Err(Error::NoStatement);
        }
        let mut is_new = statement.get_status(StatementStatus::Run) == 0;
        let is_setting = known.as_ref().is_some_and(|known| known.kind.is_setting());
        if (known.is_none() || is_setting) && !is_new {
            // Cached under a number that was taken back: what it is must be asked again. A setting is
            // made when it is prepared.
            statement.discard();
            statement = self.prepare_cached(sql)?;
            is_new = true;
        }
        if is_new {
            forget(known.take(), sink.records);
            self.learn(&statement, known);
        }
        let Some(known) = known.as_mut() else { return Err(Error::NoStatement) };
        let allowed = if is_new { self.refuse_vector_indexes(&statement) } else { Ok(()) };
        let result =
            allowed.and_then(|()| self.run_prepared(&mut statement, known, arguments, sink, allow));
        if is_new && statement.get_status(StatementStatus::Run) == 0 {
            // Not run: the next one to take it shall ask the authorizer again.
            statement.discard();
        }
        result
    }

    fn prepare_cached(&self, sql: &str) -> Result<CachedStatement<'_>, Error> {
        self.retry_shared_cache(|| self.raw.prepare_cached(sql)).map_err(|error| self.error(error))
    }

    fn run_once(
        &self,
        sql: &str,
        known: &mut Option<Known>,
        arguments: &Arguments<'_>,
        sink: &mut Sink<'_>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut statement = self.first_statement(sql)?;
        let known = self.learn(&statement, known);
        self.refuse_vector_indexes(&statement)?;
        self.run_prepared(&mut statement, known, arguments, sink, allow)
    }

    /// Prepares the first statement of a text.
    fn first_statement<'c>(&'c self, sql: &str) -> Result<Statement<'c>, Error> {
        self.retry_shared_cache(|| Batch::new(&self.raw, sql).next())
            .map_err(|error| self.error(error))?
            .ok_or(Error::NoStatement)
    }

    /// Runs a text of several statements, one after the other; their rows are not wanted.
    pub fn run_script(
        &mut self,
        sql: &str,
        mut allow: impl FnMut(Prepared) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut effects = Vec::new();
        let result = self.run_statements(sql, &mut effects, &mut allow);
        for (kind, was_autocommit) in &effects {
            self.after(kind, *was_autocommit);
        }
        result
    }

    /// `effects` are the statements with a meaning for other connections, and whether each was
    /// prepared outside of a transaction.
    fn run_statements(
        &self,
        sql: &str,
        effects: &mut Vec<(Kind, bool)>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let commits = self.commits.only_in_steps();
        let mut statements = Batch::new(&self.raw, sql);
        loop {
            let was_autocommit = self.raw.is_autocommit();
            self.recorder.clear();
            let next = self.retry_shared_cache(|| statements.next());
            let Some(mut statement) = next.map_err(|error| self.error(error))? else {
                return Ok(());
            };
            let kind = self.recorder.kind();
            self.refuse_vector_indexes(&statement)?;
            if kind.is_busy_timeout() {
                self.set_busy_timeout(&kind);
                continue;
            }
            let is_made = kind.is_made_when_prepared();
            let _past = is_made.then(|| self.past_cancelling());
            if !is_made {
                allow(self.prepared(&statement))?;
            }
            let mut rows = statement.raw_query();
            let mut has_row = false;
            loop {
                commits.begin_step();
                let next = rows.next();
                commits.end_step(&self.raw);
                match next {
                    Ok(Some(_)) => has_row = true,
                    Ok(None) => break,
                    Err(error)
                        if is_interrupt(&error) && (is_made || has_row && kind.is_setting()) =>
                    {
                        break;
                    }
                    Err(error) => return Err(self.error(error)),
                }
            }
            drop(rows);
            // Another process may have made a vector index since SQLite read the schema.
            if statement.get_status(StatementStatus::RePrepare) > 0 {
                self.refuse_vector_indexes_now(&statement)?;
            }
            if kind.pragma.is_some() || kind.ties_to_connection {
                effects.push((kind, was_autocommit));
            }
        }
    }

    fn run_prepared(
        &self,
        statement: &mut Statement<'_>,
        known: &mut Known,
        arguments: &Arguments<'_>,
        sink: &mut Sink<'_>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if known.kind.is_busy_timeout() {
            return self.answer_busy_timeout(&known.kind, sink);
        }
        let is_made = known.kind.is_made_when_prepared();
        let _past = is_made.then(|| self.past_cancelling());
        if !is_made {
            allow(self.prepared(statement))?;
        }
        bind(statement, &known.parameters, arguments)?;
        let changes_before = self.raw.total_changes();
        let writes_with_rows = !statement.readonly() && !known.columns.is_empty();
        let is_undone_alone = writes_with_rows && !sink.rolls_back;
        let mut send = || self.retry_shared_cache(|| self.send_rows(statement, known, sink));
        let sent = match is_undone_alone {
            true => self.whole(send),
            false if is_made => despite_interrupts(send),
            false => send(),
        };
        if let Err(error) = sent {
            // SQLite may have prepared it anew: what it said then is not said again.
            let _ = self.look_again(statement, known, sink.records);
            return Err(match error {
                RowError::Sqlite(error) => self.error(error),
                RowError::Ours(error) => error,
            });
        }
        let changed = self.raw.total_changes() != changes_before;
        sink.records.result(StatementEnd {
            shape: if known.columns.is_empty() { 0 } else { known.shape },
            rows_affected: if changed { self.raw.changes() } else { 0 },
            last_insert_rowid: (changed && known.kind.inserts && self.raw.changes() > 0)
                .then(|| self.raw.last_insert_rowid()),
        });
        Ok(())
    }

    /// `PRAGMA busy_timeout` says what the client waits: SQLite itself knows only of our handler.
    fn answer_busy_timeout(&self, kind: &Kind, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.set_busy_timeout(kind);
        let columns = [("timeout", "")].into_iter();
        let shape = self.context.next_shape();
        sink.records.shape(shape, columns);
        let mut chunk = RowsChunk::new(shape);
        chunk.cell(ValueRef::Integer(self.context.busy_timeout()), self.context.numbers)?;
        chunk.end_row()?;
        sink.records.rows(&mut chunk);
        sink.records.result(StatementEnd { shape, ..StatementEnd::default() });
        sink.records.forget_shape(shape);
        Ok(())
    }

    /// Steps through a statement. Its columns are looked at again after the first step where SQLite
    /// has prepared it anew: another connection's ALTER changes them under a cached statement.
    fn send_rows(
        &self,
        statement: &mut Statement<'_>,
        known: &mut Known,
        sink: &mut Sink<'_>,
    ) -> Result<(), RowError> {
        let mut chunk = RowsChunk::new(known.shape);
        let mut is_first = true;
        let commits = self.commits.only_in_steps();
        let mut rows = statement.raw_query();
        loop {
            commits.begin_step();
            let next = rows.next();
            commits.end_step(&self.raw);
            let row = match next {
                Ok(Some(row)) => row,
                Ok(None) => break,
                // The setting is made.
                Err(error) if !is_first && known.kind.is_setting() && is_interrupt(&error) => break,
                // With rows sent already there is no second try.
                Err(error) if !is_first => return Err(RowError::Ours(self.error(error))),
                Err(error) => return Err(error.into()),
            };
            if is_first {
                is_first = false;
                self.look_again(row.as_ref(), known, sink.records).map_err(RowError::Ours)?;
                announce(known, sink.records);
                chunk = RowsChunk::new(known.shape);
            }
            for column in 0..known.columns.len() {
                chunk.cell(row.get_ref(column)?, self.context.numbers).map_err(RowError::Ours)?;
            }
            chunk.end_row().map_err(RowError::Ours)?;
            if chunk.is_full() {
                sink.records.rows(&mut chunk);
                (sink.send)(sink.records.take());
            }
        }
        drop(rows);
        if is_first {
            self.look_again(statement, known, sink.records).map_err(RowError::Ours)?;
            announce(known, sink.records);
        }
        sink.records.rows(&mut chunk);
        if sink.records.is_chunk() {
            (sink.send)(sink.records.take());
        }
        Ok(())
    }

    fn look_again(
        &self,
        statement: &Statement<'_>,
        known: &mut Known,
        records: &mut Records,
    ) -> Result<(), Error> {
        let reprepared = statement.get_status(StatementStatus::RePrepare);
        if reprepared == known.reprepared {
            return Ok(());
        }
        // Before it is noted: a statement that is refused now is looked at again when it is run again.
        self.refuse_vector_indexes_now(statement)?;
        known.reprepared = reprepared;
        known.kind = self.recorder.kind();
        let columns = columns_of(statement);
        if columns != known.columns {
            if known.announced {
                records.forget_shape(known.shape);
            }
            known.columns = columns;
            known.shape = self.context.next_shape();
            known.announced = false;
        }
        Ok(())
    }

    /// Notes what SQLite said of a statement while it prepared it.
    fn learn<'k>(&self, statement: &Statement<'_>, known: &'k mut Option<Known>) -> &'k mut Known {
        known.insert(Known {
            kind: self.recorder.kind(),
            parameters: (1..=statement.parameter_count())
                .map(|index| statement.parameter_name(index).map(ToOwned::to_owned))
                .collect(),
            columns: columns_of(statement),
            shape: self.context.next_shape(),
            announced: false,
            reprepared: statement.get_status(StatementStatus::RePrepare),
        })
    }

    fn prepared(&self, statement: &Statement<'_>) -> Prepared {
        self.note_read();
        let read_only = statement.readonly();
        let has_snapshot = !read_only
            && !self.raw.is_autocommit()
            && matches!(self.raw.transaction_state::<&str>(None), Ok(TransactionState::Read));
        Prepared { read_only, has_snapshot }
    }

    /// Drops what is known of statements that JavaScript has forgotten, once there are many.
    pub fn forget_statements(&mut self, records: &mut Records) {
        if self.statements.len() <= 4 * super::STATEMENTS {
            return;
        }
        let context = &self.context;
        self.statements.retain(|id, known| {
            let keep = context.statement(*id).is_some();
            if !keep && known.announced {
                records.forget_shape(known.shape);
            }
            keep
        });
    }
}

/// What can go wrong between two rows.
pub(super) enum RowError {
    /// SQLite's error, which a shared cache may make worth a second try.
    Sqlite(rusqlite::Error),
    /// An error that ends the statement.
    Ours(Error),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl MayBeLocked for RowError {
    fn is_locked_shared_cache(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.is_locked_shared_cache())
    }
}

/// Runs what has had its effect already, and has only to give its answer, however often it is
/// interrupted: at most by the caller's signal, the end of its transaction and that of the client.
fn despite_interrupts(mut run: impl FnMut() -> Result<(), RowError>) -> Result<(), RowError> {
    for _ in 0..3 {
        match run() {
            Err(RowError::Sqlite(error)) if is_interrupt(&error) => {}
            result => return result,
        }
    }
    run()
}

fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

fn columns_of(statement: &Statement<'_>) -> Vec<(String, String)> {
    statement
        .columns()
        .map(|column| (column.name().to_owned(), column.decl_type().unwrap_or("").to_owned()))
        .collect()
}

/// Tells JavaScript that the shape of a statement's rows will not be used again.
fn forget(known: Option<Known>, records: &mut Records) {
    if let Some(known) = known.filter(|known| known.announced) {
        records.forget_shape(known.shape);
    }
}

/// Whether there may be text behind the first statement, in which case the text is not cached:
/// SQLite must prepare the first statement only, because preparing a PRAGMA has an effect.
fn may_have_tail(sql: &str) -> bool {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).contains(';')
}

fn announce(known: &mut Known, records: &mut Records) {
    if !known.announced && !known.columns.is_empty() {
        known.announced = true;
        records.shape(
            known.shape,
            known.columns.iter().map(|(name, declared)| (name.as_str(), declared.as_str())),
        );
    }
}

/// Binds the arguments: what is missing is NULL, what is too much is ignored. A name of an argument
/// stands for every parameter of that name, whatever its prefix.
fn bind(
    statement: &mut Statement<'_>,
    parameters: &[Option<String>],
    arguments: &Arguments<'_>,
) -> Result<(), Error> {
    match arguments {
        Arguments::Positional(values) => {
            for (index, value) in values.iter().take(parameters.len()).enumerate() {
                bind_one(statement, index + 1, *value)?;
            }
        }
        Arguments::Named(values) => {
            for (index, parameter) in parameters.iter().enumerate() {
                // SQLite's names begin with one of ? : @ $.
                let Some(name) = parameter.as_deref().and_then(|name| name.get(1..)) else {
                    continue;
                };
                if let Some((_, value)) = values.iter().rev().find(|(given, _)| *given == name) {
                    bind_one(statement, index + 1, *value)?;
                }
            }
        }
    }
    Ok(())
}

fn bind_one(statement: &mut Statement<'_>, index: usize, value: ValueRef<'_>) -> Result<(), Error> {
    Ok(statement.raw_bind_parameter(index, ToSqlOutput::Borrowed(value))?)
}

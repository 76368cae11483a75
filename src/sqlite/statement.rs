//! Runs statements: asks whether they may run, binds arguments, steps, and hands on rows.

use std::collections::HashSet;
use std::mem;

use rusqlite::{Statement, StatementStatus};

use super::classify::StatementKind;
use super::columns::{Column, columns_of, tables_of};
use super::kept_statements::Slot;
use super::libsql::alter_column::AlterColumn;
use super::preparing::{
    RunError, changes, despite_interrupts, has_pragma, is_interrupt, may_have_tail, may_write,
};
use super::rows::{Flow, Row, RowSink, RunOptions, StatementEnd};
use super::statement_info::{ParameterNames, StatementInfo};
use super::strict_arguments::{check_named, check_positional};
use super::values::{to_list, to_sql};
use super::{Connection, Error};
use crate::value::{Argument, Arguments, Value};

/// Has a row left after its first one, so that the transaction in which it reads the schema stays open. Every
/// statement that begins meanwhile reads in the same transaction
/// (<https://sqlite.org/lang_transaction.html>).
const SNAPSHOT: &str = "select 1 from (values (1), (2)) left join sqlite_schema";

impl Connection {
    /// Fixes what the statements of the open transaction see: later writes are not in it.
    ///
    /// # Errors
    /// The error of SQLite, if it cannot read.
    pub fn fix_snapshot(&self) -> Result<(), Error> {
        let read = self.raw.prepare_cached(SNAPSHOT).and_then(|mut snapshot| {
            snapshot.raw_query().next()?;
            Ok(())
        });
        self.note_read();
        read.map_err(|error| self.error(error))
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
        if info.is_none()
            && let Some(alter) = AlterColumn::read(sql)
        {
            return self.run_alter_column(&alter, sink);
        }
        let was_autocommit = self.raw.is_autocommit();
        self.recorder.clear();
        self.bounds.time_limit.forget();
        let result = self.until_fresh(sql, |this| match id {
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
        let RunOptions { strict, time_limit, .. } = sink.options();
        self.bind(statement, &mut info.parameters, arguments, strict)
            .map_err(RunError::from_ours)?;
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
        let mut send = || {
            self.retry_shared_cache(|| {
                let send = || self.send_rows(statement, info, sink, true).map(drop);
                self.bounds.time_limit.within(time_limit, send)
            })
        };
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

    /// Steps through a statement, and hands on its rows, until it ends or pauses. If SQLite has prepared the statement again in the
    /// first step, its columns are read again: an ALTER on another connection can change the columns of a
    /// cached statement.
    ///
    /// `begins` is false if it has paused before.
    pub(super) fn send_rows<S: RowSink>(
        &self,
        statement: &mut Statement<'_>,
        info: &mut StatementInfo,
        sink: &mut S,
        begins: bool,
    ) -> Result<Flow, RunError<S::Error>> {
        let writes = may_write(statement) || self.is_in_place.get();
        let mut is_first = begins;
        let only_reads = statement.readonly() && info.kind.pragma.is_none();
        let wants_tables = sink.options().tables;
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
            if sink.wants_more() {
                let shape = match info.shape {
                    Some(shape) if !wants_tables => shape,
                    _ => self.announce(row.as_ref(), info, sink),
                };
                sink.row(shape, &Row::Stepped(row), info.columns.len()).map_err(RunError::Ours)?;
            }
            if sink.pauses() {
                // Its reset would end the statement. It owns nothing: what it leads to is the statement's.
                mem::forget(rows);
                sink.end_rows();
                return Ok(Flow::Paused);
            }
            // A statement that writes has to be run to its end, which is where it commits.
            if only_reads && !sink.wants_more() {
                break;
            }
        }
        drop(rows);
        if is_first {
            self.look_again(statement, info, sink).map_err(|error| self.stale_or(error))?;
            if !info.columns.is_empty() {
                self.announce(statement, info, sink);
            }
        }
        sink.end_rows();
        Ok(Flow::Ended)
    }

    /// The shape of a statement's rows. Announces it to the sink if this is its first use, or the first one that
    /// wants the tables of its columns.
    fn announce<S: RowSink>(
        &self,
        statement: &Statement<'_>,
        info: &mut StatementInfo,
        sink: &mut S,
    ) -> u32 {
        let wants_tables = sink.options().tables;
        let known = info.shape.filter(|_| !wants_tables || info.shape == info.shape_with_tables);
        if let Some(shape) = known {
            return shape;
        }
        if let Some(former) = info.shape.take() {
            sink.forget_shape(former);
        }
        let shape = sink.shape(&info.columns);
        if wants_tables {
            sink.tables(shape, &tables_of(&self.raw, statement));
            info.shape_with_tables = Some(shape);
        }
        info.shape = Some(shape);
        shape
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
        // A table may have another name, and its columns the same.
        if columns != info.columns || info.shape_with_tables.is_some() {
            if let Some(shape) = info.shape.take() {
                sink.forget_shape(shape);
            }
            info.columns = columns;
        }
        Ok(())
    }

    /// Binds the arguments. A missing argument is NULL; a surplus one is ignored; both are errors if `strict`. A named
    /// argument is bound to every parameter of that name, with any prefix.
    ///
    /// Binding cannot fail because of a lock or an interrupt. A cancel ends the reading of the names.
    pub(super) fn bind(
        &self,
        statement: &mut Statement<'_>,
        names: &mut Option<ParameterNames>,
        arguments: &Arguments<'_>,
        strict: bool,
    ) -> Result<(), Error> {
        match arguments {
            Arguments::Positional(values) => {
                if strict {
                    check_positional(statement, values.len())?;
                }
                for (index, value) in values.iter().take(statement.parameter_count()).enumerate() {
                    match value {
                        Argument::Value(value) => bind_one(statement, index + 1, *value)?,
                        Argument::List(values) => {
                            statement.raw_bind_parameter(index + 1, to_list(values))?;
                        }
                    }
                }
            }
            Arguments::Named(values) if values.is_empty() && !strict => {}
            Arguments::Named(values) => {
                let names = match names {
                    Some(names) => names,
                    None => names.insert(ParameterNames::read(statement, || {
                        self.hooks.cancelled().map_or(Ok(()), |why| Err(Error::Cancelled(why)))
                    })?),
                };
                if strict {
                    let given: HashSet<_> = values.iter().map(|(name, _)| *name).collect();
                    check_named(statement, names, &given)?;
                }
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

    /// Drops the [`StatementInfo`] of the statements for which `keep` returns false, if there are many
    /// statements, and forgets the shapes of closed cursors.
    pub fn forget_statements(
        &mut self,
        keep: impl Fn(u32) -> bool,
        mut forget_shape: impl FnMut(u32),
    ) {
        self.closed_shapes.take().into_iter().for_each(&mut forget_shape);
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

/// Tells the sink that the shape of this statement will not be used again.
fn forget(info: Option<Box<StatementInfo>>, sink: &mut impl RowSink) {
    if let Some(shape) = info.and_then(|info| info.shape) {
        sink.forget_shape(shape);
    }
}

fn bind_one(statement: &mut Statement<'_>, index: usize, value: Value<'_>) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(index, to_sql(value))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::super::rows::Prepared;
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

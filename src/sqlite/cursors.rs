//! Cursors: statements that read, and stay open between the calls that fetch their rows
//! (<https://sqlite.org/c3ref/step.html>).

use fallible_iterator::FallibleIterator;
use rusqlite::Batch;

use super::kept_statements::OpenCursor;
use super::libsql::alter_column::AlterColumn;
use super::preparing::{RunError, changes, has_pragma};
use super::rows::{Flow, RowSink, RunOptions, StatementEnd};
use super::statement_info::StatementInfo;
use super::{Connection, Error};
use crate::value::Arguments;

impl Connection {
    /// Opens a cursor of this number, and hands on its first rows. None if the statement does more than to read
    /// rows; it has had no effect then.
    ///
    /// # Errors
    /// The error of the statement, or of `sink`. No cursor is open then.
    pub fn open_cursor<S: RowSink>(
        &mut self,
        number: u32,
        sql: &str,
        arguments: &Arguments<'_>,
        sink: &mut S,
    ) -> Result<Option<Flow>, S::Error> {
        self.recorder.clear();
        self.bounds.time_limit.forget();
        self.until_fresh(sql, |this| {
            this.raw.with_cursor(number, |raw, cursor| {
                this.begin_cursor(raw, cursor, sql, arguments, sink)
            })
        })
    }

    fn begin_cursor<'c, S: RowSink>(
        &self,
        raw: &'c rusqlite::Connection,
        cursor: &mut Option<OpenCursor<'c>>,
        sql: &str,
        arguments: &Arguments<'_>,
        sink: &mut S,
    ) -> Result<Option<Flow>, RunError<S::Error>> {
        if has_pragma(sql) || AlterColumn::read(sql).is_some() {
            // SQLite makes a setting when it prepares the statement. The other one it cannot read.
            return Ok(None);
        }
        let Some(mut statement) = self.prepare(|| Batch::new(raw, sql).next())? else {
            return Ok(None);
        };
        let mut info = Box::new(self.info_of(&statement, ""));
        if changes(&statement) || info.columns.is_empty() || info.kind.pins_connection {
            return Ok(None);
        }
        match self.refuse_vector_indexes(&statement) {
            Err(Error::VectorIndex { .. }) if self.adopts.get() => return Ok(None),
            refused => refused.map_err(RunError::from_ours)?,
        }
        sink.allow(self.prepared(&statement, &info.kind)).map_err(RunError::Ours)?;
        self.set_exclusive(false);
        let options = sink.options();
        self.bind(&mut statement, &mut info.parameters, arguments, options.strict)
            .map_err(RunError::from_ours)?;
        let flow = self.retry_shared_cache(|| {
            let send = || self.send_rows(&mut statement, &mut info, sink, true);
            self.bounds.time_limit.within(options.time_limit, send)
        })?;
        match flow {
            Flow::Paused => {
                let is_of_transaction = !self.raw.is_autocommit();
                *cursor = Some(OpenCursor { statement, info, options, is_of_transaction });
            }
            Flow::Ended => end(&info, sink),
        }
        Ok(Some(flow))
    }

    /// Hands on the next rows of a cursor. None if there is no such cursor.
    ///
    /// # Errors
    /// The error of the statement, or of `sink`. The cursor is closed then.
    pub fn fetch<S: RowSink>(
        &mut self,
        number: u32,
        sink: &mut S,
    ) -> Result<Option<Flow>, S::Error> {
        self.raw.with_cursor(number, |_, cursor| {
            let Some(mut open) = cursor.take() else { return Ok(None) };
            self.bounds.time_limit.forget();
            let send = || self.send_rows(&mut open.statement, &mut open.info, sink, false);
            match self.bounds.time_limit.within(open.options.time_limit, send) {
                Ok(Flow::Paused) => {
                    *cursor = Some(open);
                    Ok(Some(Flow::Paused))
                }
                Ok(Flow::Ended) => {
                    end(&open.info, sink);
                    Ok(Some(Flow::Ended))
                }
                Err(error) => {
                    forget(&open.info, sink);
                    Err(match error {
                        RunError::Ours(error) => error,
                        RunError::Sqlite(error) => self.error(error).into(),
                        RunError::Stale => Error::busy().into(),
                    })
                }
            }
        })
    }

    /// How the rows of a cursor are read. None if there is no such cursor.
    pub fn options_of(&self, number: u32) -> Option<RunOptions> {
        self.raw.with_cursor(number, |_, cursor| cursor.as_ref().map(|open| open.options))
    }

    /// Closes a cursor. Returns the number of its columns, which will not be used again.
    pub fn close_cursor(&self, number: u32) -> Option<u32> {
        self.raw.with_cursor(number, |_, cursor| cursor.take().and_then(|closed| closed.info.shape))
    }

    /// Closes the cursors that were opened in a transaction, which has ended, or all cursors. Their columns are forgotten
    /// with the next [`Connection::forget_statements`].
    pub fn close_cursors(&self, all: bool) {
        self.closed_shapes.borrow_mut().extend(self.raw.close_cursors(all));
    }

    /// Whether a cursor is open.
    pub fn has_cursors(&self) -> bool {
        self.raw.has_cursors()
    }
}

/// Hands on the end of a cursor.
fn end(info: &StatementInfo, sink: &mut impl RowSink) {
    sink.end(StatementEnd { shape: info.shape, rows_affected: 0, last_insert_rowid: None });
    forget(info, sink);
}

fn forget(info: &StatementInfo, sink: &mut impl RowSink) {
    if let Some(shape) = info.shape {
        sink.forget_shape(shape);
    }
}

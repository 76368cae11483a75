//! Runs scripts: texts of several statements, whose rows nobody reads.

use std::time::Duration;

use fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement, StatementStatus};

use super::classify::StatementKind;
use super::libsql::alter_column::{Piece, pieces};
use super::preparing::{RunError, has_pragma, is_interrupt, may_write};
use super::rows::Prepared;
use super::{Connection, Error};

impl Connection {
    /// Runs a text of several statements, without returning their rows. `allow` is called for each
    /// statement once it is prepared, before it has any effect. Each may run for `time_limit`.
    ///
    /// # Errors
    /// The error of the first statement that fails, or of `allow`, with the statement's index.
    pub fn run_script<E: From<Error>>(
        &mut self,
        sql: &str,
        time_limit: Option<Duration>,
        mut allow: impl FnMut(Prepared) -> Result<(), E>,
    ) -> Result<(), (E, usize)> {
        self.bounds.time_limit.forget();
        let mut effects = Vec::new();
        let mut ran = 0;
        let result = pieces(sql).into_iter().try_for_each(|piece| match piece {
            Piece::Sql(piece) => {
                let end = piece.as_bytes().as_ptr_range().end.addr() - sql.as_ptr().addr();
                let so_far = sql.get(..end).unwrap_or_default();
                let how = (time_limit, so_far);
                self.run_statements(piece, how, &mut ran, &mut effects, &mut allow)
            }
            Piece::Alter(alter) => {
                self.alter_column(&alter, &mut allow)?;
                ran += 1;
                Ok(())
            }
        });
        for (kind, was_autocommit) in &effects {
            self.hooks.ran(kind, *was_autocommit);
            self.note_deferring(kind);
        }
        result.map_err(|error| (error, ran))
    }

    /// Runs the statements of a text, with which the script `so_far` ends, and counts them. Appends to `effects` the
    /// statements that matter to other connections, each with whether it was prepared outside of a transaction.
    fn run_statements<E: From<Error>>(
        &self,
        sql: &str,
        (time_limit, so_far): (Option<Duration>, &str),
        ran: &mut usize,
        effects: &mut Vec<(StatementKind, bool)>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statements = Batch::new(&self.raw, sql);
        let has_pragma = has_pragma(sql);
        loop {
            let was_autocommit = self.raw.is_autocommit();
            self.recorder.clear();
            let next = self.until_fresh(so_far, |this| {
                this.prepare_despite(has_pragma, || statements.next())
            })?;
            let Some(mut statement) = next else { return Ok(()) };
            let mut is_stale = false;
            let kind = self.until_fresh(so_far, |this| {
                if is_stale {
                    let text = statement.expanded_sql().unwrap_or_default();
                    statement = self.first_statement(&text)?;
                }
                is_stale = true;
                this.run_of_script(&mut statement, time_limit, allow)
            })?;
            *ran += 1;
            if kind.pragma.is_some() || kind.pins_connection {
                effects.push((kind, was_autocommit));
            }
        }
    }

    fn run_of_script<E: From<Error>>(
        &self,
        statement: &mut Statement<'_>,
        time_limit: Option<Duration>,
        allow: &mut dyn FnMut(Prepared) -> Result<(), E>,
    ) -> Result<StatementKind, RunError<E>> {
        let kind = self.kind_of(statement);
        self.refuse_or_adopt(statement, &mut *allow)?;
        if kind.is_busy_timeout() {
            self.hooks.busy_timeout(kind.value());
            return Ok(kind);
        }
        self.heed_setting(&kind);
        let is_made = kind.is_made_when_prepared();
        let _past = is_made.then(|| self.past_cancelling());
        if !is_made {
            allow(self.prepared(statement, &kind)).map_err(RunError::Ours)?;
        }
        self.set_exclusive(kind.needs_exclusive_lock());
        self.retry_shared_cache(|| {
            self.bounds.time_limit.within(time_limit, || self.step_to_end(statement, &kind))
        })?;
        // If SQLite has prepared the statement again, the new schema may have a vector index.
        if statement.get_status(StatementStatus::RePrepare) > 0 {
            self.refuse_vector_indexes_now(statement).map_err(RunError::from_ours)?;
        }
        Ok(kind)
    }

    /// Steps through a statement of a script, whose rows nobody reads.
    fn step_to_end<E: From<Error>>(
        &self,
        statement: &mut Statement<'_>,
        kind: &StatementKind,
    ) -> Result<(), RunError<E>> {
        let writes = may_write(statement);
        let is_made = kind.is_made_when_prepared();
        let _frames = if writes { self.noting_frames() } else { None };
        let commits = self.commits.only_in_steps();
        let mut rows = statement.raw_query();
        let mut has_row = false;
        loop {
            let may_be_stale = writes && !has_row;
            match self.recorder.first_step(may_be_stale, || commits.step(&self.raw, || rows.next()))
            {
                Ok(Some(_)) => has_row = true,
                Ok(None) => return Ok(()),
                Err(error) if is_interrupt(&error) && (is_made || has_row && kind.is_setting()) => {
                    return Ok(());
                }
                Err(_) if self.recorder.was_stale() => return Err(RunError::Stale),
                // The statement cannot be tried again, because it has taken effect in part.
                Err(error) if has_row => return Err(RunError::from_ours(self.error(error))),
                Err(error) => return Err(RunError::Sqlite(error)),
            }
        }
    }
}

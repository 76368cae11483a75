//! Prepares a statement on the thread of JavaScript, for its first run there. A client that is closed after
//! a few short statements never starts a thread.

use std::path::Path;

use crate::files::sidecars;
use crate::sqlite::Connection;
use crate::sqlite::in_place::program::Program;
use crate::sqlite::in_place::{LONGEST_VALUE, Limits};
use crate::sqlite::kept_statements::Slot;
use crate::sqlite::statement_info::{QUICK_RUNS, StatementInfo};

/// The longest text that is prepared in place, in bytes. Finding a plan for a join takes the longer the more
/// tables it has.
const LONGEST_TEXT: usize = 256;

/// The most subqueries and columns of a statement that is prepared in place, those of its views, too.
const MOST_QUESTIONS: u32 = 256;

/// The longest WAL beside a file whose first reader may run in place, in bytes: the first reader reads all of
/// it (<https://sqlite.org/wal.html#recovery>).
const LONGEST_WAL: u64 = 64 * 1024;

/// The statements of which a preparation in place is tried begin with one of these. Preparing a PRAGMA, for
/// example, already has its effect.
const KEYWORDS: [&str; 6] = ["select", "insert", "update", "delete", "replace", "with"];

impl Connection {
    /// Prepares a new statement, if that cannot take long. None if the statement has to be prepared on the
    /// lane's thread, or is not one that may run in place.
    pub(in crate::sqlite) fn prepare_in_place(
        &self,
        slot: &mut Slot<'_>,
        sql: &str,
    ) -> Option<Box<StatementInfo>> {
        if !is_candidate(sql) || !self.is_read_quickly() {
            return None;
        }
        let _limits = Limits::begin(self, true, LONGEST_VALUE, 0)?;
        // The first preparation reads the whole schema, and a view may be a join of many tables.
        self.bounds.include_preparation();
        self.recorder.clear();
        self.recorder.refuse_stale(true);
        let prepare = || slot.prepare(sql);
        let statement = self.recorder.with_few_questions(MOST_QUESTIONS, prepare).ok()?;
        let mut info = Box::new(self.info_of(&statement, sql));
        let may_run = info.may_run_in_place() && info.may_be_explained();
        if !may_run || self.refuse_vector_indexes(&statement).is_err() {
            return None;
        }
        let program = self.recorder.aside(|| Program::of(&self.raw, sql));
        if program.0 == Program::Unbounded {
            return None;
        }
        info.program = Some(program);
        info.quick_runs = QUICK_RUNS;
        slot.statement = Some(statement);
        Some(info)
    }

    /// Whether the first reading of the file, which this connection may have to do, takes no recovery of what
    /// a crash has left.
    fn is_read_quickly(&self) -> bool {
        let size = |path: &Path| path.symlink_metadata().map_or(0, |found| found.len());
        self.has_read()
            || self.opened_path().is_none_or(|path| {
                size(&sidecars::wal(path)) <= LONGEST_WAL && size(&sidecars::journal(path)) == 0
            })
    }
}

fn is_candidate(sql: &str) -> bool {
    let begins_with = |keyword: &&str| {
        sql.get(..keyword.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(keyword))
    };
    sql.len() <= LONGEST_TEXT && !sql.contains(';') && KEYWORDS.iter().any(begins_with)
}

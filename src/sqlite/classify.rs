//! Classifies statements, when SQLite prepares them, by the questions that SQLite asks the authorizer
//! (<https://sqlite.org/c3ref/set_authorizer.html>). `sqlite3_stmt_readonly` is not enough: it is true for
//! ATTACH, for most PRAGMAs and for BEGIN.

use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};

use rusqlite::ffi;

use super::authorizer::{Answer, Authorizer, Question};
use super::callbacks::CallbackHandle;
use super::libsql::random_tables::RandomTables;
use super::pragma::Pragma;
use super::touched_tables::TouchedTables;
use crate::sync::{Mutex, lock};

const INSERT: u16 = 1;
const SCHEMA: u16 = 2;
const PRAGMA: u16 = 4;
const OTHER_DATABASE: u16 = 8;
const TABLE: u16 = 16;
const WRITES_TEMP: u16 = 32;
const WRITES_FILE: u16 = 64;
const TEMP_TRIGGER: u16 = 128;
const BEGIN: u16 = 256;
const CHANGE: u16 = 512;
const ASKS_CONNECTION: u16 = 1024;
const CREATES_INDEX: u16 = 2048;
const REINDEXES: u16 = 4096;

/// The schema table, which SQLite asks about before it knows whether CREATE TABLE IF NOT EXISTS changes it.
const SCHEMA_TABLES: [&CStr; 2] = [c"sqlite_master", c"sqlite_temp_master"];

/// Functions whose result, or whose effect, belongs to the connection.
const OF_CONNECTION: [&CStr; 5] =
    [c"last_insert_rowid", c"last_rows_affected", c"changes", c"total_changes", c"load_extension"];

const BUSY_TIMEOUT: &str = "busy_timeout";

/// The authorizer of a connection. It records what SQLite asks while it prepares a statement.
#[derive(Debug, Default)]
pub struct Recorder {
    flags: AtomicU16,
    pragma: Mutex<Option<Pragma>>,
    dry_run: AtomicBool,
    tables: TouchedTables,
    /// The tables that are RANDOM ROWID.
    pub(super) random: RandomTables,
    /// The handle of the connection.
    handle: OnceLock<CallbackHandle>,
    /// Whether a statement is refused if the schema has changed since it was prepared.
    refuses_stale: AtomicBool,
    /// Whether the first step of a statement that writes is running.
    is_first_step: AtomicBool,
    was_stale: AtomicBool,
    /// The number of questions after which a statement is refused, and that of those so far. 0 for no bound.
    most_questions: AtomicU32,
    questions: AtomicU32,
    /// The number of questions about inserts and updates so far, outside of dry runs.
    writes: AtomicU32,
}

/// What a statement does, as far as SQLite's own functions do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementKind {
    /// Whether the statement inserts rows and does not change the schema.
    pub inserts: bool,
    /// Whether the statement makes state that belongs to one connection: TEMP, ATTACH, an exclusive
    /// locking mode.
    pub pins_connection: bool,
    /// Whether the statement begins a transaction (BEGIN, SAVEPOINT) if none is open.
    pub begins: bool,
    /// Whether the statement changes tables or the schema. CREATE TABLE IF NOT EXISTS does not if the table
    /// is there, although `sqlite3_stmt_readonly` is false for it.
    pub changes: bool,
    /// Whether the statement changes the schema, or would if what it creates were not there.
    pub changes_schema: bool,
    /// Whether the statement writes to the connection's temporary database and to no other one.
    pub writes_only_temp: bool,
    /// Whether the statement asks for something that each connection has of its own: the last rowid, a PRAGMA as
    /// a table.
    pub asks_connection: bool,
    /// The PRAGMA, if the statement is one.
    pub pragma: Option<Pragma>,
    /// Whether SQLite has asked nothing about the statement. Of the statements that write, this holds for
    /// VACUUM alone.
    pub is_unknown: bool,
}

impl StatementKind {
    /// Whether the statement is `PRAGMA busy_timeout`, which latchdb answers itself.
    pub fn is_busy_timeout(&self) -> bool {
        self.pragma.as_ref().is_some_and(|pragma| pragma.name == BUSY_TIMEOUT)
    }

    /// Whether the statement is `PRAGMA journal_mode` without a value. To SQLite it may write
    /// (<https://sqlite.org/c3ref/stmt_readonly.html>), but it only reads.
    pub fn asks_journal_mode(&self) -> bool {
        self.pragma
            .as_ref()
            .is_some_and(|pragma| pragma.name == "journal_mode" && pragma.value.is_none())
    }

    /// Whether the statement makes a setting of the connection.
    pub fn is_setting(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_setting)
    }

    /// The value that the PRAGMA sets. None if the statement is no PRAGMA or has no value.
    pub fn value(&self) -> Option<&str> {
        self.pragma.as_ref().and_then(|pragma| pragma.value.as_deref())
    }

    /// Whether the statement, if it writes, needs a file that no other connection is reading.
    pub fn needs_exclusive_lock(&self) -> bool {
        self.is_unknown || self.pragma.as_ref().is_some_and(Pragma::needs_exclusive_lock)
    }

    /// Whether the statement, if it only reads, answers the same on another connection to the file.
    pub fn may_run_aside(&self) -> bool {
        self.pragma.is_none()
            && !self.pins_connection
            && !self.begins
            && !self.writes_only_temp
            && !self.asks_connection
    }

    /// Whether the statement takes effect when it is prepared, before its first step.
    pub fn is_made_when_prepared(&self) -> bool {
        self.pragma.as_ref().is_some_and(Pragma::is_made_when_prepared)
    }
}

impl Recorder {
    /// Clears the record, before the next statement is prepared.
    pub fn clear(&self) {
        self.random.clear();
        if self.flags.swap(0, Ordering::Relaxed) & PRAGMA != 0 {
            *lock(&self.pragma) = None;
        }
    }

    /// The kind of the statement that was prepared since the last [`Recorder::clear`].
    pub fn kind(&self) -> StatementKind {
        let flags = self.flags.load(Ordering::Relaxed);
        let pragma = if flags & PRAGMA == 0 { None } else { lock(&self.pragma).clone() };
        let exclusive = pragma.as_ref().is_some_and(|pragma| {
            pragma.name == "locking_mode"
                && pragma
                    .value
                    .as_deref()
                    .is_some_and(|mode| mode.eq_ignore_ascii_case("exclusive"))
        });
        StatementKind {
            inserts: flags & INSERT != 0 && flags & SCHEMA == 0,
            pins_connection: flags & OTHER_DATABASE != 0 || exclusive,
            begins: flags & BEGIN != 0,
            changes: flags & CHANGE != 0,
            changes_schema: flags & SCHEMA != 0,
            asks_connection: flags & ASKS_CONNECTION != 0,
            is_unknown: flags == 0,
            // SQLite asks about a TEMP trigger as if it were written to the database of its table.
            writes_only_temp: flags & TEMP_TRIGGER != 0
                || flags & (WRITES_TEMP | WRITES_FILE) == WRITES_TEMP,
            pragma,
        }
    }

    /// Begins or ends a dry run, in which a PRAGMA has no effect. SQLite runs many PRAGMAs when it prepares
    /// them.
    pub fn set_dry_run(&self, dry_run: bool) {
        self.dry_run.store(dry_run, Ordering::Relaxed);
    }

    /// Sets the handle of the connection, once.
    pub fn know(&self, handle: CallbackHandle) {
        let _ = self.handle.set(handle);
    }

    /// Sets whether a statement that writes is refused if the schema has changed since it was prepared.
    pub fn refuse_stale(&self, refuse: bool) {
        self.refuses_stale.store(refuse, Ordering::Relaxed);
        self.was_stale.store(false, Ordering::Relaxed);
    }

    /// Prepares a statement that is refused after so many questions of SQLite: one for each subquery and each
    /// column. The text of a statement can be short, and that of its views long.
    pub fn with_few_questions<T>(&self, most: u32, prepare: impl FnOnce() -> T) -> T {
        self.questions.store(0, Ordering::Relaxed);
        self.most_questions.store(most, Ordering::Relaxed);
        let prepared = prepare();
        self.most_questions.store(0, Ordering::Relaxed);
        prepared
    }

    /// Whether a statement that may have few questions only has too many.
    fn has_too_many_questions(&self) -> bool {
        let most = self.most_questions.load(Ordering::Relaxed);
        most != 0 && self.questions.fetch_add(1, Ordering::Relaxed) >= most
    }

    /// Whether it is refused.
    pub fn refuses_stale(&self) -> bool {
        self.refuses_stale.load(Ordering::Relaxed)
    }

    /// Steps a statement. If the schema has changed since the statement was prepared, SQLite prepares it
    /// again in its first step, before the statement has any effect. The statement may then mean something
    /// else. The authorizer denies this for a statement that writes, so that the statement can be prepared
    /// and checked again.
    pub fn first_step<T>(&self, is_first_of_write: bool, step: impl FnOnce() -> T) -> T {
        if !is_first_of_write || !self.refuses_stale() {
            return step();
        }
        self.is_first_step.store(true, Ordering::Relaxed);
        let result = step();
        self.is_first_step.store(false, Ordering::Relaxed);
        result
    }

    /// Whether the last statement was refused because the schema had changed.
    pub fn was_stale(&self) -> bool {
        self.was_stale.load(Ordering::Relaxed)
    }

    /// Whether SQLite is preparing again the statement whose first step is running. Statements that this
    /// statement prepares itself, as virtual tables do, are prepared while it runs; they do not count.
    fn is_stale(&self) -> bool {
        self.is_first_step.load(Ordering::Relaxed)
            && self.handle.get().is_some_and(|handle| !handle.runs_a_statement())
    }

    /// A number that is another one once SQLite has prepared a statement that inserts or updates rows.
    pub fn writes_prepared(&self) -> u32 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Whether the statement reads or writes a table.
    pub fn touches_a_table(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & TABLE != 0
    }

    /// Whether the statement creates an index.
    pub fn creates_index(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & CREATES_INDEX != 0
    }

    /// Whether the statement goes through the indexes of whole databases, or through more tables than it asks about:
    /// REINDEX, and the PRAGMAs that check a database. VACUUM, which asks about nothing, does, too.
    pub fn goes_through_indexes(&self) -> bool {
        let flags = self.flags.load(Ordering::Relaxed);
        let checks =
            |pragma: &Pragma| matches!(pragma.name.as_str(), "integrity_check" | "quick_check");
        flags & REINDEXES != 0
            || flags & PRAGMA != 0 && lock(&self.pragma).as_ref().is_some_and(checks)
    }

    /// The recorder of the tables that a statement reads or writes.
    pub fn tables(&self) -> &TouchedTables {
        &self.tables
    }

    /// Runs statements of our own, which leave no trace in the record.
    pub fn aside<T>(&self, run: impl FnOnce() -> T) -> T {
        let flags = self.flags.load(Ordering::Relaxed);
        let pragma = lock(&self.pragma).clone();
        let value = run();
        self.flags.store(flags, Ordering::Relaxed);
        *lock(&self.pragma) = pragma;
        value
    }

    /// Records which database a question is about, if the action writes.
    fn note_write(&self, question: &Question<'_>) {
        let database = match question.action {
            ffi::SQLITE_CREATE_TEMP_TRIGGER => return self.set(TEMP_TRIGGER),
            ffi::SQLITE_INSERT
            | ffi::SQLITE_UPDATE
            | ffi::SQLITE_DELETE
            | ffi::SQLITE_CREATE_INDEX
            | ffi::SQLITE_CREATE_TABLE
            | ffi::SQLITE_CREATE_TRIGGER
            | ffi::SQLITE_CREATE_VIEW
            | ffi::SQLITE_CREATE_VTABLE
            | ffi::SQLITE_DROP_INDEX
            | ffi::SQLITE_DROP_TABLE
            | ffi::SQLITE_DROP_TRIGGER
            | ffi::SQLITE_DROP_VIEW
            | ffi::SQLITE_DROP_VTABLE
            | ffi::SQLITE_PRAGMA
            | ffi::SQLITE_REINDEX => question.database,
            ffi::SQLITE_ALTER_TABLE => question.first,
            ffi::SQLITE_CREATE_TEMP_INDEX
            | ffi::SQLITE_CREATE_TEMP_TABLE
            | ffi::SQLITE_CREATE_TEMP_VIEW
            | ffi::SQLITE_DROP_TEMP_INDEX
            | ffi::SQLITE_DROP_TEMP_TABLE
            | ffi::SQLITE_DROP_TEMP_TRIGGER
            | ffi::SQLITE_DROP_TEMP_VIEW => Some(c"temp"),
            // ANALYZE without a name writes to every database, and asks about the ones with tables only.
            ffi::SQLITE_ANALYZE => None,
            _ => return,
        };
        self.set(if database == Some(c"temp") { WRITES_TEMP } else { WRITES_FILE });
    }

    fn note_index(&self, question: &Question<'_>) {
        match question.action {
            ffi::SQLITE_CREATE_INDEX | ffi::SQLITE_CREATE_TEMP_INDEX => self.set(CREATES_INDEX),
            ffi::SQLITE_REINDEX => self.set(REINDEXES),
            _ => {}
        }
    }

    fn set(&self, flags: u16) {
        self.flags.fetch_or(flags, Ordering::Relaxed);
    }
}

impl Authorizer for Recorder {
    /// Records one question of SQLite, and answers it. All actions are allowed,
    /// except four. A PRAGMA in a dry run is ignored. `PRAGMA busy_timeout` is ignored, because SQLite
    /// would replace our busy handler by its own; latchdb answers it. A stale statement is denied,
    /// and one with too many questions.
    fn authorize(&self, question: &Question<'_>) -> Answer {
        if self.is_stale() {
            self.was_stale.store(true, Ordering::Relaxed);
            return Answer::Deny;
        }
        if self.has_too_many_questions() {
            return Answer::Deny;
        }
        self.tables.note(question);
        self.random.note(question);
        let writes = matches!(question.action, ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE);
        if writes && !self.dry_run.load(Ordering::Relaxed) {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        self.note_index(question);
        self.note_write(question);
        let in_main = question.database.is_none_or(|name| name == c"main");
        let place = if in_main { 0 } else { OTHER_DATABASE };
        match question.action {
            // Inserts of a trigger do not count as inserts of the statement.
            ffi::SQLITE_INSERT if question.accessor.is_none() => {
                let is_schema = question.first.is_some_and(|table| SCHEMA_TABLES.contains(&table));
                self.set(INSERT | TABLE | if is_schema { 0 } else { CHANGE });
            }
            ffi::SQLITE_READ => {
                let is_of_connection = question.first.is_some_and(is_of_connection);
                self.set(TABLE | if is_of_connection || !in_main { ASKS_CONNECTION } else { 0 });
            }
            ffi::SQLITE_FUNCTION
                if question.second.is_some_and(|name| OF_CONNECTION.contains(&name)) =>
            {
                self.set(ASKS_CONNECTION);
            }
            ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE => {
                self.set(TABLE | CHANGE);
            }
            ffi::SQLITE_CREATE_TEMP_INDEX
            | ffi::SQLITE_CREATE_TEMP_TABLE
            | ffi::SQLITE_CREATE_TEMP_TRIGGER
            | ffi::SQLITE_CREATE_TEMP_VIEW
            | ffi::SQLITE_ATTACH => self.set(SCHEMA | OTHER_DATABASE),
            // SQLite asks this before it looks whether the table or the view is there.
            ffi::SQLITE_CREATE_TABLE | ffi::SQLITE_CREATE_VIEW => self.set(SCHEMA | place),
            ffi::SQLITE_CREATE_INDEX | ffi::SQLITE_CREATE_TRIGGER | ffi::SQLITE_CREATE_VTABLE => {
                self.set(SCHEMA | CHANGE | place);
            }
            ffi::SQLITE_DROP_INDEX
            | ffi::SQLITE_DROP_TABLE
            | ffi::SQLITE_DROP_TRIGGER
            | ffi::SQLITE_DROP_VIEW
            | ffi::SQLITE_DROP_VTABLE
            | ffi::SQLITE_ALTER_TABLE
            | ffi::SQLITE_REINDEX
            | ffi::SQLITE_ANALYZE => self.set(SCHEMA | CHANGE),
            ffi::SQLITE_TRANSACTION if question.first == Some(c"BEGIN") => self.set(BEGIN),
            ffi::SQLITE_SAVEPOINT if question.first == Some(c"BEGIN") => self.set(BEGIN),
            ffi::SQLITE_PRAGMA => {
                self.set(PRAGMA);
                let name = question.first.map(text).unwrap_or_default().to_ascii_lowercase();
                let ignore = name == BUSY_TIMEOUT || self.dry_run.load(Ordering::Relaxed);
                *lock(&self.pragma) = Some(Pragma { name, value: question.second.map(text) });
                if ignore {
                    return Answer::Ignore;
                }
            }
            _ => {}
        }
        Answer::Allow
    }
}

/// Whether a table of this name tells about the connection: the tables of the PRAGMAs, which have their names as they
/// are written in the statement, and that of the prepared statements
/// (<https://sqlite.org/pragma.html#pragfunc>, <https://sqlite.org/stmt.html>).
fn is_of_connection(table: &CStr) -> bool {
    const PREFIX: &[u8] = b"pragma_";
    let begin = table.to_bytes().get(..PREFIX.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX)) || table == c"sqlite_stmt"
}

/// A name as text, with U+FFFD for what is not UTF-8.
fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

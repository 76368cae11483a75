//! The state that all lanes of one client share.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::activity::LaneKey;
use super::checkpoints::Checkpoints;
use super::class::Class;
use super::counts::Counts;
use super::gate::Gate;
use super::line::Turns;
use super::read_ahead::CursorTransactions;
use super::settings::Settings;
use super::shared_queues::{SharedDatabase, queue_of};
use super::writer_queue::{DEFAULT_OWN_TIMEOUT, LockTimeouts, WriterQueue};
use crate::files::FileId;
use crate::jobs::ids::{ClientId, LaneId};
use crate::jobs::outbox::Outbox;
use crate::sqlite::{Connection, Location, RunOptions};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::wire::records::SqlPlace;
use crate::wire::request::{Sql, Statement, StatementOptions};

/// Stands for "no lane" in an atomic number of a lane.
const NO_LANE: u32 = u32::MAX;

/// The options of a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// The location of the database.
    pub location: Location,
    /// The `timeout` setting. Zero if it is not set.
    pub timeout: Duration,
    /// Whether the connections are read-only.
    pub read_only: bool,
    /// The largest number of open transactions. Each has a connection of its own, unless there can be one only.
    pub most_lanes: usize,
    /// The number of reader lanes. The state of a client makes it 0 for what is no file.
    pub readers: usize,
    /// Whether checkpoints are made on a lane of their own. The state of a client makes it false for what is no file
    /// that it writes.
    pub background_checkpoints: bool,
    /// Whether writes that wait behind each other are committed together.
    pub group_commit: bool,
    /// Whether vector indexes of libSQL are taken over.
    pub adopts_vector_indexes: bool,
    /// Whether a missing file is an error, and not created.
    pub must_exist: bool,
    /// How statements run that do not say it themselves. Its `numbers` are those of the client.
    pub run: RunOptions,
    /// The limits of each connection, by SQLite's numbers (<https://sqlite.org/c3ref/c_limit_attached.html>).
    pub limits: Arc<[(i32, i32)]>,
    /// The content of a database in memory, until its connection is open.
    pub content: Arc<Mutex<Option<Vec<u8>>>>,
    /// Called before each opening of the database file, with its path.
    pub before_open: fn(&Path),
}

/// The state that all lanes of one client share.
pub struct ClientState {
    /// The number of the client in the process.
    pub id: ClientId,
    /// The options with which the client was opened.
    pub options: Options,
    /// The gate of the client.
    pub gate: Gate,
    /// The PRAGMA settings of the client's connections.
    pub settings: Settings,
    /// The receiver of the answers.
    pub outbox: Arc<dyn Outbox>,
    /// The writer queue of the database. That of a file is known once the file is open.
    writers: OnceLock<Arc<WriterQueue>>,
    /// What the client has counted.
    pub counts: Arc<Counts>,
    /// The checkpoints that are due.
    pub checkpoints: Checkpoints,
    /// The cursors that have a transaction of their own.
    pub cursors: Arc<CursorTransactions>,
    /// Hands the calls to the lanes, which in turn have this state.
    turns: OnceLock<Weak<dyn Turns>>,
    statements: Mutex<FxHashMap<u32, Defined>>,
    /// What is known of the journal: a [`Journal`].
    journal: AtomicU8,
    last_shape: AtomicU32,
    timeout_ms: AtomicI64,
    pinned_lane: AtomicU32,
    main_waits_in_vain_since: Mutex<Option<Instant>>,
    cancelled: AtomicU32,
}

/// A statement that has a number.
#[derive(Clone, Debug)]
struct Defined {
    text: Arc<str>,
    class: Class,
}

/// What is known of the journal of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Journal {
    /// Nothing yet.
    Unknown = 0,
    /// It is a WAL: readers and a writer are not in each other's way.
    Wal = 1,
    /// It is a rollback journal: a commit waits until nobody reads.
    Rollback = 2,
}

impl ClientState {
    /// The state of a new client, whose gate is not open yet.
    pub fn new(mut options: Options, outbox: Arc<dyn Outbox>) -> Self {
        if options.location.path().is_none() {
            options.readers = 0;
            options.background_checkpoints = false;
        }
        options.background_checkpoints &= !options.read_only;
        let timeout_ms = i64::try_from(options.timeout.as_millis()).unwrap_or(i64::MAX);
        let writers = OnceLock::new();
        match &options.location {
            Location::File(_) => {}
            Location::Memory(uri) if options.location.shares_cache() => {
                let _ = writers.set(queue_of(SharedDatabase::Memory(uri.clone())));
            }
            Location::Memory(_) | Location::Temporary => {
                let _ = writers.set(Arc::default());
            }
        }
        Self {
            id: ClientId::next(),
            options,
            gate: Gate::new(),
            writers,
            settings: Settings::default(),
            outbox,
            counts: Arc::default(),
            checkpoints: Checkpoints::default(),
            cursors: Arc::default(),
            turns: OnceLock::new(),
            statements: Mutex::default(),
            journal: AtomicU8::new(Journal::Unknown as u8),
            last_shape: AtomicU32::new(0),
            timeout_ms: AtomicI64::new(timeout_ms),
            pinned_lane: AtomicU32::new(NO_LANE),
            main_waits_in_vain_since: Mutex::default(),
            cancelled: AtomicU32::new(0),
        }
    }

    /// The state for opening a closed client again. Options, settings, statements and the busy timeout are
    /// kept. The rest is new.
    pub fn renewed(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            statements: Mutex::new(self.statements().clone()),
            timeout_ms: AtomicI64::new(self.busy_timeout()),
            ..Self::new(self.options.clone(), Arc::clone(&self.outbox))
        }
    }

    /// How a statement with these options runs.
    pub fn run_options(&self, options: StatementOptions) -> RunOptions {
        let run = &self.options.run;
        RunOptions {
            strict: options.strict.unwrap_or(run.strict),
            numbers: options.numbers.unwrap_or(run.numbers),
            tables: options.tables || run.tables,
            time_limit: options.time_limit.or(run.time_limit),
        }
    }

    /// The writer queue of the database. None until the client's file is open.
    pub fn writers(&self) -> Option<&Arc<WriterQueue>> {
        self.writers.get()
    }

    /// Joins the other clients of the process that use this file.
    pub fn join_writers_of(&self, file: &FileId) {
        self.writers.get_or_init(|| queue_of(SharedDatabase::File(file.clone())));
    }

    /// A lane of this client, identified in the whole process.
    pub fn lane_key(&self, lane: LaneId) -> LaneKey {
        LaneKey { client: self.id, lane }
    }

    /// Says once who hands the calls to the lanes.
    pub fn know(&self, turns: Weak<dyn Turns>) {
        let _ = self.turns.set(turns);
    }

    /// Hands the calls to the lanes. None once the client is gone.
    pub fn turns(&self) -> Option<Arc<dyn Turns>> {
        self.turns.get()?.upgrade()
    }

    /// What is known of the journal of the file.
    pub fn journal(&self) -> Journal {
        match self.journal.load(Ordering::Relaxed) {
            1 => Journal::Wal,
            2 => Journal::Rollback,
            _ => Journal::Unknown,
        }
    }

    /// The journal of the file. Looks it up on a connection to the file, if it is not known.
    pub fn journal_of(&self, connection: &Connection) -> Journal {
        if self.journal() == Journal::Unknown
            && let Ok(mode) = connection.pragma::<String>("journal_mode")
        {
            self.set_journal(if mode == "wal" { Journal::Wal } else { Journal::Rollback });
        }
        self.journal()
    }

    /// Records what was found out about the journal of the file.
    pub fn set_journal(&self, journal: Journal) {
        self.journal.store(journal as u8, Ordering::Relaxed);
    }

    /// Gives a statement's text a number, by which requests refer to it from now on.
    pub fn define_statement(&self, id: u32, sql: String) {
        let class = Class::of_statement(&sql);
        self.statements().insert(id, Defined { text: sql.into(), class });
    }

    /// Whether the checkpoints after commits are made on a lane of their own. Where something belongs to one
    /// connection, that connection may be the only one that the file has (an exclusive locking mode).
    pub fn makes_checkpoints(&self) -> bool {
        self.options.background_checkpoints
            && !self.checkpoints.is_given_up()
            && self.pinned_lane().is_none()
    }

    /// The class of the statement with this number.
    pub fn class_of(&self, id: u32) -> Class {
        self.statements().get(&id).map_or(Class::Main, |defined| defined.class)
    }

    /// Records what a run has shown of the statement with this number.
    pub fn set_class(&self, id: u32, class: Class) {
        if let Some(defined) = self.statements().get_mut(&id) {
            defined.class = class;
        }
    }

    /// Frees the number of a statement.
    pub fn forget_statement(&self, id: u32) {
        self.statements().remove(&id);
    }

    /// The text of the statement with this number.
    pub fn statement(&self, id: u32) -> Option<Arc<str>> {
        self.statements().get(&id).map(|defined| Arc::clone(&defined.text))
    }

    /// The place that `find` tells in the text of a statement, for its error.
    pub fn place_in(
        &self,
        statement: &Statement<'_>,
        find: impl FnOnce(&str) -> Option<Box<SqlPlace>>,
    ) -> Option<Box<SqlPlace>> {
        match statement.sql {
            Sql::Text(sql) => find(sql),
            Sql::Id(id) => find(&self.statement(id)?),
        }
    }

    /// A number for a new shape of rows.
    pub fn next_shape(&self) -> u32 {
        self.last_shape.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// The value of `PRAGMA busy_timeout`, in milliseconds.
    pub fn busy_timeout(&self) -> i64 {
        self.timeout_ms.load(Ordering::Relaxed)
    }

    /// Sets the value of `PRAGMA busy_timeout`, in milliseconds, for all connections of the client.
    pub fn set_busy_timeout(&self, milliseconds: i64) {
        self.timeout_ms.store(milliseconds.clamp(0, i64::from(i32::MAX)), Ordering::Relaxed);
    }

    /// The longest waits for locks, by the current busy timeout.
    pub fn lock_timeouts(&self) -> LockTimeouts {
        let milliseconds = u64::try_from(self.busy_timeout()).unwrap_or(0);
        let timeout = Duration::from_millis(milliseconds);
        let own = if timeout.is_zero() { DEFAULT_OWN_TIMEOUT } else { timeout };
        LockTimeouts { others: timeout, own }
    }

    /// Pins the client to a lane that has used TEMP or ATTACH, because that state belongs to the lane's
    /// connection. A client that is pinned already stays pinned to its lane.
    pub fn pin_to(&self, LaneId(lane): LaneId) {
        let order = Ordering::SeqCst;
        let _ = self.pinned_lane.compare_exchange(NO_LANE, lane, order, order);
    }

    /// Whether calls and transactions share a connection: there can be no other, or the client is pinned to it.
    pub fn has_one_connection(&self) -> bool {
        self.options.most_lanes == 1
            || self.options.location.path().is_none()
            || self.pinned_lane().is_some()
    }

    /// The lane that the client is pinned to, if any.
    pub fn pinned_lane(&self) -> Option<LaneId> {
        let lane = self.pinned_lane.load(Ordering::SeqCst);
        (lane != NO_LANE).then_some(LaneId(lane))
    }

    /// Since when the calls of the main lane have waited for a lock in vain, up to the last one.
    pub fn main_waits_in_vain_since(&self) -> Option<Instant> {
        *lock(&self.main_waits_in_vain_since)
    }

    /// Records that, at the end of a call of the main lane.
    pub fn set_main_waits_in_vain_since(&self, since: Option<Instant>) {
        *lock(&self.main_waits_in_vain_since) = since;
    }

    /// Counts a call that the closing of the client has ended.
    pub fn count_cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
    }

    /// The number of calls that the closing has ended.
    pub fn cancelled(&self) -> u32 {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn statements(&self) -> MutexGuard<'_, FxHashMap<u32, Defined>> {
        lock(&self.statements)
    }
}

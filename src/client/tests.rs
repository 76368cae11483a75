//! Tests of one client from opening to closing, without JavaScript.

use super::*;
use crate::jobs::backlog::{Load, MOST};
use crate::jobs::ids::{CallNumber, WaitNumber};
use crate::sqlite::{Location, RunOptions};
use crate::sync::atomic::Ordering;
use crate::value::OwnedValue as Value;
use crate::wire::kinds::{ClosingStep, LaneFlag, RecordKind, RequestKind};
use crate::wire::records::Closed;
use crate::wire::records::tests::{Read, read};
use crate::wire::request::tests::{COMMIT, batch, begin, execute, script};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};

fn options(location: Location) -> Options {
    let timeout = Duration::ZERO;
    Options {
        location,
        timeout,
        read_only: false,
        most_lanes: 20,
        readers: 2,
        group_commit: true,
        background_checkpoints: true,
        adopts_vector_indexes: false,
        must_exist: false,
        run: RunOptions { numbers: true, ..RunOptions::default() },
        limits: Arc::new([]),
        content: Arc::default(),
        before_open: |_| {},
    }
}

/// Receives the answers of a test's client.
struct Inbox {
    sender: Mutex<Sender<Vec<u8>>>,
    /// Whether to panic at the next records that do not end their job.
    panics: AtomicBool,
    /// Called with the next records that end their job, on the lane's thread: the job is the current one.
    at_end: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// The loads of the records that were posted and not fetched, while a test is behind with fetching.
    unfetched: Mutex<Option<Vec<(Load, usize)>>>,
    /// The job whose rows were dropped last.
    dropped: Mutex<Option<JobId>>,
}

impl Inbox {
    fn new(sender: Sender<Vec<u8>>) -> Self {
        Self {
            sender: Mutex::new(sender),
            panics: AtomicBool::new(false),
            at_end: Mutex::default(),
            unfetched: Mutex::default(),
            dropped: Mutex::default(),
        }
    }

    /// Fetches nothing from now on.
    fn fall_behind(&self) {
        *self.unfetched.lock().unwrap() = Some(Vec::new());
    }

    /// The bytes that were not fetched, once they are more than a backlog takes. A lane that did not wait
    /// then would produce more in the meantime.
    fn full_bytes(&self) -> usize {
        let bytes = || -> usize {
            self.unfetched.lock().unwrap().iter().flatten().map(|(_, bytes)| bytes).sum()
        };
        while bytes() <= MOST {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        bytes()
    }
}

impl Outbox for Inbox {
    fn post(&self, records: Vec<u8>, ends_job: bool) {
        if !ends_job {
            assert!(!self.panics.swap(false, Ordering::SeqCst), "a panic that the test wants");
        }
        if ends_job && let Some(at_end) = self.at_end.lock().unwrap().take() {
            at_end();
        }
        // An error means that the test has ended and dropped the receiver.
        let _ = self.sender.lock().unwrap().send(records);
    }

    fn post_answer(&self, _job: JobId, records: Vec<u8>, ends_job: bool, load: Load) {
        if let Some(unfetched) = &mut *self.unfetched.lock().unwrap() {
            unfetched.push((load, records.len()));
        }
        self.post(records, ends_job);
    }

    fn drop_rows(&self, job: JobId) {
        *self.dropped.lock().unwrap() = Some(job);
    }
}

struct Bench {
    database: Arc<Client>,
    inbox: Arc<Inbox>,
    answers: Receiver<Vec<u8>>,
    folder: tempfile::TempDir,
    shapes: Vec<u8>,
}

const JOB: u32 = 1;
/// A query that runs for minutes.
const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000000) SELECT count(*) FROM n";

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(folder)
    }

    fn in_folder(folder: tempfile::TempDir) -> Self {
        Self::open(folder, |_| ())
    }

    /// With options that `change` has changed.
    fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::open(tempfile::tempdir().unwrap(), change)
    }

    fn open(folder: tempfile::TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let (sender, answers) = mpsc::channel();
        let inbox = Arc::new(Inbox::new(sender));
        let outbox: Arc<dyn Outbox> = inbox.clone();
        let location = Location::File(folder.path().join("test.db"));
        let mut options = options(location);
        change(&mut options);
        let database = Client::open(options, outbox).unwrap();
        Self { database: Arc::new(database), inbox, answers, folder, shapes: Vec::new() }
    }

    fn submit(&self, job: u32, transaction: u32, request: &[u8]) {
        let (job, transaction) = (JobId(job), TransactionId(transaction));
        self.database.submit(job, transaction, request.to_vec()).unwrap();
    }

    /// The records of the next job that ends, without the shape records.
    fn answer(&mut self) -> Vec<Read> {
        let mut bytes = std::mem::take(&mut self.shapes);
        loop {
            bytes.extend(self.answers.recv_timeout(Duration::from_secs(30)).unwrap());
            let records = read(&bytes);
            if let Some((_, Read::Done { .. } | Read::Error { .. } | Read::Closed(_))) =
                records.last()
            {
                return records
                    .into_iter()
                    .map(|(_, record)| record)
                    .filter(|record| !matches!(record, Read::Shape(..) | Read::Forget(..)))
                    .collect();
            }
        }
    }

    fn run(&mut self, sql: &str) -> Vec<Read> {
        self.submit(JOB, 0, &execute(sql, &[]));
        self.answer()
    }

    fn code(&mut self) -> String {
        match self.answer().pop() {
            Some(Read::Error { code, .. }) => code,
            other => format!("no error but {other:?}"),
        }
    }

    /// Runs a statement that fails, and returns the code of its error.
    fn code_of(&mut self, sql: &str) -> String {
        self.submit(JOB, 0, &execute(sql, &[]));
        self.code()
    }

    fn value(&mut self, sql: &str) -> Value {
        match self.run(sql).first() {
            Some(Read::Rows(_, rows)) => rows[0][0].clone(),
            other => panic!("no rows but {other:?}"),
        }
    }

    /// The letter that ends the next job. The letters before it are not read, which would take long.
    fn last_letter(&self) -> Vec<u8> {
        loop {
            let letter = self.answers.recv_timeout(Duration::from_secs(30)).unwrap();
            let mut kinds = Vec::new();
            let mut rest = &letter[..];
            while let Some((length, after)) = rest.split_first_chunk() {
                kinds.push(RecordKind::from_u8(after[4]));
                rest = &after[u32::from_le_bytes(*length) as usize..];
            }
            if matches!(kinds.last(), Some(Some(RecordKind::Done | RecordKind::Error))) {
                return letter;
            }
        }
    }

    /// The code of the error that ends the next job.
    fn last_code(&self) -> String {
        match read(&self.last_letter()).pop() {
            Some((_, Read::Error { code, .. })) => code,
            other => format!("no error but {other:?}"),
        }
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_statement_answers_with_rows_and_their_result() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    let inserted = bench.run("INSERT INTO t VALUES (1), (2) RETURNING a");
    assert!(matches!(&inserted[0], Read::Rows(_, rows) if rows.len() == 2));
    let Read::Result(end) = &inserted[1] else { panic!("{inserted:?}") };
    assert_eq!((end.rows_affected, end.last_insert_rowid), (2, Some(2)));
}

#[test]
fn columns_are_read_again_after_an_alter_on_another_connection() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.run("INSERT INTO t VALUES (1)");
    bench.database.define_statement(7, "SELECT * FROM t".into());
    let by_number = [1, 7, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
    let names = |bench: &Bench| -> Vec<Vec<String>> {
        let mut bytes = Vec::new();
        loop {
            bytes.extend(bench.answers.recv_timeout(Duration::from_secs(30)).unwrap());
            let records = read(&bytes);
            if matches!(records.last(), Some((_, Read::Done { .. }))) {
                return records
                    .into_iter()
                    .filter_map(|(_, record)| match record {
                        Read::Shape(_, columns) => {
                            Some(columns.into_iter().map(|(name, _)| name).collect())
                        }
                        _ => None,
                    })
                    .collect();
            }
        }
    };
    bench.submit(JOB, 0, &by_number);
    assert_eq!(names(&bench), [["a"]]);
    let other = rusqlite::Connection::open(bench.folder.path().join("test.db")).unwrap();
    other.execute_batch("ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t ADD COLUMN c").unwrap();
    bench.submit(JOB, 0, &by_number);
    assert_eq!(names(&bench), [["b", "c"]]);
}

/// A client in WAL mode, whose statement 9 is known to be long, and the request that runs it.
fn with_long_read() -> (Bench, [u8; 14]) {
    let mut bench = Bench::new();
    bench.run("PRAGMA journal_mode = wal");
    bench.database.define_statement(9, LONG.into());
    bench.database.state.set_class(9, Class::LongRead);
    bench.database.state.set_journal(state::Journal::Wal);
    (bench, [1, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0])
}

#[test]
fn a_cancel_reaches_a_job_that_its_first_lane_has_just_handed_on() {
    let (bench, long) = with_long_read();
    let main = bench.database.lanes().of(TransactionId::NONE).unwrap();
    let cancelled = main.run_in_place(JobId(JOB), |_, _| {
        bench.submit(JOB, 0, &long);
        bench.database.cancel(JobId(JOB));
        Some(bench.last_code())
    });
    assert_eq!(cancelled.as_deref(), Some("ABORTED"));
}

#[test]
fn shapes_of_statements_without_a_number_are_forgotten_in_place() {
    let bench = Bench::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut forgotten = 0;
    for id in 1..=3000u32 {
        bench.database.define_statement(id, format!("SELECT {id}"));
        let mut request = [1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
        request[1..5].copy_from_slice(&id.to_le_bytes());
        buffer[..request.len()].copy_from_slice(&request);
        let ran =
            bench.database.run_in_place(JobId(JOB), TransactionId(0), &mut buffer, request.len());
        assert_eq!(ran, Ok(true), "statement {id}");
        bench.database.forget_statement(id);
        let mut rest = &buffer[..];
        loop {
            let (length, after) = rest.split_first_chunk().unwrap();
            let kind = RecordKind::from_u8(after[4]);
            forgotten += usize::from(kind == Some(RecordKind::Forget));
            rest = &after[u32::from_le_bytes(*length) as usize..];
            if kind == Some(RecordKind::Done) {
                break;
            }
        }
    }
    assert!(forgotten > 1500, "{forgotten}");
}

#[test]
fn a_batch_is_all_or_nothing() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a UNIQUE)");
    bench.submit(JOB, 0, &batch(1, &["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"]));
    let records = bench.answer();
    assert!(matches!(records.last(), Some(Read::Error { statement: 1, .. })), "{records:?}");
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
}

#[test]
fn a_call_of_a_transaction_that_has_ended_is_refused() {
    let mut bench = Bench::new();
    bench.submit(10, 0, &begin(1));
    bench.answer();
    bench.submit(11, 10, COMMIT);
    bench.answer();
    bench.submit(12, 10, &execute("SELECT 1", &[]));
    assert_eq!(bench.code(), "TRANSACTION_CLOSED");
    bench.submit(13, 0, &begin(1));
    bench.answer();
    bench.submit(14, 10, &execute("SELECT 1", &[]));
    assert_eq!(bench.code(), "TRANSACTION_CLOSED", "also while another transaction is open");
}

#[test]
fn a_transaction_that_a_script_leaves_open_is_rolled_back() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.submit(JOB, 0, &script("BEGIN; INSERT INTO t VALUES (1)"));
    let done = bench.answer();
    assert!(matches!(done.last(), Some(Read::Done { autocommit: true, .. })));
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
}

#[test]
fn calls_run_in_an_explicit_transaction_until_its_end_and_a_batch_is_refused() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    assert!(matches!(bench.run("BEGIN").last(), Some(Read::Done { explicit: true, .. })));
    bench.run("INSERT INTO t VALUES (1)");
    bench.submit(20, 0, &script("INSERT INTO t VALUES (2); SELECT 1"));
    bench.answer();
    assert_eq!(bench.code_of("INSERT INTO nope VALUES (1)"), "SQLITE_ERROR");
    bench.submit(21, 0, &batch(0, &["INSERT INTO t VALUES (3)"]));
    assert_eq!(bench.code(), "TRANSACTION_ACTIVE");
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(2));
    let ended = bench.run("ROLLBACK");
    let is_over = Read::Done { autocommit: true, pinned: false, explicit: false };
    assert_eq!(ended.last(), Some(&is_over));
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
    bench.run("SAVEPOINT s");
    bench.run("INSERT INTO t VALUES (4)");
    bench.run("RELEASE s");
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1));
}

#[test]
fn a_write_whose_rows_cannot_be_returned_is_undone() {
    const UNSAFE: &str = "INSERT INTO t VALUES (1), (9007199254740993) RETURNING a";
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    assert_eq!(bench.code_of(UNSAFE), "RANGE");
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
    bench.run("BEGIN");
    bench.run("INSERT INTO t VALUES (2)");
    assert_eq!(bench.code_of(UNSAFE), "RANGE");
    bench.run("COMMIT");
    assert_eq!(bench.value("SELECT a FROM t"), Value::Integer(2));
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1));
}

#[test]
fn a_panic_between_two_rows_commits_nothing() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.inbox.panics.store(true, Ordering::SeqCst);
    let long = "INSERT INTO t VALUES (hex(zeroblob(100000))), (1) RETURNING a";
    assert_eq!(bench.code_of(long), "INTERNAL_ERROR");
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
}

/// Runs a request that fails, and returns `committed` of its error.
fn committed_by(bench: &mut Bench, request: &[u8]) -> bool {
    bench.submit(20, 0, request);
    match bench.answer().pop() {
        Some(Read::Error { committed, .. }) => committed,
        other => panic!("no error but {other:?}"),
    }
}

#[test]
fn an_error_says_whether_something_is_committed() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    let mut committed = |request: &[u8]| committed_by(&mut bench, request);
    assert!(committed(&script("INSERT INTO t VALUES (1); nonsense")));
    assert!(!committed(&script("BEGIN; INSERT INTO t VALUES (1); nonsense")));
    assert!(committed(&batch(0, &["INSERT INTO t VALUES (2)", "COMMIT", "SELECT 1"])));
    assert!(!committed(&batch(0, &["INSERT INTO t VALUES (3)", "nonsense"])));
    assert!(!committed(&script("SELECT 1; nonsense")));
    // OR FAIL keeps the rows that it wrote before it failed (https://sqlite.org/lang_conflict.html).
    bench.run("CREATE UNIQUE INDEX i ON t(a)");
    let fails = "INSERT OR FAIL INTO t VALUES (4), (4)";
    assert!(committed_by(&mut bench, &execute(fails, &[])));
    assert!(committed_by(&mut bench, &script("INSERT OR FAIL INTO t VALUES (5), (4)")));
    assert!(!committed_by(&mut bench, &batch(0, &["INSERT OR FAIL INTO t VALUES (6), (4)"])));
    assert_eq!(bench.value("SELECT sum(a) FROM t"), Value::Integer(12));
}

#[test]
fn a_commit_that_fails_has_committed_nothing() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE p(id INTEGER PRIMARY KEY)");
    bench.run("CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    let insert = "INSERT INTO c VALUES (1)";
    assert!(!committed_by(&mut bench, &execute(insert, &[])));
    assert!(!committed_by(&mut bench, &batch(0, &[insert])));
    assert!(!committed_by(&mut bench, &script(&format!("BEGIN; {insert}; COMMIT"))));
    assert_eq!(bench.value("SELECT count(*) FROM c"), Value::Integer(0));
}

#[test]
fn a_cancelled_call_leaves_the_next_one_alone() {
    let mut bench = Bench::new();
    bench.submit(5, 0, &execute(LONG, &[]));
    bench.submit(6, 0, &execute("SELECT 6", &[]));
    bench.database.cancel(JobId(5));
    assert_eq!(bench.code(), "ABORTED");
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
}

/// Extensions keep handles open in a transaction, and SQLite forgets no interrupt while one is open.
#[test]
fn a_cancel_after_the_end_of_a_call_leaves_its_transaction_alone() {
    for (table, insert) in [
        ("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)"),
        ("CREATE VIRTUAL TABLE t USING rtree(a, b, c)", "INSERT INTO t VALUES (1, 2, 3)"),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "INSERT INTO t VALUES ('one')"),
    ] {
        let mut bench = Bench::new();
        bench.run(table);
        bench.submit(10, 0, &begin(1));
        bench.answer();
        let database = Arc::clone(&bench.database);
        let cancel = move || database.cancel(JobId(11));
        *bench.inbox.at_end.lock().unwrap() = Some(Box::new(cancel));
        bench.submit(11, 10, &execute(insert, &[]));
        assert!(matches!(bench.answer().last(), Some(Read::Done { .. })), "{table}");
        bench.submit(12, 10, COMMIT);
        assert!(matches!(bench.answer().last(), Some(Read::Done { .. })), "{table}");
        assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1), "{table}");
    }
}

#[test]
fn closing_ends_everything_and_leaves_no_sidecar() {
    for journal_mode in ["delete", "wal"] {
        let mut bench = Bench::new();
        bench.run(&format!("PRAGMA journal_mode = {journal_mode}"));
        bench.run("CREATE TABLE t(a)");
        bench.submit(20, 0, &begin(1));
        bench.answer();
        bench.submit(21, 20, &execute("INSERT INTO t VALUES (1)", &[]));
        bench.answer();
        bench.submit(30, 0, &execute(LONG, &[]));
        bench.submit(31, 0, &execute("SELECT 1", &[]));
        let outcome = bench.database.close(&mut |_, _| ()).unwrap();
        assert_eq!((outcome.cancelled, outcome.wal_left), (2, false), "{journal_mode}");
        assert_eq!([bench.code(), bench.code()], ["CLIENT_CLOSED", "CLIENT_CLOSED"]);
        assert_eq!(bench.files(), ["test.db"], "{journal_mode}");
        let path = bench.folder.path().join("test.db");
        let id = FileId::of(&path).unwrap();
        assert_eq!(crate::files::connections(&id), 0);
        assert_eq!(
            bench.database.submit(JobId(1), TransactionId::NONE, execute("SELECT 1", &[])),
            Err(Refused::Closed)
        );
        let rows: i64 = rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 0, "the open transaction was rolled back");
    }
}

#[test]
fn closing_reports_a_wal_that_is_left() {
    let mut bench = Bench::new();
    bench.run("PRAGMA journal_mode = wal");
    bench.run("CREATE TABLE t(a)");
    let other = rusqlite::Connection::open(bench.folder.path().join("test.db")).unwrap();
    other.query_row("SELECT count(*) FROM t", [], |_| Ok(())).unwrap();
    assert!(bench.database.close(&mut |_, _| ()).unwrap().wal_left);
}

#[test]
fn draining_answers_queued_calls_and_frees_the_writer_slot_of_a_transaction() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.submit(20, 0, &begin(1));
    bench.answer();
    // This call waits for the writer slot of a transaction that no call can end any more.
    bench.submit(30, 0, &execute("INSERT INTO t VALUES (1)", &[]));
    bench.database.shut_down(JobId(99), Some(Duration::from_secs(60))).unwrap();
    let inserted = bench.answer();
    assert!(matches!(inserted.last(), Some(Read::Done { .. })), "{inserted:?}");
    let closing = bench.answer();
    let (report, steps) = closing.split_last().unwrap();
    let closed = Closed { wal_left: false, connections: 2, cancelled: 0 };
    assert_eq!(report, &Read::Closed(closed));
    let all = [ClosingStep::Drain, ClosingStep::Cancel, ClosingStep::Join, ClosingStep::Close];
    assert_eq!(steps, all.map(Read::Step));
    bench.database.close(&mut |_, _| ()).unwrap();
    assert_eq!(bench.files(), ["test.db"]);
}

#[test]
fn a_close_hurries_a_draining_shutdown() {
    let mut bench = Bench::new();
    bench.submit(30, 0, &execute(LONG, &[]));
    bench.database.shut_down(JobId(99), Some(Duration::from_secs(600))).unwrap();
    bench.database.close(&mut |_, _| ()).unwrap();
    assert_eq!(bench.code(), "CLIENT_CLOSED");
    let closed = Closed { wal_left: false, connections: 1, cancelled: 1 };
    assert_eq!(bench.answer().last(), Some(&Read::Closed(closed)));
}

#[test]
#[cfg(unix)]
fn a_further_connection_does_not_open_a_file_that_replaced_the_first() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    let new = bench.folder.path().join("new.db");
    std::fs::write(&new, "").unwrap();
    std::fs::rename(&new, bench.folder.path().join("test.db")).unwrap();
    bench.submit(20, 0, &begin(1));
    assert_eq!(bench.code(), "SQLITE_READONLY");
}

#[test]
fn a_panic_fails_its_own_call_and_closes_its_own_connection_only() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.submit(20, 0, &begin(1));
    bench.answer();
    bench.submit(21, 20, &execute("INSERT INTO t VALUES (1)", &[]));
    bench.answer();
    bench.inbox.panics.store(true, Ordering::SeqCst);
    bench.submit(30, 0, &execute("SELECT hex(zeroblob(100000))", &[]));
    assert_eq!(bench.code(), "INTERNAL_ERROR");
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0), "a new connection");
    bench.submit(22, 20, COMMIT);
    assert!(
        matches!(bench.answer().last(), Some(Read::Done { .. })),
        "the transaction of the other lane goes on"
    );
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1));
    bench.database.close(&mut |_, _| ()).unwrap();
    assert_eq!(bench.files(), ["test.db"]);
}

#[test]
fn calls_are_refused_while_the_queue_is_drained() {
    let bench = Bench::new();
    bench.submit(30, 0, &execute(LONG, &[]));
    bench.database.shut_down(JobId(99), Some(Duration::from_secs(600))).unwrap();
    let late = execute("SELECT 1", &[]);
    assert_eq!(bench.database.submit(JobId(31), TransactionId::NONE, late), Err(Refused::Closed));
    assert_eq!(
        bench.database.submit(JobId(32), TransactionId::NONE, begin(1)),
        Err(Refused::Closed)
    );
    bench.database.close(&mut |_, _| ()).unwrap();
}

#[test]
fn a_read_transaction_reads_and_refuses_to_write() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.submit(20, 0, &begin(2));
    bench.answer();
    bench.submit(21, 20, &execute("SELECT * FROM t", &[]));
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
    bench.submit(22, 20, &execute("INSERT INTO t VALUES (1)", &[]));
    assert_eq!(bench.code(), "SQLITE_READONLY");
    bench.submit(23, 20, &script("DELETE FROM t"));
    assert_eq!(bench.code(), "SQLITE_READONLY");
    bench.database.end_transaction(TransactionId(20));
    bench.submit(24, 0, &execute("INSERT INTO t VALUES (1)", &[]));
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
}

#[test]
fn a_batch_inside_a_transaction_names_its_failing_statement_and_leaves_the_rest() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a UNIQUE)");
    bench.submit(20, 0, &begin(1));
    bench.answer();
    let statements = ["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"];
    bench.submit(21, 20, &batch(0, &statements));
    assert!(matches!(bench.answer().last(), Some(Read::Error { statement: 1, .. })));
    bench.submit(22, 20, COMMIT);
    bench.answer();
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1));
}

#[test]
fn a_deferred_batch_that_writes_waits_for_the_writer_slot_and_one_that_reads_does_not() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.submit(20, 0, &begin(1));
    bench.answer();
    bench.submit(30, 0, &batch(0, &["SELECT 1", "SELECT count(*) FROM t"]));
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
    bench.submit(31, 0, &batch(0, &["SELECT 1", "INSERT INTO t VALUES (1)"]));
    bench.submit(21, 20, COMMIT);
    bench.answer();
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1));
}

#[test]
fn a_migration_restores_foreign_keys_even_if_it_fails() {
    let mut bench = Bench::new();
    for (before, statement) in [("0", "SELECT 1"), ("1", "SELECT nothing"), ("1", "COMMIT")] {
        bench.run(&format!("PRAGMA foreign_keys = {before}"));
        let mut migration = batch(0, &[statement]);
        migration[2] = 1;
        bench.submit(JOB, 0, &migration);
        bench.answer();
        let after = bench.value("PRAGMA foreign_keys");
        assert_eq!(after, Value::Integer(before.parse().unwrap()), "{statement}");
    }
}

#[test]
fn settings_and_the_busy_timeout_hold_on_all_connections() {
    let mut bench = Bench::new();
    bench.run("PRAGMA cache_size = -1234");
    assert_eq!(bench.value("PRAGMA busy_timeout = 4321"), Value::Integer(4321));
    bench.submit(JOB, 0, &script("PRAGMA busy_timeout = 777; PRAGMA foreign_keys = 0"));
    bench.answer();
    bench.submit(20, 0, &begin(0));
    bench.answer();
    for (name, value) in [("cache_size", -1234), ("busy_timeout", 777), ("foreign_keys", 0)] {
        bench.submit(21, 20, &execute(&format!("PRAGMA {name}"), &[]));
        let Some(Read::Rows(_, rows)) = bench.answer().into_iter().next() else { panic!() };
        assert_eq!(rows[0][0], Value::Integer(value), "{name}");
    }
}

#[test]
fn temp_tables_pin_the_client_to_their_lane_and_alter_does_not() {
    let mut bench = Bench::new();
    let pinned = |records: &[Read]| matches!(records.last(), Some(Read::Done { pinned: true, .. }));
    assert!(!pinned(&bench.run("CREATE TABLE t(a)")));
    assert!(!pinned(&bench.run("ALTER TABLE t RENAME COLUMN a TO b")));
    assert!(pinned(&bench.run("CREATE TEMP TABLE tt(a)")));
    bench.submit(20, 0, &begin(0));
    assert!(pinned(&bench.answer()), "a transaction takes that lane, too");
}

#[test]
fn only_the_first_of_several_statements_runs_and_no_statement_is_an_error() {
    let mut bench = Bench::new();
    assert_eq!(bench.value("SELECT 1; PRAGMA foreign_keys = 0"), Value::Integer(1));
    assert_eq!(bench.value("PRAGMA foreign_keys"), Value::Integer(1));
    assert_eq!(bench.value("SELECT 2; garbage"), Value::Integer(2));
    for nothing in ["", " ; ", "-- nothing"] {
        bench.submit(JOB, 0, &execute(nothing, &[]));
        assert_eq!(bench.code(), "SQLITE_MISUSE");
    }
}

#[test]
fn a_file_that_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for (name, why) in [
        ("missing/a.db", "create the directory first"),
        ("file/a.db", "is not a directory"),
        ("", "it is a directory"),
    ] {
        let (sender, _) = mpsc::channel();
        let inbox = Inbox::new(sender);
        let location = Location::File(folder.path().join(name));
        let opened = Client::open(options(location), Arc::new(inbox));
        let error = opened.err().unwrap();
        assert_eq!(error.code(), "SQLITE_CANTOPEN");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_database_that_is_opened_again_has_its_settings_and_the_new_file() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("test.db");
    bench.run("CREATE TABLE t(a)");
    bench.run("PRAGMA foreign_keys = 0");
    bench.run("PRAGMA busy_timeout = 1234");
    bench.database.define_statement(7, "SELECT 'by number'".into());
    bench.database.shut_down(JobId(JOB), None).unwrap();
    bench.answer();
    std::fs::remove_file(&path).unwrap();
    let error = bench.database.open_again().err().unwrap();
    assert_eq!(error.code(), "SQLITE_CANTOPEN");
    assert!(!path.exists(), "no file is created");
    let new = rusqlite::Connection::open(&path).unwrap();
    new.execute_batch("CREATE TABLE t(b); INSERT INTO t VALUES (2)").unwrap();
    new.close().unwrap();
    bench.database = Arc::new(bench.database.open_again().unwrap());
    assert_eq!(bench.value("SELECT b FROM t"), Value::Integer(2));
    assert_eq!(bench.value("PRAGMA foreign_keys"), Value::Integer(0));
    assert_eq!(bench.value("PRAGMA busy_timeout"), Value::Integer(1234));
    bench.submit(JOB, 0, &[1, 7, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
}

#[test]
fn a_read_only_database_reads_and_neither_writes_nor_is_created() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("test.db");
    let open = |path: &Path| {
        let outbox: Arc<dyn Outbox> = bench.inbox.clone();
        Client::open(Options { read_only: true, ..options(Location::File(path.into())) }, outbox)
    };
    let error = open(&bench.folder.path().join("missing.db")).err().unwrap();
    assert_eq!((error.code().as_str(), bench.files()), ("SQLITE_CANTOPEN", vec!["test.db".into()]));
    assert!(!error.to_string().contains("created"), "{error}");
    let read_only = Arc::new(open(&path).unwrap());
    bench.run("CREATE TABLE t(a)");
    bench.run("INSERT INTO t VALUES (1)");
    bench.database = read_only;
    assert_eq!(bench.value("SELECT a FROM t"), Value::Integer(1));
    bench.submit(JOB, 0, &execute("INSERT INTO t VALUES (2)", &[]));
    assert_eq!(bench.code(), "SQLITE_READONLY");
}

#[test]
fn an_idle_lane_is_closed_with_its_connection_and_a_busy_one_is_not() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    let id = FileId::of(&bench.folder.path().join("test.db")).unwrap();
    bench.submit(20, 0, &begin(1));
    bench.answer();
    bench.database.close_idle_lanes();
    assert_eq!(crate::files::connections(&id), 2, "a transaction uses the lane");
    bench.submit(21, 20, &execute("INSERT INTO t VALUES (1)", &[]));
    bench.submit(22, 20, COMMIT);
    bench.database.release(TransactionId(20));
    for _ in 0..2 {
        assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
    }
    while crate::files::connections(&id) > 1 {
        bench.database.close_idle_lanes();
        std::thread::yield_now();
    }
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(1));
    bench.submit(23, 20, COMMIT);
    assert_eq!(bench.code(), "TRANSACTION_CLOSED");
}

#[test]
fn transactions_have_lanes_of_their_own_and_leave_the_main_lane_to_the_other_calls() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    let free = LaneFlag::MainFree as u8;
    for job in 20..40 {
        assert_ne!(bench.database.lane_state() & LaneFlag::OtherFree as u8, 0);
        bench.submit(job, 0, &begin(0));
        bench.answer();
    }
    assert_eq!(bench.database.lane_state(), free);
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
    bench.submit(40, 25, COMMIT);
    bench.answer();
    bench.database.release(TransactionId(25));
    let other = LaneFlag::OtherFree as u8 | LaneFlag::HasIdle as u8;
    assert_eq!(bench.database.lane_state(), free | other);
}

#[test]
fn the_transaction_of_a_client_with_one_lane_has_the_main_lane() {
    let mut bench = Bench::with(|options| options.most_lanes = 1);
    bench.run("CREATE TABLE t(a)");
    assert_eq!(bench.database.lane_state(), LaneFlag::MainFree as u8);
    bench.submit(20, 0, &begin(0));
    bench.answer();
    assert_eq!(bench.database.lane_state(), 0);
    bench.submit(21, 20, COMMIT);
    bench.answer();
    bench.database.release(TransactionId(20));
    assert_eq!(bench.value("SELECT count(*) FROM t"), Value::Integer(0));
}

#[test]
fn the_client_moves_to_the_lane_that_it_is_pinned_to() {
    let mut bench = Bench::new();
    assert_eq!(bench.database.begin_move(), Move::NotNow);
    bench.submit(20, 0, &begin(0));
    bench.answer();
    bench.submit(21, 20, &execute("CREATE TEMP TABLE mine(a)", &[]));
    bench.answer();
    assert_eq!(bench.database.begin_move(), Move::NotNow, "a transaction uses the lane");
    bench.submit(22, 20, COMMIT);
    bench.database.release(TransactionId(20));
    bench.answer();
    assert_eq!(bench.database.begin_move(), Move::Begun);
    assert_eq!(bench.database.lane_state() & LaneFlag::MainFree as u8, 0);
    bench.database.finish_move();
    assert_eq!(bench.database.begin_move(), Move::Done);
    assert_eq!(bench.value("SELECT count(*) FROM mine"), Value::Integer(0));
    assert_eq!(bench.database.lane_state(), LaneFlag::MainFree as u8, "there is no other lane");
}

#[test]
fn ending_a_released_transaction_cancels_no_other_call() {
    let mut bench = Bench::new();
    bench.submit(20, 0, &begin(0));
    bench.answer();
    bench.submit(21, 20, COMMIT);
    bench.answer();
    bench.database.release(TransactionId(20));
    bench.submit(22, 0, &execute(LONG, &[]));
    bench.database.end_transaction(TransactionId(20));
    bench.database.cancel(JobId(22));
    assert_eq!(bench.code(), "ABORTED", "not TRANSACTION_CLOSED");
}

#[test]
fn a_panic_in_a_closing_leaves_the_writer_slot_to_other_clients() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    let location = Location::File(bench.folder.path().join("test.db"));
    let other = Arc::new(Client::open(options(location), bench.inbox.clone() as _).unwrap());
    bench.submit(20, 0, &begin(1));
    bench.answer();
    let closed = bench.database.close(&mut |_, _| panic!("a panic that the test wants"));
    assert!(matches!(closed, Err(Error::Panicked(_))));
    bench.database = other;
    let inserted = bench.run("INSERT INTO t VALUES (1)");
    assert!(matches!(inserted.last(), Some(Read::Done { .. })), "{inserted:?}");
}

/// A query that answers rows for ever.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'text' || i FROM n";

/// More than the backlog takes: the letter that exceeds it, and one more.
const MOST_POSTED: usize = MOST + 2 * 64 * 1024;

#[test]
fn a_lane_produces_no_more_than_javascript_fetches() {
    let bench = Bench::new();
    bench.inbox.fall_behind();
    bench.submit(5, 0, &execute(ENDLESS, &[]));
    let bytes = bench.inbox.full_bytes();
    assert!(bytes <= MOST_POSTED, "{bytes}");
    bench.inbox.fall_behind();
    bench.inbox.full_bytes();
    bench.submit(6, 0, &execute("SELECT 6", &[]));
    bench.database.cancel(JobId(5));
    assert_eq!(bench.last_code(), "ABORTED");
    assert_eq!(*bench.inbox.dropped.lock().unwrap(), Some(JobId(5)));
    bench.inbox.fall_behind();
    assert!(!bench.last_letter().is_empty(), "the next call runs");
}

#[test]
fn many_small_results_are_bounded_as_one_large_one() {
    let bench = Bench::new();
    bench.inbox.fall_behind();
    for job in 1..=200 {
        bench.submit(job, 0, &execute("SELECT zeroblob(60000)", &[]));
    }
    let bytes = bench.inbox.full_bytes();
    assert!(bytes <= MOST_POSTED, "{bytes}");
    bench.database.close(&mut |_, _| ()).unwrap();
}

#[test]
fn a_long_value_gets_through_and_a_writer_does_not_wait() {
    let mut bench = Bench::new();
    bench.run("CREATE TABLE t(a)");
    bench.inbox.fall_behind();
    let sql = "INSERT INTO t VALUES (zeroblob(20000000)) RETURNING a";
    bench.submit(5, 0, &execute(sql, &[]));
    bench.last_letter();
    let bytes: usize = bench.inbox.unfetched.lock().unwrap().iter().flatten().map(|(_, b)| b).sum();
    assert!(bytes > 20_000_000, "{bytes}");
}

/// It would keep the write lock from other processes for as long as JavaScript computes.
#[test]
fn a_batch_that_has_the_write_lock_does_not_wait() {
    let rows = format!("{ENDLESS} LIMIT 200000");
    let write = "INSERT INTO t VALUES (1)";
    for (mode, sql) in [(1, [&rows, write]), (0, [&rows, write]), (0, [write, &rows])] {
        let mut bench = Bench::new();
        bench.run("CREATE TABLE t(a)");
        bench.inbox.fall_behind();
        bench.submit(5, 0, &batch(mode, &sql));
        bench.last_letter();
        let unfetched = bench.inbox.unfetched.lock().unwrap();
        let bytes: usize = unfetched.iter().flatten().map(|(_, bytes)| bytes).sum();
        assert!(bytes > MOST_POSTED, "{bytes}");
    }
}

#[test]
fn closing_and_ending_a_transaction_end_the_wait_for_room() {
    let mut bench = Bench::new();
    bench.submit(10, 0, &begin(2));
    bench.answer();
    bench.inbox.fall_behind();
    bench.submit(11, 10, &execute(ENDLESS, &[]));
    bench.inbox.full_bytes();
    bench.database.end_transaction(TransactionId(10));
    assert_eq!(bench.last_code(), "TRANSACTION_CLOSED");
    bench.database.release(TransactionId(10));
    bench.inbox.fall_behind();
    bench.submit(12, 0, &execute(ENDLESS, &[]));
    bench.inbox.full_bytes();
    bench.database.close(&mut |_, _| ()).unwrap();
    assert_eq!(bench.last_code(), "CLIENT_CLOSED");
}

/// A request that opens a cursor, for one row at a time.
fn open_cursor(begins: bool, sql: &str) -> Vec<u8> {
    let head = [RequestKind::OpenCursor as u8, u8::from(begins), 1, 0, 0, 0];
    [&head, &execute(sql, &[])[1..]].concat()
}

fn close_cursor(number: u8) -> [u8; 5] {
    [RequestKind::CloseCursor as u8, number, 0, 0, 0]
}

#[test]
fn the_columns_of_a_cursor_are_forgotten_however_it_ends() {
    const ROWS: &str = "VALUES (1), (2), (3)";
    let bench = Bench::new();
    let announced = std::cell::Cell::new(0);
    let run = |job, transaction, request: &[u8]| {
        bench.submit(job, transaction, request);
        let letter = bench.last_letter();
        let mut rest = &letter[..];
        while let Some((length, after)) = rest.split_first_chunk() {
            match RecordKind::from_u8(after[4]) {
                Some(RecordKind::Shape) => announced.set(announced.get() + 1),
                Some(RecordKind::Forget) => announced.set(announced.get() - 1),
                _ => {}
            }
            rest = &after[u32::from_le_bytes(*length) as usize..];
        }
    };
    // With its transaction.
    run(2, 0, &begin(0));
    run(3, 2, &open_cursor(false, ROWS));
    assert_eq!(announced.get(), 1);
    run(4, 2, COMMIT);
    assert_eq!(announced.get(), 0);
    bench.database.release(TransactionId(2));
    // With its transaction, by a call without an answer. The next one says so.
    run(5, 0, &begin(0));
    run(6, 5, &open_cursor(false, ROWS));
    bench.database.end_transaction(TransactionId(5));
    bench.database.release(TransactionId(5));
    run(7, 0, &begin(0));
    assert_eq!(announced.get(), 0);
    run(8, 7, COMMIT);
    bench.database.release(TransactionId(7));
    // Its caller has ended it, and it has read on to its end.
    run(9, 0, &open_cursor(true, ROWS));
    assert_eq!(announced.get(), 1);
    for _ in 0..3 {
        bench.submit(0, 9, request::READ_ON);
    }
    let lane = bench.database.lanes().of_open(TransactionId(9)).unwrap();
    assert!(lane.wait_idle(Some(Instant::now() + Duration::from_secs(30)), &|| false));
    run(10, 9, &close_cursor(9));
    assert_eq!(announced.get(), 0);
    bench.database.release(TransactionId(9));
}

#[test]
fn a_cursor_that_reads_on_is_ended_at_once_by_its_caller() {
    let mut bench = Bench::new();
    let sql = format!("SELECT 1 UNION ALL SELECT * FROM ({LONG})");
    bench.submit(2, 0, &open_cursor(true, &sql));
    assert!(matches!(bench.answer().as_slice(), [Read::Rows(..), Read::Done { .. }]));
    bench.submit(0, 2, request::READ_ON);
    bench.submit(3, 2, &close_cursor(2));
    assert!(matches!(bench.answer().last(), Some(Read::Done { .. })));
}

/// Tries to take the writer slot when a checkpoint is due.
struct TakesSlot {
    client: Arc<ClientState>,
    has_taken: Mutex<Vec<bool>>,
}

impl line::Turns for TakesSlot {
    fn ended(&self, _: line::Way, _: bool, _: bool) {}
    fn left(&self, _: line::Way) {}
    fn begun(&self, _: usize) {}
    fn rested(&self, _: usize) {}
    fn read_on(&self, _: &[TransactionId]) {}
    fn cursor_has_begun(&self, _: CallNumber) {}

    fn checkpoint_is_due(&self, _: checkpoints::Pass) {
        let (writers, lane) = (self.client.writers().unwrap(), LaneId::reader(2));
        let lane = self.client.lane_key(lane);
        let has_taken = writers.take_slot_now(lane, CallNumber::next());
        writers.end_job(lane, false);
        self.has_taken.lock().unwrap().push(has_taken);
    }
    fn set_blocked(&self, _: LaneId, _: WaitNumber, _: bool) {}
}

#[test]
fn a_checkpoint_is_asked_for_without_the_writer_slot() {
    // Without a thread for its lane, it is made by the thread that asks for it.
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("a.db"));
    let inbox = Arc::new(Inbox::new(mpsc::channel().0));
    let client = Arc::new(ClientState::new(options(location), inbox));
    let turns = Arc::new(TakesSlot { client: Arc::clone(&client), has_taken: Mutex::default() });
    let known: std::sync::Weak<TakesSlot> = Arc::downgrade(&turns);
    client.know(known);
    let mut session = Session::new(LaneId::MAIN, Arc::clone(&client), Arc::default());
    for sql in [
        "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 1; CREATE TABLE t (a)",
        "INSERT INTO t VALUES (1)",
    ] {
        drop(session.run_alone(Call::own(Arc::clone(&client), TransactionId::NONE, script(sql))));
    }
    assert_eq!(*turns.has_taken.lock().unwrap(), [true]);
    session.close().unwrap();
}

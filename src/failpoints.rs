//! Failpoints, for tests only. Each one removes a safeguard, so that the tests can prove that they
//! notice its absence, or panics, so that the tests see what becomes of a panic. They use the `fail` crate and exist only with the Cargo feature `failpoints`,
//! which a release build refuses. Example: `FAILPOINTS="skip-lock=return"` removes the locks of swaps.

/// A safeguard that a failpoint can remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safeguard {
    /// `skip-cleanup-hook`: no hook closes the clients of an environment before the environment ends.
    CleanupHook,
    /// `skip-join`: the cleanup hook does not join the threads of the lanes.
    Join,
    /// `skip-file-sync`: the staging file is not synced.
    FileSync,
    /// `skip-directory-sync`: the directory is not synced after the rename.
    DirectorySync,
    /// `sync-before-prepare`: the staging file is synced before `prepare`, but not after it.
    SyncAfterPrepare,
    /// `write-in-place`: the swap writes into the target itself, without a staging file.
    Staging,
    /// `skip-lock`: swaps of one target do not wait for each other.
    Lock,
    /// `skip-proof`: a database is replaced by rename without the proof that it is open nowhere else.
    Proof,
    /// `skip-early-directory-sync`: the directory is not synced before the rename of a database.
    EarlyDirectorySync,
    /// `skip-last-directory-sync`: the directory is not synced after the rename of a database.
    LastDirectorySync,
    /// `naive-rename`: a database is replaced by rename without a checkpoint of its `-wal`.
    Checkpoint,
    /// `skip-change-check`: the swap does not check whether other connections have committed since it
    /// began.
    ChangeCheck,
    /// `skip-recovery-record`: the recovery record is not written.
    RecoveryRecord,
}

/// A place where a failpoint can panic: `FAILPOINTS="panic-in-job=1*panic"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// `panic-in-job`: a job runs on its lane.
    Job,
    /// `panic-after-job`: the answer of a job is about to be written.
    JobEnd,
    /// `panic-in-authorizer`: SQLite asks the authorizer.
    Authorizer,
    /// `panic-in-progress-handler`: SQLite calls the progress handler.
    ProgressHandler,
    /// `panic-in-open`: SQLite opens a file.
    Open,
    /// `panic-in-call`: JavaScript asks for the state of a client's lanes.
    Call,
    /// `panic-in-close`: a client is closed.
    Close,
    /// `panic-in-file-job`: a file job runs.
    FileJob,
}

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("the feature `failpoints` removes safeguards: it is for debug builds only");

/// Whether a failpoint removes this safeguard.
#[cfg(feature = "failpoints")]
pub fn is_removed(safeguard: Safeguard) -> bool {
    read();
    let name = match safeguard {
        Safeguard::CleanupHook => "skip-cleanup-hook",
        Safeguard::Join => "skip-join",
        Safeguard::FileSync => "skip-file-sync",
        Safeguard::DirectorySync => "skip-directory-sync",
        Safeguard::SyncAfterPrepare => "sync-before-prepare",
        Safeguard::Staging => "write-in-place",
        Safeguard::Lock => "skip-lock",
        Safeguard::Proof => "skip-proof",
        Safeguard::EarlyDirectorySync => "skip-early-directory-sync",
        Safeguard::LastDirectorySync => "skip-last-directory-sync",
        Safeguard::Checkpoint => "naive-rename",
        Safeguard::ChangeCheck => "skip-change-check",
        Safeguard::RecoveryRecord => "skip-recovery-record",
    };
    fail::eval(name, |_| ()).is_some()
}

/// Always false: this build has no failpoints.
#[cfg(not(feature = "failpoints"))]
pub const fn is_removed(_: Safeguard) -> bool {
    false
}

/// Panics, if a failpoint says so.
#[cfg(feature = "failpoints")]
pub fn reach(point: Point) {
    read();
    let name = match point {
        Point::Job => "panic-in-job",
        Point::JobEnd => "panic-after-job",
        Point::Authorizer => "panic-in-authorizer",
        Point::ProgressHandler => "panic-in-progress-handler",
        Point::Open => "panic-in-open",
        Point::Call => "panic-in-call",
        Point::Close => "panic-in-close",
        Point::FileJob => "panic-in-file-job",
    };
    fail::eval(name, |_| ());
}

/// Does nothing: this build has no failpoints.
#[cfg(not(feature = "failpoints"))]
pub const fn reach(_: Point) {}

/// Reads the failpoints from the environment variable, once. They stay.
#[cfg(feature = "failpoints")]
fn read() {
    static READ: std::sync::Once = std::sync::Once::new();
    READ.call_once(|| std::mem::forget(fail::FailScenario::setup()));
}

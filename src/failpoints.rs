//! For tests only: takes one safeguard out, so that the tests can show that they would notice. The
//! points are those of the `fail` crate, compiled in by the Cargo feature `failpoints` alone, which a
//! release build refuses: `FAILPOINTS="skip-lock=return"` takes the locks of swaps out.

/// What can be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safeguard {
    /// `skip-cleanup-hook`: no hook closes an environment's clients before it ends.
    CleanupHook,
    /// `skip-join`: that hook does not join the lanes' threads.
    Join,
    /// `skip-file-sync`: the staging file is not synced.
    FileSync,
    /// `skip-directory-sync`: the directory is not synced after the rename.
    DirectorySync,
    /// `sync-before-prepare`: the staging file is synced before `prepare` and not after it.
    SyncAfterPrepare,
    /// `write-in-place`: there is no staging file: the target itself is written.
    Staging,
    /// `skip-lock`: swaps of one target do not wait for each other.
    Lock,
    /// `skip-proof`: a database is renamed over without proof that nobody else has it open.
    Proof,
    /// `skip-early-directory-sync`: the directory is not synced before a database is renamed.
    EarlyDirectorySync,
    /// `skip-last-directory-sync`: nor after it.
    LastDirectorySync,
    /// `naive-rename`: a database is renamed over without taking its `-wal` in.
    Checkpoint,
    /// `skip-change-check`: nobody asks whether others committed meanwhile.
    ChangeCheck,
    /// `skip-recovery-record`: what a recovery must know is not written down.
    RecoveryRecord,
}

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("the feature `failpoints` is for debug builds only: it takes safeguards out");

/// Whether this safeguard is taken out.
#[cfg(feature = "failpoints")]
pub fn is_removed(safeguard: Safeguard) -> bool {
    // The points are read from the environment variable once, and stay.
    static READ: std::sync::Once = std::sync::Once::new();
    READ.call_once(|| std::mem::forget(fail::FailScenario::setup()));
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

/// Nothing is.
#[cfg(not(feature = "failpoints"))]
pub const fn is_removed(_: Safeguard) -> bool {
    false
}

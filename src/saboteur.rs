//! For tests only: takes one safeguard out, so that the tests can show that they would notice.
//! Compiled in by the Cargo feature `saboteur` alone, which a release build refuses.
//!
//! The environment variable `LATCHDB_SABOTAGE` names what to take out, separated by commas.

/// What can be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// `skip-cleanup-hook`: no hook closes an environment's databases before it ends.
    SkipCleanupHook,
    /// `skip-join`: that hook does not join the lanes' threads.
    SkipJoin,
    /// `skip-file-sync`: the staging file is not synced.
    SkipFileSync,
    /// `skip-directory-sync`: the directory is not synced after the rename.
    SkipDirectorySync,
    /// `sync-before-prepare`: the staging file is synced before `prepare` and not after it.
    SyncBeforePrepare,
    /// `write-in-place`: there is no staging file: the target itself is written.
    WriteInPlace,
    /// `skip-lock`: swaps of one target do not wait for each other.
    SkipLock,
    /// `skip-proof`: a database is renamed over without proof that nobody else has it open.
    SkipProof,
    /// `skip-early-directory-sync`: the directory is not synced before a database is renamed.
    SkipEarlyDirectorySync,
    /// `skip-last-directory-sync`: nor after it.
    SkipLastDirectorySync,
    /// `naive-rename`: a database is renamed over without taking its `-wal` in.
    NaiveRename,
    /// `skip-change-check`: nobody asks whether others committed meanwhile.
    SkipChangeCheck,
    /// `skip-note`: what a recovery must know is not written down.
    SkipNote,
}

#[cfg(all(feature = "saboteur", not(debug_assertions)))]
compile_error!("the feature `saboteur` is for debug builds only: it takes safeguards out");

/// Whether this safeguard is taken out.
#[cfg(feature = "saboteur")]
pub fn has_taken_out(sabotage: Sabotage) -> bool {
    let name = match sabotage {
        Sabotage::SkipCleanupHook => "skip-cleanup-hook",
        Sabotage::SkipJoin => "skip-join",
        Sabotage::SkipFileSync => "skip-file-sync",
        Sabotage::SkipDirectorySync => "skip-directory-sync",
        Sabotage::SyncBeforePrepare => "sync-before-prepare",
        Sabotage::WriteInPlace => "write-in-place",
        Sabotage::SkipLock => "skip-lock",
        Sabotage::SkipProof => "skip-proof",
        Sabotage::SkipEarlyDirectorySync => "skip-early-directory-sync",
        Sabotage::SkipLastDirectorySync => "skip-last-directory-sync",
        Sabotage::NaiveRename => "naive-rename",
        Sabotage::SkipChangeCheck => "skip-change-check",
        Sabotage::SkipNote => "skip-note",
    };
    std::env::var("LATCHDB_SABOTAGE").is_ok_and(|names| names.split(',').any(|one| one == name))
}

/// Nothing is.
#[cfg(not(feature = "saboteur"))]
pub const fn has_taken_out(_: Sabotage) -> bool {
    false
}

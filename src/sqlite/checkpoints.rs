//! Checkpoints, and commits whose checkpoint another connection makes.

use std::ffi::c_int;

use rusqlite::ffi;

use super::{Connection, StatementKind};

/// What a checkpoint has found and done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of frames in the WAL.
    pub frames: i32,
    /// How many of them are in the database now.
    pub copied: i32,
}

impl Checkpoint {
    /// Whether the whole WAL is in the database. The next write may begin it anew.
    pub fn is_complete(self) -> bool {
        self.copied == self.frames
    }
}

impl Connection {
    /// Copies the WAL into the database as far as no reader is in the way, as a commit does
    /// (<https://sqlite.org/c3ref/wal_checkpoint_v2.html>, SQLITE_CHECKPOINT_PASSIVE). None if another connection is
    /// doing it, or if SQLite fails: the WAL is then as it was.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        if !self.has_read() {
            // SQLite opens the WAL when it reads.
            self.recorder.aside(|| self.pragma::<i64>("schema_version")).ok()?;
            self.note_read();
        }
        let (mut frames, mut copied): (c_int, c_int) = (-1, -1);
        // SAFETY: the connection is open, and only this thread uses it. Null stands for all databases, and both
        // pointers are valid during the call.
        let code = unsafe {
            ffi::sqlite3_wal_checkpoint_v2(
                self.raw.handle(),
                std::ptr::null(),
                ffi::SQLITE_CHECKPOINT_PASSIVE,
                &raw mut frames,
                &raw mut copied,
            )
        };
        (code == ffi::SQLITE_OK && frames >= 0).then_some(Checkpoint { frames, copied })
    }

    /// From now on the commits of the connection make no checkpoint, but note how many frames they leave in the WAL.
    /// `checkpoint_at` is the connection's `wal_autocheckpoint`. With 0, SQLite makes the checkpoints again.
    pub fn leave_checkpoints(&self, checkpoint_at: i32) {
        self.left_checkpoint_at.set(checkpoint_at);
    }

    /// The number of frames in the WAL after the last commit that has noted it. 0 if there was none since the last
    /// call.
    pub fn take_frames(&self) -> i32 {
        self.bounds.take_frames()
    }

    /// Lets SQLite make the checkpoints again before a statement that makes a setting: it may be
    /// `wal_autocheckpoint`.
    pub(super) fn heed_setting(&self, kind: &StatementKind) {
        if kind.is_setting() {
            self.leave_checkpoints(0);
        }
    }

    /// Replaces SQLite's WAL hook, which makes a checkpoint after a commit, until the returned value is dropped. The
    /// hook is SQLite's again between the statements, so that `PRAGMA wal_autocheckpoint` works as ever.
    pub(super) fn noting_frames(&self) -> Option<NotingFrames<'_>> {
        let checkpoint_at = self.left_checkpoint_at.get();
        (checkpoint_at > 0).then(|| NotingFrames::begin(self, checkpoint_at))
    }
}

/// Replaces SQLite's WAL hook until it is dropped.
pub(super) struct NotingFrames<'a> {
    connection: &'a Connection,
    checkpoint_at: i32,
}

impl<'a> NotingFrames<'a> {
    /// `checkpoint_at` is the connection's `wal_autocheckpoint`, more than 0.
    pub fn begin(connection: &'a Connection, checkpoint_at: i32) -> Self {
        // The hook is replaced again below, before the bounds can be freed.
        connection.bounds.note_frames_of(&connection.raw);
        Self { connection, checkpoint_at }
    }
}

impl Drop for NotingFrames<'_> {
    fn drop(&mut self) {
        // SAFETY: the connection is open, and only this thread uses it. This installs SQLite's own hook.
        unsafe {
            ffi::sqlite3_wal_autocheckpoint(self.connection.raw.handle(), self.checkpoint_at)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::Location;
    use super::*;

    #[test]
    fn commits_leave_their_checkpoint_to_another_connection() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("a.db"));
        let (writer, other) = (Connection::of_test(&location), Connection::of_test(&location));
        assert_eq!(writer.set_journal_mode("wal").unwrap(), "wal");
        writer.set_pragma("wal_autocheckpoint", 1).unwrap();
        writer.run_own("CREATE TABLE t (a)").unwrap();
        let complete = |connection: &Connection| connection.checkpoint().unwrap().is_complete();
        assert!(complete(&other));
        writer.leave_checkpoints(1);
        assert_eq!(writer.take_frames(), 0);
        for _ in 0..3 {
            writer.run_own("INSERT INTO t VALUES (1)").unwrap();
        }
        assert_eq!(writer.take_frames(), 3);
        assert_eq!(writer.pragma::<i64>("wal_autocheckpoint").unwrap(), 1);
        assert_eq!(other.checkpoint(), Some(Checkpoint { frames: 3, copied: 3 }));
        writer.leave_checkpoints(0);
        writer.run_own("INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(writer.take_frames(), 0);
    }
}

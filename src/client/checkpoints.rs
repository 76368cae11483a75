//! Which checkpoints are due. A commit makes none: they are made on a lane of their own, beside the calls.
//!
//! A pass copies the WAL into the database while others write. It gets to the end of the WAL, so that the next
//! write can begin the WAL anew, only where nobody commits meanwhile. Where the WAL has grown to four times
//! `wal_autocheckpoint`, a second pass has the writer slot: what is left for it is what was written during the first.
//! Where that comes too late, too, because few pages are allowed, the writers wait from eight times on. A transaction that
//! has read does not wait, and the WAL does not begin anew while it is open. From sixteen times on a commit makes the
//! checkpoint itself, before it is answered, so that transactions that follow each other do not keep the WAL growing.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

/// At so many times `wal_autocheckpoint`, the writers wait for the rest of a checkpoint.
const LONG_WAL: i32 = 4;
/// At so many times, they wait for the whole.
const LONGEST_WAL: i32 = 8;
/// At so many times, the commit makes it.
const ENDLESS_WAL: i32 = 16;

/// A checkpoint that is due. The later ones are the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Pass {
    /// Beside the writers.
    Beside,
    /// Beside the writers first, and then while they wait.
    Whole,
    /// While the writers wait.
    Held,
    /// By the lane that has committed, before its answer.
    Own,
}

/// The checkpoints of one client.
#[derive(Debug, Default)]
pub struct Checkpoints {
    /// The number of frames after the last commit.
    frames: AtomicI32,
    /// The number of frames from which the next pass is due.
    next_at: AtomicI32,
    /// The number of passes that have copied the whole WAL.
    completed: AtomicU64,
    /// Whether they cannot be made here, so that SQLite makes them.
    is_given_up: AtomicBool,
}

impl Checkpoints {
    /// The pass that is due after a commit that has left so many frames, with this `wal_autocheckpoint`. A pass is
    /// due once: the next one after as many further frames.
    pub fn due(&self, frames: i32, checkpoint_at: i32) -> Option<Pass> {
        if frames <= 0 || checkpoint_at <= 0 {
            return None;
        }
        // Several lanes may be here at once. Then a pass is asked for twice, or with the next commit.
        if frames < self.frames.swap(frames, Ordering::Relaxed) {
            // The WAL has begun anew.
            self.next_at.store(0, Ordering::Relaxed);
        }
        if frames < checkpoint_at || frames < self.next_at.load(Ordering::Relaxed) {
            return None;
        }
        self.next_at.store(frames.saturating_add(checkpoint_at), Ordering::Relaxed);
        Some(match frames / checkpoint_at {
            ENDLESS_WAL.. => Pass::Own,
            LONGEST_WAL.. => Pass::Held,
            LONG_WAL.. => Pass::Whole,
            _ => Pass::Beside,
        })
    }

    /// The whole WAL is in the database: the next write begins it anew.
    pub fn count_completed(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of times that the whole WAL was copied.
    pub fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// Leaves the checkpoints to SQLite from now on.
    pub fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Whether they are left to SQLite.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_due_after_each_so_many_frames() {
        let checkpoints = Checkpoints::default();
        let due = |frames| checkpoints.due(frames, 10);
        assert_eq!(
            [due(0), due(9), due(10), due(11), due(19)],
            [None, None, Some(Pass::Beside), None, None]
        );
        assert_eq!([due(20), due(25), due(31)], [Some(Pass::Beside), None, Some(Pass::Beside)]);
        assert_eq!(
            [due(40), due(41), due(50), due(51)],
            [None, Some(Pass::Whole), None, Some(Pass::Whole)]
        );
        assert_eq!([due(79), due(89)], [Some(Pass::Whole), Some(Pass::Held)]);
        assert_eq!([due(159), due(160), due(169)], [Some(Pass::Held), None, Some(Pass::Own)]);
        // The WAL has begun anew.
        assert_eq!([due(1), due(10), due(12)], [None, Some(Pass::Beside), None]);
        assert_eq!(checkpoints.due(1000, 0), None);
    }
}

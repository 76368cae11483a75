//! What a lane knows of the cost of commits on its connection. A commit that may wait for the disk does not
//! run on the thread of JavaScript.

use crate::sqlite::{CommitCost, Connection};

/// After so many commits, an unfavourable cost is looked up again: another client may have changed the
/// journal mode.
const COMMITS_BEFORE_A_LOOK: u32 = 64;

/// What a lane knows of the cost of commits on its connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownCommits {
    /// The cost of a commit, and the version of the settings for which it holds.
    cost: Option<(u64, CommitCost)>,
    /// Whether the next commit begins the WAL anew, which waits for the disk.
    begins_wal: bool,
    /// How often the whole WAL had been copied before the last commit.
    completed: u64,
    /// The number of commits since the cost was looked up.
    commits: u32,
}

impl KnownCommits {
    /// The cost of a commit with this version of the settings, if the whole WAL has been copied so often. None if a
    /// commit may wait for the disk.
    pub fn in_place(&self, version: u64, completed: u64) -> Option<CommitCost> {
        let (of, cost) = self.cost?;
        let begins_wal = self.begins_wal || self.completed != completed;
        (of == version && !begins_wal && !cost.may_sync).then_some(cost)
    }

    /// The number of frames from which a checkpoint is due, with this version of the settings. 0 if it is not known, or
    /// none ever is.
    pub fn checkpoint_at(&self, version: u64) -> i32 {
        self.cost.filter(|(of, _)| *of == version).map_or(0, |(_, cost)| cost.checkpoint_at)
    }

    /// Whether a commit with this version of the settings may wait for the disk. False if that is not known.
    pub fn may_sync(&self, version: u64) -> bool {
        self.cost.is_some_and(|(of, cost)| of == version && cost.may_sync)
    }

    /// Learns from a commit on the lane's thread. The whole WAL had been copied so often.
    pub fn committed(&mut self, version: u64, completed: u64, connection: &Connection) {
        self.begins_wal = false;
        self.completed = completed;
        self.commits += 1;
        self.look(version, connection);
    }

    /// Looks the cost of a commit up, if it is not known for this version of the settings.
    pub fn look(&mut self, version: u64, connection: &Connection) {
        let is_known = self.cost.is_some_and(|(of, cost)| {
            of == version && (!cost.may_sync || self.commits < COMMITS_BEFORE_A_LOOK)
        });
        if !is_known {
            self.commits = 0;
            self.cost = connection.commit_cost().ok().map(|cost| (version, cost));
        }
    }

    /// Learns that the WAL has been copied into the database.
    pub fn checkpointed(&mut self) {
        self.begins_wal = true;
    }
}

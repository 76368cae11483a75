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
    /// The number of commits since the cost was looked up.
    commits: u32,
}

impl KnownCommits {
    /// The cost of a commit with this version of the settings. None if a commit may wait for the disk.
    pub fn in_place(&self, version: u64) -> Option<CommitCost> {
        let (of, cost) = self.cost?;
        (of == version && !self.begins_wal && !cost.may_sync).then_some(cost)
    }

    /// Whether a commit with this version of the settings may wait for the disk. False if that is not known.
    pub fn may_sync(&self, version: u64) -> bool {
        self.cost.is_some_and(|(of, cost)| of == version && cost.may_sync)
    }

    /// Learns from a commit on the lane's thread.
    pub fn committed(&mut self, version: u64, connection: &Connection) {
        self.begins_wal = false;
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

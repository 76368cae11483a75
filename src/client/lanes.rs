//! The lanes of one client, and which of them a call takes.
//!
//! Calls outside of transactions take the main lane. A transaction takes a lane of its own: an idle one,
//! else a new one while there may be more, else the main lane, which is gone until the transaction is
//! over. Once a lane has made TEMP tables or attached a database, the client is pinned to it: that lane
//! becomes the main lane, and the only one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::lane::Lane;
use super::session::Session;
use crate::jobs::ids::{LaneId, TransactionId};
use crate::wire::kinds::{LaneFlag, flag};

/// See the module's documentation.
pub struct Lanes {
    all: BTreeMap<LaneId, Arc<Lane<Session>>>,
    /// The lane for calls outside of transactions; None while a transaction has it.
    main: Option<LaneId>,
    /// The lanes without a transaction, besides the main lane.
    idle: Vec<LaneId>,
    transactions: HashMap<TransactionId, LaneId>,
    /// How many lanes there may be.
    most: usize,
    last: u32,
    /// The former main lane, until the lane that the client is pinned to has taken its place.
    former: Option<LaneId>,
}

/// How far the move to the pinned lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It cannot begin: a transaction has that lane, or the main lane.
    NotNow,
    /// It has begun: there is no main lane until it is finished.
    Begun,
    /// The pinned lane is the main lane.
    Done,
}

impl Lanes {
    /// The main lane alone.
    pub fn new(main: Lane<Session>, most: usize) -> Self {
        Self {
            all: BTreeMap::from([(LaneId::MAIN, Arc::new(main))]),
            main: Some(LaneId::MAIN),
            idle: Vec::new(),
            transactions: HashMap::new(),
            most,
            last: LaneId::MAIN.0,
            former: None,
        }
    }

    /// All of them, the main lane of the beginning first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Lane<Session>>> {
        self.all.values()
    }

    /// Forgets all of them: they are closed.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// The lane of a call: that of its transaction, or the main lane. A transaction that is over has
    /// none: its call goes to the main lane, where the session says so.
    pub fn of(&self, transaction: TransactionId) -> Option<Arc<Lane<Session>>> {
        let lane = self.transactions.get(&transaction).copied();
        self.get(lane.or(self.main).unwrap_or(LaneId::MAIN))
    }

    /// The lane for a new transaction. `open` makes a further one.
    pub fn begin(
        &mut self,
        transaction: TransactionId,
        pinned: Option<LaneId>,
        open: impl FnOnce(LaneId) -> Lane<Session>,
    ) -> Option<Arc<Lane<Session>>> {
        let lane = if pinned.is_none() {
            self.idle.pop().or_else(|| self.add(open)).or_else(|| self.main.take())?
        } else {
            // A lane may have become the pinned one since JavaScript has looked.
            self.main.take().or_else(|| self.idle.pop()).or_else(|| self.add(open))?
        };
        self.transactions.insert(transaction, lane);
        self.get(lane)
    }

    fn add(&mut self, open: impl FnOnce(LaneId) -> Lane<Session>) -> Option<LaneId> {
        if self.all.len() >= self.most {
            return None;
        }
        self.last += 1;
        let id = LaneId(self.last);
        self.all.insert(id, Arc::new(open(id)));
        Some(id)
    }

    /// A transaction is over, or its last request is queued: other calls can use its lane.
    pub fn release(&mut self, transaction: TransactionId) {
        let Some(lane) = self.transactions.remove(&transaction) else { return };
        if self.main.is_none() && self.former.is_none() {
            self.main = Some(lane);
        } else {
            self.idle.push(lane);
        }
    }

    /// Begins to make the pinned lane the main lane.
    pub fn begin_move(&mut self, pinned: Option<LaneId>) -> Move {
        let Some(pinned) = pinned else { return Move::NotNow };
        if self.main == Some(pinned) {
            return Move::Done;
        }
        let at = self.idle.iter().position(|lane| *lane == pinned);
        let (Some(at), Some(former)) = (at, self.main) else { return Move::NotNow };
        self.idle.remove(at);
        self.main = None;
        self.former = Some(former);
        Move::Begun
    }

    /// Ends the move, once the former main lane has nothing to do: gives that back to be closed.
    pub fn finish_move(&mut self, pinned: Option<LaneId>) -> Option<Arc<Lane<Session>>> {
        let former = self.former.take()?;
        self.main = pinned;
        self.all.remove(&former)
    }

    /// Takes out the lanes that have nothing to do, to be closed: SQLite leaves WAL mode only on the last
    /// connection to the file.
    pub fn take_idle(&mut self) -> Vec<Arc<Lane<Session>>> {
        let is_done = |lane: &LaneId| self.all.get(lane).is_some_and(|lane| lane.is_idle());
        let (done, busy): (Vec<_>, Vec<_>) = self.idle.iter().copied().partition(is_done);
        self.idle = busy;
        done.iter().filter_map(|lane| self.all.remove(lane)).collect()
    }

    /// What JavaScript must know to let calls wait or start: flags.
    pub fn state(&self, pinned: Option<LaneId>) -> u8 {
        let may_add = !self.idle.is_empty() || self.all.len() < self.most;
        flag(LaneFlag::MainFree as u8, self.main.is_some())
            | flag(LaneFlag::OtherFree as u8, pinned.is_none() && may_add)
            | flag(LaneFlag::HasIdle as u8, !self.idle.is_empty())
    }

    fn get(&self, lane: LaneId) -> Option<Arc<Lane<Session>>> {
        self.all.get(&lane).cloned()
    }
}

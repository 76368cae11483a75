//! The lanes of one client, and the choice of a lane for each call.
//!
//! Calls outside of transactions take the main lane. A transaction takes a lane of its own: an idle lane
//! if there is one, otherwise a new lane if the client may have more. A client that may have one lane only gives
//! a transaction the main lane, and has none until the transaction is over.
//!
//! Long reads take reader lanes, whose connections only read. The [`Line`] says when.
//!
//! A lane that creates TEMP tables or attaches a database pins the client to itself, because this state
//! belongs to its connection. The pinned lane then becomes the main lane, and the only one.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::call::Call;
use super::lane::Lane;
use super::line::Line;
use super::session::Session;
use crate::jobs::ids::{JobId, LaneId, TransactionId};
use crate::wire::kinds::{LaneFlag, flag};

/// The lanes of one client.
pub struct Lanes {
    all: BTreeMap<LaneId, Arc<Lane<Session>>>,
    /// The lane for calls outside of transactions. None while a transaction uses it.
    main: Option<LaneId>,
    /// The lane that was the main lane last: that of the calls which were made before a transaction took it.
    last_main: LaneId,
    /// The lanes without a transaction, except the main lane.
    idle: Vec<LaneId>,
    transactions: FxHashMap<TransactionId, LaneId>,
    /// The largest number of lanes, without the reader lanes.
    most: usize,
    last: u32,
    /// The former main lane, during a move to the pinned lane.
    former: Option<LaneId>,
    /// The reader lanes, and after them the lane that makes checkpoints. Each opens its connection at its first call.
    readers: Vec<Arc<Lane<Session>>>,
    /// The calls outside of transactions that have not started.
    pub line: Line<Call>,
    /// Whether each transaction is rolled back as soon as it has begun.
    pub is_draining: bool,
    /// Whether no call starts any more.
    pub is_sealed: bool,
}

/// The state of the move to the pinned lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The move cannot begin: the client is not pinned, or a transaction uses the pinned lane or the main
    /// lane.
    NotNow,
    /// The move has begun. The client has no main lane until the move is finished.
    Begun,
    /// The pinned lane is the main lane.
    Done,
}

impl Lanes {
    /// The lanes of a new client: the main lane and the reader lanes. `most` is the largest number of open
    /// transactions. With 1, that one has the main lane. `checkpointer` is the lane that makes checkpoints.
    pub fn new(
        main: Lane<Session>,
        most: usize,
        readers: Vec<Lane<Session>>,
        checkpointer: Option<Lane<Session>>,
    ) -> Self {
        Self {
            line: Line::new(readers.len(), checkpointer.is_some()),
            is_draining: false,
            is_sealed: false,
            readers: readers.into_iter().chain(checkpointer).map(Arc::new).collect(),
            all: BTreeMap::from([(LaneId::MAIN, Arc::new(main))]),
            main: Some(LaneId::MAIN),
            last_main: LaneId::MAIN,
            idle: Vec::new(),
            transactions: FxHashMap::default(),
            most: if most > 1 { most + 1 } else { 1 },
            last: LaneId::MAIN.0,
            former: None,
        }
    }

    /// All lanes, in the order in which they were added, and then the reader lanes. The first main lane comes
    /// first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Lane<Session>>> {
        self.all.values().chain(&self.readers)
    }

    /// The lanes in which there may be a transaction: all but the reader lanes.
    pub fn of_transactions(&self) -> impl Iterator<Item = &Arc<Lane<Session>>> {
        self.all.values()
    }

    /// Removes all lanes, which are closed.
    pub fn clear(&mut self) {
        self.all.clear();
        self.readers.clear();
    }

    /// The lanes of transactions that have begun. No call of the line goes there.
    pub fn of_begun_transactions(&self) -> Vec<Arc<Lane<Session>>> {
        let has_begun = |(id, _): &(&TransactionId, &LaneId)| !self.line.has(JobId(id.0));
        self.transactions.iter().filter(has_begun).filter_map(|(_, lane)| self.get(*lane)).collect()
    }

    /// The reader lane with this index.
    pub fn reader(&self, index: usize) -> Option<&Arc<Lane<Session>>> {
        self.readers.get(index)
    }

    /// The reader lanes, and after them the lane that makes checkpoints.
    pub fn readers(&self) -> &[Arc<Lane<Session>>] {
        &self.readers
    }

    /// The lane that makes checkpoints.
    pub fn checkpointer(&self) -> Option<&Arc<Lane<Session>>> {
        self.readers.get(self.line.for_reads())
    }

    /// The main lane. None while a transaction uses it.
    pub fn main(&self) -> Option<LaneId> {
        self.main
    }

    /// The lane of a call: the lane of its transaction, or the main lane. The call of a transaction that
    /// is over goes to the main lane, whose session answers with TRANSACTION_CLOSED.
    pub fn of(&self, transaction: TransactionId) -> Option<Arc<Lane<Session>>> {
        self.of_open(transaction).or_else(|| self.get(self.main.unwrap_or(self.last_main)))
    }

    /// The lane of a transaction, until the transaction is released.
    pub fn of_open(&self, transaction: TransactionId) -> Option<Arc<Lane<Session>>> {
        self.transactions.get(&transaction).and_then(|lane| self.get(*lane))
    }

    /// Takes a lane for a new transaction. `open` creates a lane if a further one is needed. None if there
    /// is no lane to take.
    pub fn begin(
        &mut self,
        transaction: TransactionId,
        pinned: Option<LaneId>,
        open: impl FnOnce(LaneId) -> Lane<Session>,
    ) -> Option<Arc<Lane<Session>>> {
        let lane = if pinned.is_none() {
            let last = if self.most == 1 { self.take_main() } else { None };
            last.or_else(|| self.idle.pop()).or_else(|| self.add(open))?
        } else {
            // A job may have pinned the client after JavaScript asked for the state of the lanes.
            self.take_main().or_else(|| self.idle.pop()).or_else(|| self.add(open))?
        };
        self.transactions.insert(transaction, lane);
        self.get(lane)
    }

    fn take_main(&mut self) -> Option<LaneId> {
        let main = self.main.take()?;
        self.last_main = main;
        Some(main)
    }

    /// Whether a transaction has taken the main lane.
    pub fn is_on_main(&self, transaction: TransactionId) -> bool {
        self.main.is_none() && self.transactions.get(&transaction) == Some(&self.last_main)
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

    /// Moves a transaction that has not begun to the pinned lane, if that is the main lane: a call that was made
    /// before has pinned the client since.
    pub fn follow(&mut self, transaction: TransactionId, pinned: Option<LaneId>) {
        let Some(lane) = self.transactions.get(&transaction).copied() else { return };
        if pinned.is_some()
            && pinned == self.main
            && pinned != Some(lane)
            && let Some(main) = self.take_main()
        {
            self.idle.push(lane);
            self.transactions.insert(transaction, main);
        }
    }

    /// Frees the lane of a transaction for other calls.
    pub fn release(&mut self, transaction: TransactionId) {
        let Some(lane) = self.transactions.remove(&transaction) else { return };
        if self.main.is_some() || self.former.is_some() {
            self.idle.push(lane);
            return;
        }
        // The calls before a transaction that has yet to begin are on the main lane, which therefore stays the same.
        let waiting = self
            .transactions
            .iter_mut()
            .find(|(id, taken)| **taken == self.last_main && self.line.has(JobId(id.0)));
        self.main = Some(match waiting {
            Some((_, taken)) => std::mem::replace(taken, lane),
            None => lane,
        });
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
        self.take_main();
        self.former = Some(former);
        Move::Begun
    }

    /// Finishes the move. Returns the former main lane, which the caller closes. To be called once that
    /// lane is idle.
    pub fn finish_move(&mut self, pinned: Option<LaneId>) -> Option<Arc<Lane<Session>>> {
        let former = self.former.take()?;
        self.main = pinned;
        self.all.remove(&former)
    }

    /// Removes and returns the idle lanes, except the main lane. The caller closes them, because SQLite
    /// can leave WAL mode only if the file has no other connection.
    pub fn take_idle(&mut self) -> Vec<Arc<Lane<Session>>> {
        let is_done = |lane: &LaneId| self.all.get(lane).is_some_and(|lane| lane.is_idle());
        let (done, busy): (Vec<_>, Vec<_>) = self.idle.iter().copied().partition(is_done);
        self.idle = busy;
        done.iter().filter_map(|lane| self.all.remove(lane)).collect()
    }

    /// The bits of [`LaneFlag`], by which JavaScript decides whether calls start or wait.
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

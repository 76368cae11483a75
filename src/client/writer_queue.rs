//! The queue in which the writers of one file wait for the writer slot, over all clients and threads of
//! the process.
//!
//! SQLite allows one writer per database. The calls of one process must not fail because of that: in
//! `@libsql/client`, each call runs on the JavaScript thread from its beginning to its end, so calls never
//! meet there. A lane that wants to write therefore takes the writer slot first, in the order of the
//! calls, and keeps it until its connection is back in autocommit mode. Between processes, SQLite's own
//! locks decide; the module `busy` handles them.
//!
//! The holder of the slot may be an open transaction whose owner does nothing. A wait for it is limited:
//! the owner may itself wait for the waiting call. A transaction of the same client is waited for until
//! it has been idle for [`LockTimeouts::own`]. A transaction of another client is waited for as one of
//! another process would be ([`LockTimeouts::others`]), but never less than [`IN_PASSING`] after its last
//! call, so that the pause between two calls of a transaction does not make others fail. Once its pauses
//! have taken that long together, further calls do not prolong the wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::activity::{Activity, IN_PASSING, LaneKey, Phase};
use super::error::Error;
use crate::jobs::cancel::{Cancel, Wait};
use crate::jobs::ids::{CallNumber, ClientId};
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_for};

/// The longest waits for a lock.
#[derive(Clone, Copy, Debug)]
pub struct LockTimeouts {
    /// The wait for other processes, and for transactions of other clients (the `timeout` setting;
    /// SQLite's busy_timeout).
    pub others: Duration,
    /// The wait for an idle transaction of the same client.
    pub own: Duration,
}

/// A wait for the slot that takes no longer holds up the reads behind it: another writer is being quick. A checkpoint
/// holds them up for as long as it takes: it ends by itself.
const UNOBSERVED: Duration = Duration::from_millis(if cfg!(feature = "model") { 0 } else { 1 });

/// The wait for an idle transaction of the same client if no `timeout` is set.
pub const DEFAULT_OWN_TIMEOUT: Duration = Duration::from_secs(4);

impl LockTimeouts {
    /// The waits of a call that can do without the lock.
    pub const IN_PASSING: Self = Self { others: Duration::ZERO, own: IN_PASSING };

    /// The end of a wait that began at `began`, for a transaction whose idleness counts from `idle_since`.
    pub(super) fn deadline(self, is_own: bool, began: Instant, idle_since: Instant) -> Instant {
        let patience = if is_own { self.own } else { IN_PASSING };
        (idle_since.max(began) + patience).max(began + self.others)
    }
}

/// The queue of one file's writers.
#[derive(Debug, Default)]
pub struct WriterQueue {
    pub(super) state: Mutex<State>,
    /// Signalled when a lane may have freed a lock for which a busy handler waits.
    pub(super) lock_freed: Condvar,
}

/// The holder of the slot, the waiting calls, and the activity of the lanes.
#[derive(Debug, Default)]
pub struct State {
    /// The lane that has the writer slot.
    pub(super) holder: Option<LaneKey>,
    /// The places of each client's calls. A call waits for the earlier calls of its client even if these
    /// do not run yet.
    places: HashMap<ClientId, BTreeSet<CallNumber>>,
    /// The calls that wait for the slot now.
    ready: BTreeMap<CallNumber, Waiter>,
    pub(super) activity: Activity,
    /// The number of busy handlers that wait for `lock_freed`.
    pub(super) waiting_for_lock: usize,
}

/// A call that waits for the slot.
#[derive(Debug)]
struct Waiter {
    lane: LaneKey,
    /// Is signalled when it is the call's turn, when it may have been cancelled, and when the slot is given to
    /// somebody for whom the call waits in another way than before.
    turn: Arc<Condvar>,
    /// Its wait, while its observer knows of it.
    told: Option<Wait>,
    /// Whether it sleeps until something changes. In its first moment it looks again by itself: to wake all calls whenever
    /// the slot is given on would cost more than the slot is held for.
    sleeps: bool,
}

impl State {
    /// Whether a call of this client is next.
    fn is_turn(&self, client: ClientId, call: CallNumber) -> bool {
        self.holder.is_none()
            && self.is_first_of_client(client, call)
            && self.next_ready().is_none_or(|(next, _)| next >= call)
    }

    fn is_first_of_client(&self, client: ClientId, call: CallNumber) -> bool {
        let first = self.places.get(&client).and_then(BTreeSet::first);
        first.is_none_or(|first| *first >= call)
    }

    /// The first waiting call for which the slot is free once its holder gives it up.
    fn next_ready(&self) -> Option<(CallNumber, &Waiter)> {
        let mut ready = self.ready.iter();
        let next = ready.find(|(call, it)| self.is_first_of_client(it.lane.client, **call));
        next.map(|(call, waiter)| (*call, waiter))
    }

    /// Wakes the call whose turn it is.
    fn signal_next(&self) {
        if self.holder.is_none()
            && let Some((_, next)) = self.next_ready()
        {
            next.turn.notify_one();
        }
    }

    /// Whether the observer of a waiting call knows that it waits.
    fn is_told(&self, call: CallNumber) -> bool {
        self.ready.get(&call).is_some_and(|waiter| waiter.told.is_some())
    }

    fn set_sleeps(&mut self, call: CallNumber, sleeps: bool) {
        if let Some(waiter) = self.ready.get_mut(&call) {
            waiter.sleeps = sleeps;
        }
    }

    /// Gives the slot to a lane. The calls that sleep without having told anybody see whether they have to tell now.
    fn give(&mut self, lane: LaneKey) {
        if self.holder.replace(lane) == Some(lane) {
            return;
        }
        for waiter in self.ready.values().filter(|waiter| waiter.sleeps && waiter.told.is_none()) {
            waiter.turn.notify_one();
        }
    }

    /// The waits that have ended with the holder, of which an observer knows: the one of the call whose turn it is, and
    /// behind a checkpoint all of them. The caller ends them before its own answer, and without the lock: a read that is
    /// called after that answer does not go past the write whose turn it is.
    fn take_ended_waits(&mut self) -> Vec<Wait> {
        let Some((call, next)) = self.next_ready() else { return Vec::new() };
        if next.lane.lane.is_reader() {
            return self.ready.values_mut().filter_map(|waiter| waiter.told.take()).collect();
        }
        self.ready.get_mut(&call).and_then(|waiter| waiter.told.take()).into_iter().collect()
    }
}

/// A call's place in the queue. Dropping the ticket gives the place up.
#[derive(Debug)]
pub struct Ticket {
    queue: Arc<WriterQueue>,
    client: ClientId,
    call: CallNumber,
}

impl WriterQueue {
    /// Takes a place in the queue before the call runs, for a call that is known to write.
    pub fn reserve(self: &Arc<Self>, client: ClientId, call: CallNumber) -> Ticket {
        lock(&self.state).places.entry(client).or_default().insert(call);
        Ticket { queue: Arc::clone(self), client, call }
    }

    /// Takes the writer slot for `lane`, after all earlier calls in the queue. Returns at once if the lane
    /// has the slot already. `began` is the time since which the call has waited.
    ///
    /// # Errors
    /// [`Error::HeldByOwnTransaction`] or [`Error::HeldByOtherClient`] if an idle transaction held the slot
    /// for too long; [`Error::Cancelled`].
    pub fn take_slot(
        self: &Arc<Self>,
        lane: LaneKey,
        call: CallNumber,
        timeouts: LockTimeouts,
        cancel: &Cancel,
        began: Instant,
    ) -> Result<(), Error> {
        cancel.check()?;
        {
            let mut state = lock(&self.state);
            if state.holder == Some(lane) {
                return Ok(());
            }
            if state.is_turn(lane.client, call) {
                state.give(lane);
                return Ok(());
            }
        }
        let _ticket = self.reserve(lane.client, call);
        let turn = Arc::new(Condvar::new());
        let mut state = lock(&self.state);
        let waiter = Waiter { lane, turn: Arc::clone(&turn), told: None, sleeps: false };
        state.ready.insert(call, waiter);
        state.activity.set_phase(lane, Phase::Waiting);
        let until_observed = Instant::now() + UNOBSERVED;
        let mut has_observer = true;
        let taken = loop {
            if let Some(reason) = cancel.reason() {
                break Err(reason.into());
            }
            if state.is_turn(lane.client, call) {
                state.give(lane);
                break Ok(());
            }
            let Some(holder) = state.holder else {
                // The next call is about to take the slot.
                state = sleep(state, call, |state| wait(&turn, state));
                continue;
            };
            let is_own = holder.client == lane.client;
            // A holder that works now may become idle later, and is then waited for from that time on.
            let (now, idle) = (Instant::now(), state.activity.idle(holder));
            let counts_from = idle.map_or(now, |lane| lane.counts_from(is_own, began));
            let deadline = timeouts.deadline(is_own, began, counts_from);
            let Some(left) = deadline.checked_duration_since(now) else {
                break Err(held(is_own, idle.map_or(now, |lane| lane.since)));
            };
            if holder.lane.is_reader() || !has_observer || state.is_told(call) {
                state = sleep(state, call, |state| wait_for(&turn, state, left));
            } else if now < until_observed {
                state = wait_for(&turn, state, left.min(until_observed - now));
            } else {
                // The observer is told without the lock.
                drop(state);
                let told = cancel.begin_wait();
                has_observer = told.is_some();
                state = lock(&self.state);
                let is_over = state.holder != Some(holder);
                if let Some(waiter) = state.ready.get_mut(&call).filter(|_| !is_over) {
                    waiter.told = told;
                } else {
                    drop(state);
                    drop(told);
                    state = lock(&self.state);
                }
            }
        };
        let waiter = state.ready.remove(&call);
        state.activity.set_phase(lane, Phase::Running);
        drop(state);
        // Its wait ends without the lock, too.
        drop(waiter);
        taken
    }

    /// Takes the slot for `lane` if that is possible at once, without passing over an earlier call. Returns
    /// whether the lane has it now.
    pub fn take_slot_now(&self, lane: LaneKey, call: CallNumber) -> bool {
        let mut state = lock(&self.state);
        if state.is_turn(lane.client, call) {
            state.give(lane);
        }
        state.holder == Some(lane)
    }

    /// Takes the slot for `lane` if the slot is free or the lane has it, or if a checkpoint has it: that does not write.
    /// Returns whether the lane has it now. Used by a transaction that has read already, which waiting cannot help: in
    /// WAL mode its snapshot would be stale once it got the slot (SQLITE_BUSY_SNAPSHOT), and in a rollback-journal mode
    /// the writer waits for this very reader.
    pub fn try_take_slot(&self, lane: LaneKey) -> bool {
        let mut state = lock(&self.state);
        if state.holder.is_none_or(|holder| holder.lane.is_reader()) {
            state.give(lane);
        }
        state.holder == Some(lane)
    }

    /// Records that a job has begun on the lane.
    pub fn begin_job(&self, lane: LaneKey) {
        lock(&self.state).activity.set_phase(lane, Phase::Running);
    }

    /// Records that a job has ended on the lane, and whether it left a transaction open. If it did not,
    /// the lane gives up the slot.
    pub fn end_job(&self, lane: LaneKey, in_transaction: bool) {
        let mut state = lock(&self.state);
        state.activity.set_phase(lane, Phase::Idle);
        state.activity.set_in_transaction(lane, in_transaction);
        let is_free = self.leave(&mut state, lane, in_transaction);
        let ended = if is_free { state.take_ended_waits() } else { Vec::new() };
        drop(state);
        drop(ended);
    }

    /// Records that a connection has read the file. Until then a lane that reads may be recovering the
    /// file.
    pub fn has_read(&self) {
        lock(&self.state).activity.has_read = true;
    }

    /// Records that the connection of the lane is being closed.
    pub fn begin_closing(&self, lane: LaneKey) {
        lock(&self.state).activity.set_phase(lane, Phase::Closing);
    }

    /// Records that the lane is closed. The lane gives up the slot.
    pub fn forget_lane(&self, lane: LaneKey) {
        let mut state = lock(&self.state);
        state.activity.remove(lane);
        self.leave(&mut state, lane, false);
    }

    /// Lets the others continue after a job of the lane, or its closing. Returns whether the lane has given up the slot.
    fn leave(&self, state: &mut State, lane: LaneKey, keeps_slot: bool) -> bool {
        let gives_up = !keeps_slot && state.holder == Some(lane);
        if gives_up {
            state.holder = None;
        }
        state.signal_next();
        if state.waiting_for_lock > 0 {
            self.lock_freed.notify_all();
        }
        gives_up
    }

    /// Makes every waiting lane check its cancel flag.
    pub fn wake(&self) {
        // A waiter holds the lock from its check until it sleeps. So this lock is taken before the
        // check, which then sees the flag, or during the sleep, which the signal ends.
        let state = lock(&self.state);
        for waiter in state.ready.values() {
            waiter.turn.notify_one();
        }
        self.lock_freed.notify_all();
    }
}

/// Lets a waiting call sleep, so that it is woken if it has to tell of its wait.
fn sleep<'a>(
    mut state: MutexGuard<'a, State>,
    call: CallNumber,
    until: impl FnOnce(MutexGuard<'a, State>) -> MutexGuard<'a, State>,
) -> MutexGuard<'a, State> {
    state.set_sleeps(call, true);
    let mut state = until(state);
    state.set_sleeps(call, false);
    state
}

fn held(is_own: bool, idle_since: Instant) -> Error {
    if is_own {
        Error::HeldByOwnTransaction { waited_ms: idle_since.elapsed().as_millis() }
    } else {
        Error::HeldByOtherClient
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        if let Some(places) = state.places.get_mut(&self.client) {
            places.remove(&self.call);
            if places.is_empty() {
                state.places.remove(&self.client);
            }
        }
        state.signal_next();
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
pub mod tests;

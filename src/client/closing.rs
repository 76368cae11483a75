//! How a client is closed, in order: the gate is shut, what is queued is rejected or let finish, what
//! runs is cancelled, the threads are joined, the connections are closed, the readers first and the
//! main lane's last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use super::error::Error;
use super::gate::{Refused, Shut};
use super::lane::Lane;
use super::session::Session;
use super::state::ClientState;
use crate::files::sidecars;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{JobId, TransactionId};
use crate::sync::atomic::Ordering;
use crate::sync::{lock, thread};
use crate::wire::records::{Closed, ClosingStep, Outcome, Records};
use crate::wire::request;

/// Hears of the end of each step of a closing, and how long it took.
pub type Observer<'a> = &'a mut dyn FnMut(ClosingStep, Duration);

impl Client {
    /// Closes the client: when this returns, nothing of it is left. Callers at the same time share
    /// one closing; one that is draining is hurried on.
    ///
    /// Takes 100 ms at most, plus what cannot be interrupted: one built-in function that runs, one
    /// fsync, the closing checkpoint.
    pub fn close(&self, observer: Observer<'_>) -> Result<Closed, Error> {
        match self.state.gate.shut() {
            Shut::First => self.finish(None, observer),
            Shut::Underway => {
                self.hurry();
                self.state.gate.wait_closed();
                self.join_closer();
                Ok(Closed::default())
            }
            Shut::Done => {
                self.join_closer();
                Ok(Closed::default())
            }
        }
    }

    /// Ends the draining of a closing that is under way.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        for lane in self.lanes().all() {
            lane.wake();
        }
    }

    /// Cancels everything, and lets no job in any more, without waiting: [`Client::close`] does
    /// that. For several clients at once: what one of them frees, another must not use to go on.
    pub fn stop(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        let lanes: Vec<_> = self.lanes().all().cloned().collect();
        for lane in lanes {
            lane.stop(CancelReason::ClientClosed);
        }
    }

    /// Closes the client on a thread of its own and answers `job` when it is done. With `drain`
    /// what is queued is let finish first, until then at most.
    pub fn shut_down(self: &Arc<Self>, job: JobId, drain: Option<Duration>) -> Result<(), Refused> {
        if self.state.gate.shut() != Shut::First {
            return Err(Refused::Closed);
        }
        let deadline = drain.map(|limit| Instant::now() + limit);
        let client = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("latchdb-closer".into())
            .spawn(move || client.finish_and_answer(job, deadline));
        match spawned {
            Ok(thread) => {
                *lock(&self.closer) = Some(thread);
            }
            // No thread is to be had: the caller's own does it.
            Err(_) => self.finish_and_answer(job, deadline),
        }
        Ok(())
    }

    fn finish_and_answer(&self, job: JobId, drain: Option<Instant>) {
        let mut records = Records::new(job);
        let finished = self.finish(drain, &mut |step, took| {
            let mut records = Records::new(job);
            records.step(step, took);
            self.state.outbox.post(records.take(), false);
        });
        match finished {
            Ok(closed) => records.closed(closed),
            Err(error) => records.error(Outcome::default(), error.record(), None),
        }
        self.state.outbox.post(records.take(), true);
    }

    /// The closing, in order. The gate is shut already.
    fn finish(&self, drain: Option<Instant>, observer: Observer<'_>) -> Result<Closed, Error> {
        let _closed = MarkClosed(&self.state);
        let lanes: Vec<_> = self.lanes().all().cloned().collect();
        if let Some(deadline) = drain {
            timed(observer, ClosingStep::Drain, || self.drain(&lanes, deadline));
        }
        timed(observer, ClosingStep::Cancel, || {
            for lane in &lanes {
                lane.stop(CancelReason::ClientClosed);
            }
        });
        let sessions: Vec<_> = timed(observer, ClosingStep::Join, || {
            lanes.iter().filter_map(|lane| lane.join()).collect()
        });
        let (connections, closed) = timed(observer, ClosingStep::Close, || {
            let mut connections = 0;
            let mut result = Ok(());
            // Readers first, the writer last: the main lane is the first of the map.
            for session in sessions.into_iter().rev() {
                connections += u32::from(session.is_open());
                let closed = session.close();
                result = result.and(closed);
            }
            (connections, result)
        });
        self.lanes().clear();
        closed.map(|()| Closed {
            wal_left: self.wal_is_left(),
            connections,
            cancelled: self.state.cancelled(),
        })
    }

    /// Lets what is queued finish. Nobody can go on with a transaction any more, so each is rolled
    /// back behind its last queued job: the writers that wait for it get their turn.
    fn drain(&self, lanes: &[Arc<Lane<Session>>], deadline: Instant) {
        for lane in lanes {
            lane.push(self.own_call(TransactionId::NONE, request::END_ANY_TRANSACTION));
            lane.seal();
        }
        for lane in lanes {
            lane.wait_idle(Some(deadline), &|| self.hurry.load(Ordering::SeqCst));
        }
    }

    fn wal_is_left(&self) -> bool {
        let path = self.state.options.location.path();
        path.is_some_and(|path| sidecars::wal(path).exists())
    }

    fn join_closer(&self) {
        let closer = lock(&self.closer).take();
        if let Some(thread) = closer {
            let _ = thread.join();
        }
    }
}

/// Runs one step and tells how long it took.
fn timed<T>(observer: Observer<'_>, step: ClosingStep, run: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let value = run();
    observer(step, began.elapsed());
    value
}

/// However a closing ends, nobody may wait for it for ever.
struct MarkClosed<'a>(&'a ClientState);

impl Drop for MarkClosed<'_> {
    fn drop(&mut self) {
        self.0.gate.mark_closed();
    }
}

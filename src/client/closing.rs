//! The closing of a client. Its steps, in order: shut the gate; reject the queued jobs, or let them run;
//! cancel the running jobs; join the threads; close the connections, the last one first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use super::error::Error;
use super::gate::{Refused, Shut};
use super::lane::Lane;
use super::session::Session;
use super::state::ClientState;
use crate::failpoints::{Point, reach};
use crate::files::sidecars;
use crate::jobs::cancel::CancelReason;
use crate::jobs::ids::{JobId, TransactionId};
use crate::jobs::panics;
use crate::sync::atomic::Ordering;
use crate::sync::{lock, thread};
use crate::wire::kinds::ClosingStep;
use crate::wire::records::{Closed, Outcome, Records};
use crate::wire::request;

/// Called at the end of each step of a closing, with the time that the step took.
pub type Observer<'a> = &'a mut dyn FnMut(ClosingStep, Duration);

impl Client {
    /// Closes the client. When this returns, its threads and connections are gone. Concurrent callers
    /// share one closing; a closing that is draining stops draining.
    ///
    /// Takes at most 100 ms, plus the time of operations that cannot be interrupted: a running built-in
    /// function, an fsync, the closing checkpoint.
    ///
    /// # Errors
    /// SQLite's error if a connection could not be closed.
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

    /// Makes a closing that is draining cancel the remaining jobs now.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        self.dispatch.wake();
        for lane in self.lanes().all() {
            lane.wake();
        }
    }

    /// Cancels all jobs and rejects new ones, without waiting for the threads; [`Client::close`] waits.
    /// An environment stops all of its clients before it closes the first one. Otherwise a job of one
    /// client could continue with a lock that the closing of another client has freed.
    pub fn stop(&self) {
        self.hurry.store(true, Ordering::SeqCst);
        let lanes: Vec<_> = self.lanes().all().cloned().collect();
        self.stop_all(&lanes);
    }

    /// Rejects the calls that wait, and stops the lanes.
    fn stop_all(&self, lanes: &[Arc<Lane<Session>>]) {
        self.dispatch.seal();
        for lane in lanes {
            lane.stop(CancelReason::ClientClosed);
        }
    }

    /// Closes the client on a thread of its own, and answers `job` when the client is closed. With
    /// `drain`, queued jobs run first, for at most that time.
    ///
    /// # Errors
    /// [`Refused::Closed`] if the client is closed or closing already. The job is not answered then.
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
            // The system has no thread left: the caller's thread does the closing.
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

    /// Runs the steps of the closing. The gate is shut already. After a panic, the threads and connections
    /// are gone nevertheless.
    fn finish(&self, drain: Option<Instant>, observer: Observer<'_>) -> Result<Closed, Error> {
        let _closed = MarkClosed(&self.state);
        panics::catch(|| self.run_steps(drain, observer)).unwrap_or_else(|panic| {
            let lanes: Vec<_> = self.lanes().all().cloned().collect();
            self.stop_all(&lanes);
            drop(lanes.iter().filter_map(|lane| lane.join()).collect::<Vec<_>>());
            self.lanes().clear();
            Err(Error::Panicked(panic))
        })
    }

    fn run_steps(&self, drain: Option<Instant>, observer: Observer<'_>) -> Result<Closed, Error> {
        reach(Point::Close);
        let lanes: Vec<_> = self.lanes().all().cloned().collect();
        if let Some(deadline) = drain {
            timed(observer, ClosingStep::Drain, || self.drain(&lanes, deadline));
        }
        timed(observer, ClosingStep::Cancel, || {
            self.stop_all(&lanes);
        });
        let sessions: Vec<_> = timed(observer, ClosingStep::Join, || {
            lanes.iter().filter_map(|lane| lane.join()).collect()
        });
        let (connections, closed) = timed(observer, ClosingStep::Close, || {
            let mut connections = 0;
            let mut result = Ok(());
            // The lane that was added first is closed last. It is the main lane, unless another lane has
            // taken that role.
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

    /// Lets the queued jobs run, until `deadline` at the latest. Callers cannot continue a transaction any
    /// more. So each transaction is rolled back after its last queued job, and frees the writer slot for
    /// the writers that wait for it.
    fn drain(&self, lanes: &[Arc<Lane<Session>>], deadline: Instant) {
        let hurry = || self.hurry.load(Ordering::SeqCst);
        let end = |lane: &Arc<Lane<Session>>| {
            lane.push(self.own_call(TransactionId::NONE, request::END_ANY_TRANSACTION));
            lane.seal();
        };
        // They hold the writer slot for which calls of the line may wait.
        self.dispatch.begin_draining().iter().for_each(end);
        self.dispatch.drain(deadline, &hurry);
        // Reader lanes have no transactions, and no job that does not come from the line.
        self.lanes().of_transactions().for_each(end);
        for lane in lanes {
            lane.wait_idle(Some(deadline), &hurry);
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

/// Runs one step, and reports the time that it took.
fn timed<T>(observer: Observer<'_>, step: ClosingStep, run: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let value = run();
    observer(step, began.elapsed());
    value
}

/// Marks the closing as finished when dropped, so that its waiters wake up even after a panic.
struct MarkClosed<'a>(&'a ClientState);

impl Drop for MarkClosed<'_> {
    fn drop(&mut self) {
        self.0.gate.mark_closed();
    }
}

//! The gate of one client. Its stages are unopened, open, closing and closed, in this order.
//!
//! A caller takes a [`Pass`] before it hands work to the client, and holds the pass while it does so.
//! [`Gate::shut`] issues no further passes, and returns once all passes are dropped. After that the
//! lanes' queues get no more jobs from callers.

use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait};

/// The stage of a client's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unopened,
    Open,
    Closing,
    Closed,
}

/// Why the gate refused a caller. "Closed" and "never opened" are different mistakes of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The client is closed or closing.
    #[error("the client is closed")]
    Closed,
    /// The client was never opened.
    #[error("the client was never opened")]
    NeverOpened,
}

/// The result of [`Gate::shut`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// This call shut the gate. Its caller does the closing.
    First,
    /// Another caller does the closing. [`Gate::wait_closed`] waits for it.
    Underway,
    /// The client is closed already, or was never opened.
    Done,
}

/// The gate of one client.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    inside: usize,
    /// The number of threads that wait for `changed`. Waking threads is a system call.
    waits: usize,
}

/// Permission to hand work to the client. [`Gate::shut`] does not return while a pass is held.
#[derive(Debug)]
pub struct Pass<'gate> {
    gate: &'gate Gate,
}

impl Gate {
    /// The gate of a client that is not open yet.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State { stage: Stage::Unopened, inside: 0, waits: 0 }),
            changed: Condvar::new(),
        }
    }

    /// Opens the gate. A gate that was shut stays shut: a client that is opened again gets a new gate.
    pub fn open(&self) {
        let mut state = self.lock();
        if state.stage == Stage::Unopened {
            state.stage = Stage::Open;
        }
    }

    /// Gives a caller a pass.
    ///
    /// # Errors
    /// [`Refused`] if the gate is not open.
    pub fn enter(&self) -> Result<Pass<'_>, Refused> {
        let mut state = self.lock();
        match state.stage {
            Stage::Open => {
                state.inside += 1;
                Ok(Pass { gate: self })
            }
            Stage::Unopened => Err(Refused::NeverOpened),
            Stage::Closing | Stage::Closed => Err(Refused::Closed),
        }
    }

    /// Shuts the gate, and waits until all passes are dropped. Exactly one of several callers gets
    /// [`Shut::First`].
    pub fn shut(&self) -> Shut {
        let mut state = self.lock();
        match state.stage {
            Stage::Closing => Shut::Underway,
            Stage::Closed => Shut::Done,
            Stage::Unopened => {
                state.stage = Stage::Closed;
                Shut::Done
            }
            Stage::Open => {
                state.stage = Stage::Closing;
                while state.inside > 0 {
                    state = self.wait(state);
                }
                Shut::First
            }
        }
    }

    /// Marks the closing as finished, and wakes the callers of [`Gate::wait_closed`].
    pub fn mark_closed(&self) {
        let mut state = self.lock();
        state.stage = Stage::Closed;
        self.wake(state);
    }

    /// Waits until the closing that another caller has begun is finished.
    pub fn wait_closed(&self) {
        let mut state = self.lock();
        while state.stage == Stage::Closing {
            state = self.wait(state);
        }
    }

    fn wait<'gate>(&'gate self, mut state: MutexGuard<'gate, State>) -> MutexGuard<'gate, State> {
        state.waits += 1;
        state = wait(&self.changed, state);
        state.waits -= 1;
        state
    }

    /// Makes the waiting threads look at the changed state.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let is_awaited = state.waits > 0;
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.inside -= 1;
        self.gate.wake(state);
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;

    fn open_gate() -> Gate {
        let gate = Gate::new();
        gate.open();
        gate
    }

    #[test]
    fn closed_is_told_apart_from_never_opened() {
        let gate = Gate::new();
        assert_eq!(gate.enter().err(), Some(Refused::NeverOpened));
        gate.open();
        assert!(gate.enter().is_ok());
        assert_eq!(gate.shut(), Shut::First);
        assert_eq!(gate.enter().err(), Some(Refused::Closed));
        gate.mark_closed();
        assert_eq!(gate.enter().err(), Some(Refused::Closed));
    }

    #[test]
    fn a_shut_gate_does_not_open_again() {
        let gate = open_gate();
        gate.shut();
        gate.open();
        assert_eq!(gate.enter().err(), Some(Refused::Closed));
    }

    #[test]
    fn a_gate_that_was_never_opened_shuts_without_anything_to_close() {
        let gate = Gate::new();
        assert_eq!(gate.shut(), Shut::Done);
        gate.open();
        assert_eq!(gate.enter().err(), Some(Refused::Closed));
    }

    #[test]
    fn exactly_one_of_many_callers_closes() {
        let gate = open_gate();
        assert_eq!(gate.shut(), Shut::First);
        assert_eq!(gate.shut(), Shut::Underway);
        gate.mark_closed();
        assert_eq!(gate.shut(), Shut::Done);
    }

    #[test]
    fn shutting_waits_until_all_passes_are_dropped() {
        let gate = Arc::new(open_gate());
        let left = Arc::new(AtomicBool::new(false));
        let pass = gate.enter().unwrap();
        let (shutting, is_shutting) = mpsc::channel();
        let closer = {
            let (gate, left) = (Arc::clone(&gate), Arc::clone(&left));
            thread::spawn(move || {
                shutting.send(()).unwrap();
                assert_eq!(gate.shut(), Shut::First);
                assert!(left.load(Ordering::SeqCst), "shut() returned while a pass was held");
            })
        };
        is_shutting.recv().unwrap();
        while gate.enter().is_ok() {
            thread::yield_now();
        }
        assert_eq!(gate.enter().err(), Some(Refused::Closed));
        left.store(true, Ordering::SeqCst);
        drop(pass);
        closer.join().unwrap();
    }

    #[test]
    fn a_second_closer_waits_for_the_first() {
        let gate = Arc::new(open_gate());
        let closed = Arc::new(AtomicBool::new(false));
        assert_eq!(gate.shut(), Shut::First);
        let (found, is_underway) = mpsc::channel();
        let second = {
            let (gate, closed) = (Arc::clone(&gate), Arc::clone(&closed));
            thread::spawn(move || {
                found.send(gate.shut()).unwrap();
                gate.wait_closed();
                assert!(
                    closed.load(Ordering::SeqCst),
                    "returned before the first closer had finished"
                );
            })
        };
        assert_eq!(is_underway.recv().unwrap(), Shut::Underway);
        closed.store(true, Ordering::SeqCst);
        gate.mark_closed();
        second.join().unwrap();
    }
}

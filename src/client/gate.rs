//! The gate of one client: open, closing, closed. It fails closed, in every clone of the handle.
//!
//! Whoever wants to hand work to the client takes a [`Pass`] first and holds it while handing over.
//! [`Gate::shut`] lets nobody in any more and returns once those inside are out; so what is found in
//! the queues after it is all there will ever be.

use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait};

/// Where a client is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unopened,
    Open,
    Closing,
    Closed,
}

/// Why the gate let nobody in. "Closed" and "never opened" are different mistakes of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The client was closed, or is being closed.
    #[error("the client is closed")]
    Closed,
    /// Nothing was ever opened here.
    #[error("the client was never opened")]
    NeverOpened,
}

/// What a call of [`Gate::shut`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// This call shut the gate: its caller does the closing.
    First,
    /// Another caller is closing: wait for it with [`Gate::wait_closed`].
    Underway,
    /// It is closed already, or was never opened.
    Done,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    inside: usize,
}

/// Leave to hand one job over. The gate cannot finish shutting while a pass is held.
#[derive(Debug)]
pub struct Pass<'gate> {
    gate: &'gate Gate,
}

impl Gate {
    /// A gate in front of something that is yet to be opened.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State { stage: Stage::Unopened, inside: 0 }),
            changed: Condvar::new(),
        }
    }

    /// Opens the gate, once. A gate that was shut stays shut: a client that is opened again has a
    /// new gate.
    pub fn open(&self) {
        let mut state = self.lock();
        if state.stage == Stage::Unopened {
            state.stage = Stage::Open;
        }
    }

    /// Lets a caller in, or says why not.
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

    /// Shuts the gate and waits until those inside are out. Idempotent: exactly one caller is told
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
                    state = wait(&self.changed, state);
                }
                Shut::First
            }
        }
    }

    /// Marks the closing as finished and wakes everyone who waits for it.
    pub fn mark_closed(&self) {
        self.lock().stage = Stage::Closed;
        self.changed.notify_all();
    }

    /// Returns when the closing that another caller began is finished.
    pub fn wait_closed(&self) {
        let mut state = self.lock();
        while state.stage == Stage::Closing {
            state = wait(&self.changed, state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.lock().inside -= 1;
        self.gate.changed.notify_all();
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
    fn shutting_waits_for_those_inside() {
        let gate = Arc::new(open_gate());
        let left = Arc::new(AtomicBool::new(false));
        let pass = gate.enter().unwrap();
        let (shutting, is_shutting) = mpsc::channel();
        let closer = {
            let (gate, left) = (Arc::clone(&gate), Arc::clone(&left));
            thread::spawn(move || {
                shutting.send(()).unwrap();
                assert_eq!(gate.shut(), Shut::First);
                assert!(left.load(Ordering::SeqCst), "shut() returned with a caller inside");
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
                assert!(closed.load(Ordering::SeqCst), "returned before the first had closed");
            })
        };
        assert_eq!(is_underway.recv().unwrap(), Shut::Underway);
        closed.store(true, Ordering::SeqCst);
        gate.mark_closed();
        second.join().unwrap();
    }
}

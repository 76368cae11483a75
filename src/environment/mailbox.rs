//! Where the lanes' threads leave their answers and JavaScript fetches them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::context::Outbox;

/// How much one fetch brings, in bytes: enough to be worth the call, little enough to leave the
/// event loop its turn.
const DELIVERY: usize = 128 * 1024;

/// Tells the JavaScript thread that there is something to fetch.
pub type Bell = Box<dyn Fn() + Send + Sync>;

/// The bell rings once for many letters: it is rung again only after the box was found empty.
pub struct Mailbox {
    state: Mutex<State>,
    bell: Bell,
}

#[derive(Default)]
struct State {
    letters: VecDeque<Letter>,
    rung: bool,
    silent: bool,
}

struct Letter {
    records: Vec<u8>,
    ends_job: bool,
}

/// What one fetch brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The records of one or more letters.
    pub records: Vec<u8>,
    /// How many jobs they end.
    pub ended: u32,
}

impl Mailbox {
    /// A mailbox with this bell.
    pub fn new(bell: Bell) -> Self {
        Self { state: Mutex::default(), bell }
    }

    /// Fetches the next letters, or nothing.
    pub fn fetch(&self) -> Option<Delivery> {
        let mut state = self.lock();
        let Some(first) = state.letters.pop_front() else {
            state.rung = false;
            return None;
        };
        let mut delivery = Delivery { records: first.records, ended: u32::from(first.ends_job) };
        while delivery.records.len() < DELIVERY {
            let Some(letter) = state.letters.pop_front() else {
                break;
            };
            delivery.records.extend_from_slice(&letter.records);
            delivery.ended += u32::from(letter.ends_job);
        }
        Some(delivery)
    }

    /// The environment ends: the bell rings no more.
    pub fn silence(&self) {
        self.lock().silent = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for Mailbox {
    fn post(&self, records: Vec<u8>, ends_job: bool) {
        let mut state = self.lock();
        state.letters.push_back(Letter { records, ends_job });
        let ring = !state.rung && !state.silent;
        state.rung = true;
        drop(state);
        if ring {
            (self.bell)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn mailbox() -> (Mailbox, Arc<AtomicU32>) {
        let rings = Arc::new(AtomicU32::new(0));
        let bell = Arc::clone(&rings);
        (
            Mailbox::new(Box::new(move || {
                bell.fetch_add(1, Ordering::SeqCst);
            })),
            rings,
        )
    }

    #[test]
    fn the_bell_rings_once_until_the_box_was_found_empty() {
        let (mailbox, rings) = mailbox();
        mailbox.post(vec![1], true);
        mailbox.post(vec![2], false);
        assert_eq!(rings.load(Ordering::SeqCst), 1);
        assert_eq!(mailbox.fetch(), Some(Delivery { records: vec![1, 2], ended: 1 }));
        mailbox.post(vec![3], true);
        assert_eq!(rings.load(Ordering::SeqCst), 1, "not yet found empty");
        assert_eq!(mailbox.fetch(), Some(Delivery { records: vec![3], ended: 1 }));
        assert_eq!(mailbox.fetch(), None);
        mailbox.post(vec![4], true);
        assert_eq!(rings.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_large_delivery_comes_in_several_fetches_and_in_order() {
        let (mailbox, _) = mailbox();
        mailbox.post(vec![1; DELIVERY], false);
        mailbox.post(vec![2], true);
        assert_eq!(mailbox.fetch().map(|delivery| delivery.records.len()), Some(DELIVERY));
        assert_eq!(mailbox.fetch(), Some(Delivery { records: vec![2], ended: 1 }));
    }

    #[test]
    fn a_silenced_mailbox_never_rings() {
        let (mailbox, rings) = mailbox();
        mailbox.silence();
        mailbox.post(vec![1], true);
        assert_eq!(rings.load(Ordering::SeqCst), 0);
    }
}

//! The mailbox of an environment. Threads put answers into it, and JavaScript fetches them.

use std::collections::{HashMap, VecDeque};

use super::shutdown_request::ShutdownRequest;
use crate::jobs::backlog::Load;
use crate::jobs::ids::JobId;
use crate::jobs::outbox::Outbox;
use crate::jobs::panics;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::wire::records::{Records, announcements};

/// The size at which a fetch takes no further letters, in bytes. It is large enough to be worth a call,
/// and small enough for the event loop to run other work in between.
const DELIVERY: usize = 128 * 1024;

/// The report of an environment that has nothing open: `ShutdownAllReport` of `index.d.ts`.
const NOTHING_OPEN: &str = r#"{"clients":[],"failures":[],"ms":0}"#;

/// The function that tells the JavaScript thread to fetch.
pub type Bell = Box<dyn Fn() + Send>;

/// A mailbox. Its bell rings once for many letters: after a ring, it rings again only once a fetch has
/// found the mailbox empty.
pub struct Mailbox {
    state: Mutex<State>,
}

struct State {
    letters: VecDeque<Letter>,
    /// The rows of cancelled calls that have not ended, in their order.
    withheld: HashMap<JobId, Vec<Letter>>,
    rung: bool,
    /// None once the mailbox is silenced or retired.
    bell: Option<Bell>,
    retired: bool,
}

enum Letter {
    /// Records. `job` is the call that they belong to, or NONE. The load is that of a lane.
    Records {
        records: Vec<u8>,
        ends_job: bool,
        job: JobId,
        load: Option<Load>,
    },
    Request(ShutdownRequest),
}

/// The result of one fetch.
#[derive(Default)]
pub struct Delivery {
    /// The records of one or more letters.
    pub records: Vec<Vec<u8>>,
    /// The number of jobs that these records end.
    pub ended: u32,
    /// The shutdown requests of other environments.
    pub requests: Vec<ShutdownRequest>,
}

impl Mailbox {
    /// An empty mailbox with this bell.
    pub fn new(bell: Bell) -> Self {
        Self {
            state: Mutex::new(State {
                letters: VecDeque::new(),
                withheld: HashMap::new(),
                rung: false,
                bell: Some(bell),
                retired: false,
            }),
        }
    }

    /// Fetches the next letters, as many as fit into `room` bytes, and at least one. None if the mailbox is
    /// empty.
    pub fn fetch(&self, room: usize) -> Option<Delivery> {
        let mut fetched = Vec::new();
        {
            let mut state = self.lock();
            let mut bytes = 0;
            while bytes < DELIVERY
                && let Some(letter) = state.next_letter()
            {
                if !fetched.is_empty() && bytes + letter.len() > room {
                    state.letters.push_front(letter);
                    break;
                }
                bytes += letter.len();
                fetched.push(letter);
            }
            if fetched.is_empty() {
                state.rung = false;
                return None;
            }
        }
        // Waking lanes needs no lock.
        let mut delivery = Delivery::default();
        for letter in fetched {
            delivery.add(letter);
        }
        Some(delivery)
    }

    /// Puts in a request to shut down the environment's clients. A retired mailbox answers it: nothing is
    /// open.
    pub fn ask(&self, request: ShutdownRequest) {
        self.put(Letter::Request(request));
    }

    /// Stops the bell of an empty mailbox, because its environment has nothing open and will not fetch
    /// any more. Returns false, and does nothing, if the mailbox is not empty.
    pub fn retire(&self) -> bool {
        let mut state = self.lock();
        if !state.letters.is_empty() {
            return false;
        }
        state.retired = true;
        let bell = state.bell.take();
        drop(state);
        drop(bell);
        true
    }

    /// Stops the bell and drops all letters, because the environment ends. The bell is dropped here, on the
    /// environment's own thread: other threads may keep the mailbox for longer.
    pub fn silence(&self) {
        let mut state = self.lock();
        let bell = state.bell.take();
        let unread = std::mem::take(&mut state.letters);
        let withheld = std::mem::take(&mut state.withheld);
        // Dropping a request posts its answer into another mailbox, so this mailbox's lock is released
        // first.
        drop(state);
        drop((bell, unread, withheld));
    }

    /// Stops the bell, because the process ends. The bell is not dropped: its environment may be gone.
    pub fn mute(&self) {
        std::mem::forget(self.lock().bell.take());
    }

    /// Puts in a letter, and rings the bell if necessary. The bell rings under the lock, so no thread can
    /// ring it after `silence` has returned. Ringing is quick: it only adds an entry to the event loop's
    /// queue.
    fn put(&self, letter: Letter) {
        let mut state = self.lock();
        let State { letters, withheld, rung, bell, retired } = &mut *state;
        if let Some(bell) = bell {
            if let Letter::Records { ends_job: true, job, .. } = &letter
                && let Some(rows) = withheld.remove(job)
            {
                // The rows of a call that has failed were dropped before. These belong to the answer.
                rows.into_iter().rev().for_each(|letter| letters.push_front(letter));
            }
            letters.push_back(letter);
            if !std::mem::replace(rung, true) {
                bell();
            }
        } else {
            let retired = *retired;
            drop(state);
            match letter {
                Letter::Request(request) if retired => request.acknowledge(NOTHING_OPEN.into()),
                other => drop(other),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Outbox for Mailbox {
    /// Posts records. The panics of the calling thread go first.
    fn post(&self, records: Vec<u8>, ends_job: bool) {
        self.post_panics();
        self.put(Letter::of(records, ends_job));
    }

    fn post_panics(&self) {
        for panic in panics::take() {
            let mut records = Records::new(JobId::NONE);
            records.panic(&panic);
            self.put(Letter::of(records.take(), false));
        }
    }

    fn post_answer(&self, job: JobId, records: Vec<u8>, ends_job: bool, load: Load) {
        self.post_panics();
        self.put(Letter::Records { records, ends_job, job, load: Some(load) });
    }

    fn post_end(&self, job: JobId, records: Vec<u8>) {
        self.post_panics();
        self.put(Letter::Records { records, ends_job: true, job, load: None });
    }

    fn withhold_rows(&self, job: JobId) {
        let mut state = self.lock();
        let has_ended = state.letters.iter().any(|letter| letter.ends(job));
        if !has_ended {
            state.withheld.entry(job).or_default();
        }
    }

    fn drop_rows(&self, job: JobId) {
        let mut dropped = Vec::new();
        let mut state = self.lock();
        let State { letters, withheld, .. } = &mut *state;
        let withheld = withheld.get_mut(&job).into_iter().flatten();
        for letter in letters.iter_mut().chain(withheld) {
            if let Letter::Records { records, ends_job: false, job: of, load } = letter
                && *of == job
            {
                let kept = announcements(records);
                dropped.push((std::mem::replace(records, kept), load.take()));
            }
        }
        // Freeing the rows and waking the lane needs no lock.
        drop(state);
    }
}

impl State {
    /// Takes the next letter for JavaScript, and sets aside the rows of cancelled calls.
    fn next_letter(&mut self) -> Option<Letter> {
        loop {
            let letter = self.letters.pop_front()?;
            let Letter::Records { ends_job: false, job, records, .. } = &letter else {
                return Some(letter);
            };
            if records.is_empty() {
                // Its rows were dropped.
            } else if let Some(withheld) = self.withheld.get_mut(job) {
                withheld.push(letter);
            } else {
                return Some(letter);
            }
        }
    }
}

impl Letter {
    /// Records that belong to no call of a lane.
    fn of(records: Vec<u8>, ends_job: bool) -> Self {
        Self::Records { records, ends_job, job: JobId::NONE, load: None }
    }

    /// Whether this letter ends the call.
    fn ends(&self, call: JobId) -> bool {
        matches!(self, Self::Records { ends_job: true, job, .. } if *job == call)
    }

    /// The number of bytes of its records.
    fn len(&self) -> usize {
        match self {
            Self::Records { records, .. } => records.len(),
            Self::Request(_) => 0,
        }
    }
}

impl Delivery {
    fn add(&mut self, letter: Letter) {
        match letter {
            Letter::Records { records, ends_job, .. } => {
                self.ended += u32::from(ends_job);
                self.records.push(records);
            }
            Letter::Request(request) => self.requests.push(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::backlog::{Backlog, MOST};
    use crate::value::Value;
    use crate::wire::records::tests::{Read, read};
    use crate::wire::records::{Outcome, RowsChunk};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    const ROOM: usize = 2 * DELIVERY;

    fn fetch(mailbox: &Mailbox) -> Option<(Vec<u8>, u32)> {
        mailbox.fetch(ROOM).map(|delivery| (delivery.records.concat(), delivery.ended))
    }

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
    fn the_bell_rings_once_until_a_fetch_finds_the_mailbox_empty() {
        let (mailbox, rings) = mailbox();
        mailbox.post(vec![1], true);
        mailbox.post(vec![2], false);
        assert_eq!(rings.load(Ordering::SeqCst), 1);
        assert_eq!(fetch(&mailbox), Some((vec![1, 2], 1)));
        mailbox.post(vec![3], true);
        assert_eq!(rings.load(Ordering::SeqCst), 1, "not yet found empty");
        assert_eq!(fetch(&mailbox), Some((vec![3], 1)));
        assert_eq!(fetch(&mailbox), None);
        mailbox.post(vec![4], true);
        assert_eq!(rings.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_large_delivery_comes_in_several_fetches_and_in_order() {
        let (mailbox, _) = mailbox();
        mailbox.post(vec![1; DELIVERY], false);
        mailbox.post(vec![2], true);
        assert_eq!(fetch(&mailbox).map(|(records, _)| records.len()), Some(DELIVERY));
        assert_eq!(fetch(&mailbox), Some((vec![2], 1)));
    }

    #[test]
    fn a_request_is_answered_exactly_once() {
        let (asker, _) = mailbox();
        let asker = Arc::new(asker);
        let request = |job| {
            let asker: Arc<dyn Outbox> = asker.clone();
            ShutdownRequest::new(asker, JobId(job), true, Duration::ZERO)
        };
        let answer = || read(&fetch(&asker).unwrap().0).pop().unwrap();
        let (asked, rings) = mailbox();

        asked.ask(request(1));
        assert_eq!(rings.load(Ordering::SeqCst), 1);
        let mut delivery = asked.fetch(ROOM).unwrap();
        assert!(fetch(&asker).is_none(), "there is no answer yet");
        delivery.requests.pop().unwrap().acknowledge("done".into());
        assert_eq!(answer(), (1, Read::Acknowledged(Some("done".into()))));

        asked.ask(request(2));
        asked.silence();
        assert_eq!(
            answer(),
            (2, Read::Acknowledged(None)),
            "the environment ended before it read the request"
        );
        asked.ask(request(3));
        assert_eq!(answer(), (3, Read::Acknowledged(None)), "the request came after the end");
        assert!(fetch(&asker).is_none());
    }

    #[test]
    fn a_mailbox_retires_only_empty_and_then_answers_itself() {
        let (asker, _) = mailbox();
        let asker = Arc::new(asker);
        let (asked, rings) = mailbox();
        asked.post(vec![1], true);
        assert!(!asked.retire());
        assert_eq!(fetch(&asked), Some((vec![1], 1)));
        assert!(asked.retire());
        asked.ask(ShutdownRequest::new(asker.clone(), JobId(3), false, Duration::ZERO));
        asked.post(vec![2], true);
        assert_eq!(rings.load(Ordering::SeqCst), 1, "of the first letter");
        assert_eq!(
            read(&fetch(&asker).unwrap().0).pop(),
            Some((3, Read::Acknowledged(Some(NOTHING_OPEN.into()))))
        );
    }

    #[test]
    fn a_silenced_mailbox_never_rings() {
        let (mailbox, rings) = mailbox();
        mailbox.silence();
        mailbox.post(vec![1], true);
        assert_eq!(rings.load(Ordering::SeqCst), 0);
    }

    fn shape(job: u32, shape: u32) -> Vec<u8> {
        let mut records = Records::new(JobId(job));
        records.shape(shape, [("a", "")].into_iter());
        records.take()
    }

    fn rows(job: u32, shape: u32) -> Vec<u8> {
        let mut records = Records::new(JobId(job));
        let mut chunk = RowsChunk::new(shape);
        chunk.begin_row(shape);
        chunk.cell(Value::Integer(1), true).unwrap();
        chunk.end_row().unwrap();
        records.rows(&mut chunk);
        records.take()
    }

    fn done(job: u32) -> Vec<u8> {
        let mut records = Records::new(JobId(job));
        records.done(Outcome::default());
        records.take()
    }

    /// What a fetch of all letters answers: the jobs and the names of the records.
    fn fetch_all(mailbox: &Mailbox) -> Vec<(u32, &'static str)> {
        let mut bytes = shape(0, 1);
        while let Some((records, _)) = fetch(mailbox) {
            bytes.extend(records);
        }
        let names = read(&bytes).into_iter().skip(1).map(|(job, record)| {
            let name = match record {
                Read::Shape(..) => "shape",
                Read::Rows(..) => "rows",
                Read::Done { .. } => "done",
                _ => "other",
            };
            (job, name)
        });
        names.collect()
    }

    struct Lane(Arc<Backlog>);

    impl Lane {
        fn post(&self, mailbox: &Mailbox, job: u32, records: Vec<u8>, ends_job: bool) {
            let load = self.0.add(MOST);
            mailbox.post_answer(JobId(job), records, ends_job, load);
        }
    }

    #[test]
    fn the_rows_of_a_failed_call_are_dropped_and_its_shapes_are_kept() {
        let (mailbox, _) = mailbox();
        let lane = Lane(Arc::new(Backlog::new(Arc::default())));
        lane.post(&mailbox, 1, [shape(1, 1), rows(1, 1)].concat(), false);
        lane.post(&mailbox, 1, rows(1, 1), false);
        lane.post(&mailbox, 2, rows(2, 1), false);
        lane.post(&mailbox, 2, done(2), true);
        mailbox.drop_rows(JobId(1));
        lane.post(&mailbox, 1, done(1), true);
        assert_eq!(fetch_all(&mailbox), [(1, "shape"), (2, "rows"), (2, "done"), (1, "done")]);
    }

    #[test]
    fn dropping_rows_makes_room_and_leaves_no_empty_letter() {
        let (mailbox, _) = mailbox();
        let lane = Lane(Arc::new(Backlog::new(Arc::default())));
        lane.post(&mailbox, 1, rows(1, 1), false);
        lane.post(&mailbox, 1, rows(1, 1), false);
        let backlog = Arc::clone(&lane.0);
        let waiter = std::thread::spawn(move || backlog.wait_for_room());
        mailbox.drop_rows(JobId(1));
        assert_eq!(waiter.join().unwrap(), Ok(()));
        assert_eq!(fetch(&mailbox), None);
        lane.post(&mailbox, 1, done(1), true);
        assert_eq!(fetch(&mailbox).map(|(_, ended)| ended), Some(1));
    }

    #[test]
    fn the_rows_of_a_cancelled_call_are_kept_back_until_it_ends() {
        let (mailbox, rings) = mailbox();
        let lane = Lane(Arc::new(Backlog::new(Arc::default())));
        lane.post(&mailbox, 1, rows(1, 1), false);
        mailbox.withhold_rows(JobId(1));
        assert_eq!(fetch_all(&mailbox), []);
        lane.post(&mailbox, 2, rows(2, 1), false);
        lane.post(&mailbox, 1, shape(1, 2), false);
        assert_eq!(fetch_all(&mailbox), [(2, "rows")]);
        lane.post(&mailbox, 1, done(1), true);
        let rung = rings.load(Ordering::SeqCst);
        assert_eq!(fetch_all(&mailbox), [(1, "rows"), (1, "shape"), (1, "done")], "it succeeded");
        assert_eq!(rung, 3, "each time that the mailbox was empty");

        lane.post(&mailbox, 3, rows(3, 1), false);
        mailbox.withhold_rows(JobId(3));
        assert_eq!(fetch_all(&mailbox), []);
        mailbox.drop_rows(JobId(3));
        lane.post(&mailbox, 3, done(3), true);
        assert_eq!(fetch_all(&mailbox), [(3, "done")], "it failed");
    }

    /// A call that has run with others, and was taken back, is rejected without an answer of its lane.
    #[test]
    fn nothing_is_kept_of_a_cancelled_call_that_is_rejected() {
        let (mailbox, _) = mailbox();
        mailbox.withhold_rows(JobId(1));
        mailbox.post_end(JobId(1), done(1));
        assert!(mailbox.lock().withheld.is_empty());
        assert_eq!(fetch_all(&mailbox), [(1, "done")]);
    }

    #[test]
    fn a_call_that_has_ended_is_not_withheld() {
        let (mailbox, _) = mailbox();
        let lane = Lane(Arc::new(Backlog::new(Arc::default())));
        lane.post(&mailbox, 1, rows(1, 1), false);
        lane.post(&mailbox, 1, done(1), true);
        mailbox.withhold_rows(JobId(1));
        assert_eq!(fetch_all(&mailbox), [(1, "rows"), (1, "done")]);
        lane.post(&mailbox, 1, rows(1, 1), false);
        assert_eq!(fetch_all(&mailbox), [(1, "rows")], "the number is used again");
    }

    #[test]
    fn a_silenced_mailbox_keeps_no_lane_waiting() {
        let (mailbox, _) = mailbox();
        let lane = Lane(Arc::new(Backlog::new(Arc::default())));
        lane.post(&mailbox, 1, rows(1, 1), false);
        mailbox.silence();
        for _ in 0..3 {
            lane.post(&mailbox, 1, rows(1, 1), false);
        }
        let backlog = Arc::clone(&lane.0);
        assert_eq!(std::thread::spawn(move || backlog.wait_for_room()).join().unwrap(), Ok(()));
    }
}

//! Tests of one lane.

use super::*;
use std::sync::mpsc::{self, Receiver, Sender};

/// An event in the life of a job.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Started(u32),
    Ran(u32),
    Rejected(u32, CancelReason),
    Interrupted(u32, CancelReason),
}

struct TestJob {
    id: u32,
    events: Sender<Event>,
    /// If set, the job runs until a message arrives here, or until it is cancelled.
    until: Option<Receiver<()>>,
}

impl Job for TestJob {
    fn id(&self) -> JobId {
        JobId(self.id)
    }
    fn reject(self, reason: CancelReason) {
        self.events.send(Event::Rejected(self.id, reason)).unwrap();
    }
}

struct TestWork {
    cancel: Arc<Cancel>,
    wake: Arc<(Mutex<()>, Condvar)>,
}

struct TestAnswer {
    event: Event,
    events: Sender<Event>,
}

impl Answer for TestAnswer {
    fn send(self) {
        self.events.send(self.event).unwrap();
    }
}

impl Work for TestWork {
    type Job = TestJob;
    type Answer = TestAnswer;
    fn run(&mut self, job: TestJob, _: &dyn Behind<TestJob>) -> TestAnswer {
        let answer = |event| TestAnswer { event, events: job.events.clone() };
        job.events.send(Event::Started(job.id)).unwrap();
        if let Some(until) = &job.until {
            let mut guard = self.wake.0.lock().unwrap();
            loop {
                if let Some(reason) = self.cancel.reason() {
                    return answer(Event::Interrupted(job.id, reason));
                }
                if until.try_recv().is_ok() {
                    break;
                }
                guard = self.wake.1.wait_timeout(guard, Duration::from_millis(1)).unwrap().0;
            }
        }
        answer(Event::Ran(job.id))
    }
}

struct Bench {
    lane: Lane<TestWork>,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Bench {
    fn new() -> Self {
        let cancel = Arc::new(Cancel::default());
        let wake = Arc::new((Mutex::new(()), Condvar::new()));
        let interrupt: Interrupt = {
            let wake = Arc::clone(&wake);
            Arc::new(move || wake.1.notify_all())
        };
        let work = TestWork { cancel: Arc::clone(&cancel), wake };
        let (sender, events) = mpsc::channel();
        Self { lane: Lane::new("test".into(), work, cancel, interrupt, None), sender, events }
    }

    fn push(&self, id: u32) {
        self.lane.push(TestJob { id, events: self.sender.clone(), until: None });
    }

    /// Queues a job that runs until the returned sender sends.
    fn push_long(&self, id: u32) -> Sender<()> {
        let (finish, until) = mpsc::channel();
        self.lane.push(TestJob { id, events: self.sender.clone(), until: Some(until) });
        finish
    }

    fn next(&self) -> Event {
        self.events.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

#[test]
fn jobs_run_in_the_order_of_their_calls() {
    let bench = Bench::new();
    for id in 0..100 {
        bench.push(id);
    }
    for id in 0..100 {
        assert_eq!(bench.next(), Event::Started(id));
        assert_eq!(bench.next(), Event::Ran(id));
    }
}

#[test]
fn a_lane_goes_on_after_a_panic_in_place() {
    let bench = Bench::new();
    let run = || bench.lane.run_in_place(JobId(1), |_, _| -> Option<()> { panic!("a defect") });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    assert_eq!(bench.lane.run_in_place(JobId(2), |_, _| Some(2)), Some(2));
    bench.push(3);
    assert_eq!(bench.next(), Event::Started(3));
    assert_eq!(bench.next(), Event::Ran(3));
}

#[test]
fn no_thread_is_started_before_the_first_job() {
    let bench = Bench::new();
    assert!(bench.lane.thread.lock().unwrap().is_none());
    assert!(bench.lane.join().is_some());
}

#[test]
fn stopping_rejects_the_queued_and_interrupts_the_running_job() {
    let bench = Bench::new();
    let _finish = bench.push_long(1);
    assert_eq!(bench.next(), Event::Started(1));
    bench.push(2);
    bench.push(3);
    bench.lane.stop(CancelReason::ClientClosed);
    assert!(bench.lane.join().is_some(), "the first join returns the work");
    assert!(bench.lane.join().is_none(), "a second join returns nothing");
    drop(bench.sender);
    let mut events: Vec<_> = bench.events.iter().collect();
    events.sort_by_key(|event| format!("{event:?}"));
    assert_eq!(
        events,
        [
            Event::Interrupted(1, CancelReason::ClientClosed),
            Event::Rejected(2, CancelReason::ClientClosed),
            Event::Rejected(3, CancelReason::ClientClosed),
        ]
    );
}

#[test]
fn a_stopped_lane_rejects_later_jobs() {
    let bench = Bench::new();
    bench.lane.stop(CancelReason::ClientClosed);
    bench.push(9);
    assert_eq!(bench.next(), Event::Rejected(9, CancelReason::ClientClosed));
}

#[test]
fn sealing_lets_the_queued_jobs_finish() {
    let bench = Bench::new();
    let finish = bench.push_long(1);
    assert_eq!(bench.next(), Event::Started(1));
    bench.push(2);
    bench.lane.seal();
    bench.push(3);
    assert_eq!(bench.next(), Event::Rejected(3, CancelReason::ClientClosed));
    finish.send(()).unwrap();
    assert!(bench.lane.wait_idle(None, &|| false));
    assert_eq!(bench.next(), Event::Ran(1));
    assert_eq!(bench.next(), Event::Started(2));
    assert_eq!(bench.next(), Event::Ran(2));
    assert!(bench.lane.join().is_some());
}

#[test]
fn a_cancel_ends_its_own_job_and_not_the_next_one() {
    let bench = Bench::new();
    let _first = bench.push_long(1);
    assert_eq!(bench.next(), Event::Started(1));
    let second = bench.push_long(2);
    assert_eq!(bench.lane.cancel(JobId(1), CancelReason::Aborted), Cancelled::Running);
    assert_eq!(bench.next(), Event::Interrupted(1, CancelReason::Aborted));
    assert_eq!(bench.next(), Event::Started(2));
    assert_eq!(bench.lane.cancel(JobId(1), CancelReason::Aborted), Cancelled::Gone);
    second.send(()).unwrap();
    assert_eq!(bench.next(), Event::Ran(2));
}

#[test]
fn a_queued_job_is_cancelled_without_running() {
    let bench = Bench::new();
    let first = bench.push_long(1);
    assert_eq!(bench.next(), Event::Started(1));
    bench.push(2);
    assert_eq!(bench.lane.cancel(JobId(2), CancelReason::Aborted), Cancelled::Queued);
    assert_eq!(bench.next(), Event::Rejected(2, CancelReason::Aborted));
    first.send(()).unwrap();
    assert_eq!(bench.next(), Event::Ran(1));
    assert!(bench.lane.wait_idle(None, &|| false));
    assert!(bench.events.try_recv().is_err());
}

#[test]
fn waiting_for_an_idle_lane_ends_at_the_deadline_or_in_a_hurry() {
    let bench = Bench::new();
    let finish = bench.push_long(1);
    assert_eq!(bench.next(), Event::Started(1));
    assert!(!bench.lane.wait_idle(Some(Instant::now()), &|| false));
    assert!(!bench.lane.wait_idle(None, &|| true));
    finish.send(()).unwrap();
    assert!(bench.lane.wait_idle(None, &|| false));
}

/// A place in the run of a [`Pair`], and the flag there.
type Told = (&'static str, Option<CancelReason>);

/// Runs two jobs as one. `at` tells where it is, and it goes on once a message arrives. The first time, it puts both
/// back.
struct Pair {
    cancel: Arc<Cancel>,
    at: Sender<Told>,
    go_on: Receiver<()>,
    is_over: bool,
}

impl Pair {
    fn lane() -> (Lane<Self>, Receiver<Told>, Sender<()>) {
        let cancel = Arc::new(Cancel::default());
        let (at, told) = mpsc::channel();
        let (go, go_on) = mpsc::channel();
        let work = Self { cancel: Arc::clone(&cancel), at, go_on, is_over: false };
        (Lane::new("test".into(), work, cancel, Arc::new(|| ()), None), told, go)
    }

    fn tell(&self, place: &'static str) {
        self.at.send((place, self.cancel.reason())).unwrap();
        self.go_on.recv().unwrap();
    }
}

impl Work for Pair {
    type Job = TestJob;
    type Answer = TestAnswer;
    fn run(&mut self, job: TestJob, behind: &dyn Behind<TestJob>) -> TestAnswer {
        let event = if self.is_over { Event::Ran(job.id) } else { Event::Started(job.id) };
        let answer = TestAnswer { event, events: job.events.clone() };
        if !std::mem::replace(&mut self.is_over, true) {
            self.tell("first");
            let second = behind.take_next(&|_| true).unwrap();
            self.tell("second");
            behind.have_run();
            self.tell("end");
            self.tell("late end");
            behind.put_back(vec![job, second]);
        }
        answer
    }
}

fn expect(told: &Receiver<Told>, at: (&str, Option<CancelReason>)) {
    assert_eq!(told.recv_timeout(Duration::from_secs(30)).unwrap(), at);
}

#[test]
fn a_cancel_of_a_job_that_has_run_with_others_ends_the_wait_of_their_common_end() {
    for is_early in [true, false] {
        let (lane, told, go) = Pair::lane();
        let (events, ends) = mpsc::channel();
        let job = |id| TestJob { id, events: events.clone(), until: None };
        lane.push(job(1));
        expect(&told, ("first", None));
        lane.push(job(2));
        go.send(()).unwrap();
        expect(&told, ("second", None));
        let cancel =
            || assert_eq!(lane.cancel(JobId(1), CancelReason::Aborted), Cancelled::Running);
        if is_early {
            cancel();
            assert_eq!(lane.shared.cancel.reason(), None, "the other one runs");
        }
        go.send(()).unwrap();
        expect(&told, ("end", is_early.then_some(CancelReason::Aborted)));
        if !is_early {
            cancel();
        }
        go.send(()).unwrap();
        expect(&told, ("late end", Some(CancelReason::Aborted)));
        go.send(()).unwrap();
        lane.seal();
        assert!(lane.join().is_some());
        drop(events);
        let ends: Vec<_> = ends.iter().collect();
        let rejected = Event::Rejected(1, CancelReason::Aborted);
        assert_eq!(ends, [rejected, Event::Started(1), Event::Ran(2)]);
    }
}

#[test]
fn a_cancel_of_all_jobs_is_not_lost_behind_that_of_the_running_one() {
    let (lane, told, go) = Pair::lane();
    let (events, ends) = mpsc::channel();
    let job = |id| TestJob { id, events: events.clone(), until: None };
    lane.push(job(1));
    expect(&told, ("first", None));
    lane.push(job(2));
    go.send(()).unwrap();
    expect(&told, ("second", None));
    assert_eq!(lane.cancel(JobId(2), CancelReason::Aborted), Cancelled::Running);
    lane.stop(CancelReason::ClientClosed);
    go.send(()).unwrap();
    expect(&told, ("end", Some(CancelReason::ClientClosed)));
    go.send(()).unwrap();
    expect(&told, ("late end", Some(CancelReason::ClientClosed)));
    go.send(()).unwrap();
    assert!(lane.join().is_some());
    drop(events);
    let ends: Vec<_> = ends.iter().collect();
    let rejected = [(1, CancelReason::ClientClosed), (2, CancelReason::Aborted)]
        .map(|(id, why)| Event::Rejected(id, why));
    let [first, second] = rejected;
    assert_eq!(ends, [first, second, Event::Started(1)]);
}

//! Tests of the order, without lanes.

use super::*;

/// A line whose calls are their names.
struct Bench(Line<&'static str>);

impl Bench {
    fn new(readers: usize, calls: &[(&'static str, Class)]) -> Self {
        let mut bench = Self(Line::new(readers, false));
        for (call, class) in calls {
            bench.enter(call, *class);
        }
        bench
    }

    fn enter(&mut self, call: &'static str, class: Class) {
        self.0.enter(CallNumber::next(), JobId::NONE, class, call);
    }

    /// What starts now: each call with the lane, `m` for the main lane, `t` for that of a transaction.
    fn started(&mut self) -> String {
        let steps = std::iter::from_fn(|| self.0.next());
        let text = |step| match step {
            Step::Start(call, Way::Main) => format!("{call}:m"),
            Step::Start(call, Way::Transaction) => format!("{call}:t"),
            Step::Start(call, Way::Cursor(_)) => format!("{call}:c"),
            Step::Start(call, Way::Reader(reader)) => format!("{call}:{reader}"),
            Step::Rest(reader) => format!("rest:{reader}"),
        };
        steps.map(text).collect::<Vec<_>>().join(" ")
    }
}

use Class::{
    Alone, Begin, BeginCursor, BeginRead, LongRead as Long, Main as Write, ShortRead as Short,
};

#[test]
fn a_long_read_waits_for_the_writes_before_it_and_the_writes_behind_it_until_it_has_begun() {
    let mut bench =
        Bench::new(2, &[("a", Write), ("b", Write), ("r", Long), ("c", Write), ("s", Short)]);
    assert_eq!(bench.started(), "a:m b:m");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "r:0");
    bench.0.begun(0);
    assert_eq!(bench.started(), "c:m s:m");
}

#[test]
fn long_reads_overlap_and_more_than_there_are_lanes_wait() {
    let mut bench = Bench::new(2, &[("a", Long), ("b", Long), ("c", Long), ("d", Write)]);
    assert_eq!(bench.started(), "a:0 b:1");
    bench.0.begun(0);
    bench.0.begun(1);
    assert_eq!(bench.started(), "");
    bench.0.ended(Way::Reader(1));
    assert_eq!(bench.started(), "c:1");
    bench.0.begun(1);
    assert_eq!(bench.started(), "d:m");
}

#[test]
fn short_reads_do_not_wait_for_long_ones_that_have_no_lane() {
    let mut bench = Bench::new(1, &[("a", Long), ("b", Long), ("r", Short), ("s", Short)]);
    assert_eq!(bench.started(), "a:0 r:m s:m");
    bench.0.begun(0);
    bench.enter("q", Short);
    assert_eq!(bench.started(), "q:m");
    bench.0.ended(Way::Main);
    bench.0.ended(Way::Reader(0));
    bench.enter("t", Short);
    assert_eq!(bench.started(), "", "the long read waits until the main lane has nothing to do");
    bench.0.ended(Way::Main);
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "b:0 t:m");
    bench.0.begun(0);
    bench.0.ended(Way::Main);
    bench.enter("c", Long);
    bench.enter("w", Write);
    bench.enter("u", Short);
    assert_eq!(bench.started(), "", "it sees the write");
}

#[test]
fn reads_do_not_wait_for_a_write_that_waits() {
    let mut bench = Bench::new(2, &[("a", Write), ("r", Long)]);
    assert_eq!(bench.started(), "a:m");
    bench.0.set_blocked(WaitNumber(1), true);
    bench.enter("b", Write);
    bench.enter("s", Short);
    assert_eq!(bench.started(), "r:0 s:1");
    bench.0.begun(0);
    bench.0.begun(1);
    assert_eq!(bench.started(), "b:m", "it waits behind the first write, on the main lane");
    bench.0.ended(Way::Reader(0));
    bench.enter("u", Short);
    assert_eq!(bench.started(), "u:0");
    bench.0.ended(Way::Main);
    bench.0.ended(Way::Reader(0));
    bench.enter("v", Long);
    assert_eq!(bench.started(), "", "the second write is running");
}

#[test]
fn a_read_overtakes_writes_that_wait_for_a_read_to_begin_while_the_main_lane_is_blocked() {
    let mut bench = Bench::new(2, &[("a", Write)]);
    assert_eq!(bench.started(), "a:m");
    bench.0.set_blocked(WaitNumber(1), true);
    bench.enter("r", Long);
    bench.enter("b", Write);
    bench.enter("s", Long);
    assert_eq!(bench.started(), "r:0 s:1");
}

#[test]
fn in_an_explicit_transaction_everything_is_on_the_main_lane() {
    let mut bench = Bench::new(2, &[("begin", Write), ("r", Long), ("a", Write)]);
    assert_eq!(bench.started(), "begin:m");
    bench.0.set_explicit(true);
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "r:m a:m");
    bench.0.set_explicit(false);
    bench.0.ended(Way::Main);
    bench.0.ended(Way::Main);
    bench.enter("s", Long);
    assert_eq!(bench.started(), "s:0");
}

#[test]
fn beside_a_rollback_journal_reads_run_aside_only_while_the_main_lane_is_blocked() {
    let mut bench = Bench::new(1, &[("r", Long)]);
    bench.0.set_aside(Aside::WhileBlocked);
    assert_eq!(bench.started(), "r:m");
    bench.0.set_blocked(WaitNumber(1), true);
    bench.enter("s", Long);
    assert_eq!(bench.started(), "s:0");
    bench.0.set_aside(Aside::Never);
    bench.0.ended(Way::Reader(0));
    bench.enter("t", Short);
    assert_eq!(bench.started(), "t:m");
}

#[test]
fn what_needs_the_file_alone_waits_for_the_reads_and_closes_their_connections() {
    let mut bench = Bench::new(2, &[("r", Long), ("a", Alone), ("s", Long)]);
    assert_eq!(bench.started(), "r:0");
    bench.0.begun(0);
    assert_eq!(bench.started(), "");
    bench.0.ended(Way::Reader(0));
    assert_eq!(bench.started(), "rest:0");
    bench.0.set_connection(0, false);
    bench.0.ended(Way::Reader(0));
    assert_eq!(bench.started(), "a:m");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "s:0");
}

#[test]
fn a_reader_lane_that_rests_while_a_call_comes_has_a_connection_again() {
    let mut bench = Bench::new(1, &[("r", Long)]);
    assert_eq!(bench.started(), "r:0");
    bench.0.rested(0);
    bench.0.begun(0);
    bench.0.ended(Way::Reader(0));
    bench.enter("a", Alone);
    assert_eq!(bench.started(), "rest:0");
    bench.0.set_connection(0, false);
    bench.0.ended(Way::Reader(0));
    assert_eq!(bench.started(), "a:m");
    bench.0.ended(Way::Main);
    bench.enter("s", Long);
    assert_eq!(bench.started(), "s:0");
    bench.0.begun(0);
    bench.0.ended(Way::Reader(0));
    bench.0.rested(0);
    bench.enter("b", Alone);
    assert_eq!(bench.started(), "b:m");
}

#[test]
fn while_a_call_waits_that_needs_the_file_alone_no_reader_lane_gets_a_connection() {
    let mut bench = Bench::new(1, &[("a", Write), ("b", Alone)]);
    assert_eq!(bench.started(), "a:m");
    bench.0.set_blocked(WaitNumber(1), true);
    bench.enter("r", Short);
    assert_eq!(bench.started(), "r:0", "the call that needs the file alone has not started");
    bench.0.begun(0);
    bench.0.ended(Way::Reader(0));
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "rest:0");
    bench.0.set_connection(0, false);
    bench.0.ended(Way::Reader(0));
    assert_eq!(bench.started(), "b:m");
    bench.0.set_blocked(WaitNumber(1), true);
    bench.enter("s", Short);
    bench.enter("t", Long);
    assert_eq!(bench.started(), "s:m");
    bench.0.ended(Way::Main);
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "t:0");
}

#[test]
fn what_needs_the_file_alone_closes_reader_lanes_that_are_not_used_any_more() {
    let mut bench = Bench::new(1, &[("r", Long), ("temp", Write), ("a", Alone)]);
    assert_eq!(bench.started(), "r:0");
    bench.0.begun(0);
    bench.0.set_aside(Aside::Never);
    assert_eq!(bench.started(), "temp:m");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "");
    bench.0.ended(Way::Reader(0));
    assert_eq!(bench.started(), "rest:0");
}

#[test]
fn a_transaction_begins_behind_the_calls_before_it_but_not_behind_one_that_waits() {
    let mut bench = Bench::new(1, &[("a", Write), ("begin", Begin), ("b", Write)]);
    assert_eq!(bench.started(), "a:m");
    bench.0.set_blocked(WaitNumber(1), true);
    assert_eq!(bench.started(), "begin:t b:m");
    bench.enter("begin", Begin);
    assert_eq!(bench.started(), "", "b has not come to the writer queue");
    bench.enter("read", BeginRead);
    assert_eq!(bench.started(), "");
    let mut bench = Bench::new(1, &[("a", Write), ("b", Write), ("read", BeginRead)]);
    assert_eq!(bench.started(), "a:m b:m");
    bench.0.set_blocked(WaitNumber(1), true);
    assert_eq!(bench.started(), "read:t");
    let mut bench = Bench::new(1, &[("a", Write), ("begin", Class::BeginOnMain)]);
    assert_eq!(bench.started(), "a:m");
    bench.0.set_blocked(WaitNumber(1), true);
    assert_eq!(bench.started(), "");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "begin:t");
    let mut bench = Bench::new(0, &[("a", Write), ("begin", Begin)]);
    assert_eq!(bench.started(), "a:m");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "begin:t");
}

#[test]
fn a_call_that_is_handed_on_comes_before_those_behind_it() {
    let mut line = Line::new(1, false);
    let numbers: Vec<_> = std::iter::repeat_with(CallNumber::next).take(2).collect();
    line.enter(numbers[0], JobId(1), Short, "r");
    assert_eq!(line.next(), Some(Step::Start("r", Way::Main)));
    line.enter(numbers[1], JobId(2), Write, "a");
    assert_eq!(line.next(), Some(Step::Start("a", Way::Main)));
    // The read is long, and what the main lane has not begun comes back.
    line.ended(Way::Main);
    line.left(Way::Main);
    line.enter(numbers[1], JobId(2), Write, "a");
    line.enter(numbers[0], JobId(1), Long, "r");
    assert_eq!(line.next(), Some(Step::Start("r", Way::Reader(0))));
    assert_eq!(line.next(), None);
    line.begun(0);
    assert_eq!(line.next(), Some(Step::Start("a", Way::Main)));
    assert!(line.is_free() && !line.is_done());
    line.ended(Way::Main);
    line.ended(Way::Reader(0));
    assert!(line.is_done());
}

#[test]
fn a_cancelled_call_is_no_longer_in_the_way() {
    let mut line = Line::new(1, false);
    line.enter(CallNumber::next(), JobId(1), Write, "a");
    assert_eq!(line.next(), Some(Step::Start("a", Way::Main)));
    line.enter(CallNumber::next(), JobId(2), Long, "r");
    line.enter(CallNumber::next(), JobId(3), Write, "b");
    assert_eq!(line.next(), None);
    assert_eq!(line.remove(JobId(2)), Some("r"));
    assert_eq!(line.remove(JobId(2)), None);
    assert_eq!(line.next(), Some(Step::Start("b", Way::Main)));
}

#[test]
fn a_call_starts_at_once_only_where_it_would_be_the_next_one() {
    let mut bench = Bench::new(1, &[]);
    assert!(bench.0.start_at_once(Write) && bench.0.start_at_once(Short));
    assert!(!bench.0.start_at_once(Long) && !bench.0.start_at_once(Alone));
    assert!(!bench.0.start_at_once(Begin));
    bench.0.set_blocked(WaitNumber(1), true);
    assert!(!bench.0.start_at_once(Short));
    bench.0.ended(Way::Main);
    bench.enter("r", Long);
    assert!(!bench.0.start_at_once(Write), "r is before it");
    bench.0.ended(Way::Main);
    assert_eq!(bench.started(), "r:0");
    assert!(!bench.0.start_at_once(Write), "r has not begun");
    assert!(bench.0.start_at_once(Short));
    bench.0.begun(0);
    assert!(bench.0.start_at_once(Write));
}

#[test]
fn no_checkpoint_begins_while_what_needs_the_file_alone_waits() {
    let mut line = Line::<&str>::new(1, true);
    assert_eq!(line.begin_checkpoint(Pass::Beside), Some(1));
    line.enter(CallNumber::next(), JobId::NONE, Alone, "vacuum");
    assert_eq!(line.next(), None);
    // Behind it there may be a transaction that has a place before the checkpoint, and begins after the VACUUM.
    assert_eq!(line.begin_checkpoint(Pass::Held), None);
    line.ended(Way::Reader(1));
    line.set_connection(1, false);
    assert_eq!(line.next(), Some(Step::Start("vacuum", Way::Main)));
    line.ended(Way::Main);
    assert_eq!(line.begin_checkpoint(Pass::Held), Some(1));
    line.enter(CallNumber::next(), JobId::NONE, Alone, "vacuum");
    assert_eq!(line.take_all().count(), 1);
    assert_eq!(line.begin_checkpoint(Pass::Held), Some(1));
}

#[test]
fn a_checkpoint_is_in_the_way_of_what_needs_the_file_alone_only() {
    let mut line = Line::new(0, true);
    let (short, alone) = (JobId(1), JobId(2));
    assert_eq!(line.begin_checkpoint(Pass::Beside), Some(0));
    // Others may wait, if they are more urgent.
    assert_eq!(line.begin_checkpoint(Pass::Beside), None);
    assert_eq!(line.begin_checkpoint(Pass::Whole), Some(0));
    assert_eq!(line.begin_checkpoint(Pass::Whole), None);
    line.enter(CallNumber::next(), short, Class::Main, "write");
    assert_eq!(line.next(), Some(Step::Start("write", Way::Main)));
    line.enter(CallNumber::next(), alone, Class::Alone, "alone");
    line.ended(Way::Main);
    assert_eq!(line.next(), None);
    line.ended(Way::Reader(0));
    assert_eq!(line.next(), None);
    line.ended(Way::Reader(0));
    assert_eq!(line.next(), Some(Step::Rest(0)));
    // Its lane is being closed.
    assert_eq!(line.begin_checkpoint(Pass::Held), None);
    line.set_connection(0, false);
    line.ended(Way::Reader(0));
    assert_eq!(line.next(), Some(Step::Start("alone", Way::Main)));
    assert_eq!(line.begin_checkpoint(Pass::Held), None);
    line.ended(Way::Main);
    assert_eq!(line.begin_checkpoint(Pass::Beside), Some(0));
}

#[test]
fn writes_wait_until_the_cursor_before_them_has_begun_to_read_or_has_ended() {
    for aside in [Aside::Always, Aside::Never] {
        let mut bench = Bench::new(1, &[]);
        bench.0.set_aside(aside);
        let (first, second) = (CallNumber::next(), CallNumber::next());
        bench.0.enter(first, JobId::NONE, BeginCursor, "first");
        bench.enter("r", Short);
        bench.0.enter(second, JobId::NONE, BeginCursor, "second");
        bench.enter("w", Write);
        bench.enter("t", Begin);
        assert_eq!(bench.started(), "first:c second:c r:m");
        bench.0.ended(Way::Main);
        bench.0.cursor_has_begun(first);
        assert_eq!(bench.started(), "");
        bench.0.ended(Way::Cursor(second));
        assert_eq!(bench.started(), "w:m");
        bench.0.ended(Way::Cursor(first));
        bench.0.ended(Way::Main);
        assert_eq!(bench.started(), "t:t");
    }
}

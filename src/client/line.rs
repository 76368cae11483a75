//! The order of a client's calls outside of transactions.
//!
//! Calls start in the order in which they are made, and reads overlap. A read waits for the writes before it,
//! but not for one that waits itself. A write waits until the reads before it have begun, not until they have
//! ended. Short reads do not wait for long ones that have no lane yet.
//!
//! Everything but long reads runs on the main lane, one call after the other. A read that has shown itself long
//! runs on a reader lane, and every read does while the main lane is blocked.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::jobs::ids::{CallNumber, JobId};

/// What the order has to know of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The call runs on the main lane.
    Main,
    /// The call runs on the main lane, while no reader lane has a connection. Later reads wait for it, also while it
    /// waits itself.
    Alone,
    /// The call reads, as far as its text says, and is not known to take long.
    ShortRead,
    /// The call reads, and takes long.
    LongRead,
    /// The call begins a transaction, which has a lane of its own.
    Begin,
    /// The call begins a transaction which has taken the main lane, or which writes: it waits for every call on that
    /// lane, as a write does.
    BeginAfterMain,
}

/// The longest text that is searched for words. A longer one is taken to have them.
const LONGEST_SEARCHED: usize = 64 * 1024;

/// What needs a file that no other connection of the client has open, or reads.
const NEEDS_TO_BE_ALONE: [&str; 4] = ["journal_mode", "locking_mode", "wal_checkpoint", "vacuum"];

impl Class {
    /// The class of a statement that has not run yet.
    pub fn of_statement(sql: &str) -> Self {
        const READING: [&str; 2] = ["select", "values"];
        let begin = without_comments(sql);
        let begins_with = |word: &str| {
            begin.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        // SQLite makes the setting of a PRAGMA that is explained, too.
        let reads = READING.into_iter().any(begins_with)
            || begins_with("explain") && sql.len() <= LONGEST_SEARCHED && !has_word(sql, "pragma")
            || begins_with("with") && sql.len() <= LONGEST_SEARCHED && !may_write(begin);
        if reads { Self::ShortRead } else { Self::of_script(sql) }
    }

    /// The class of a text of several statements.
    pub fn of_script(sql: &str) -> Self {
        let has = |word: &&str| has_word(sql, word);
        if sql.len() > LONGEST_SEARCHED || NEEDS_TO_BE_ALONE.iter().any(has) {
            Self::Alone
        } else {
            Self::Main
        }
    }

    /// Whether the call reads, as far as its text says.
    pub fn is_read(self) -> bool {
        matches!(self, Self::ShortRead | Self::LongRead)
    }
}

fn has_word(sql: &str, word: &str) -> bool {
    let mut words = sql.as_bytes().windows(word.len());
    words.any(|found| found.eq_ignore_ascii_case(word.as_bytes()))
}

/// A text without the white space and the comments at its beginning
/// (<https://sqlite.org/lang_comment.html>).
fn without_comments(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest =
            rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == ';');
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            return rest;
        };
    }
}

/// Whether a text that begins with WITH may write: what comes behind the common table expressions says so, which are
/// in parentheses (<https://sqlite.org/lang_with.html>).
fn may_write(sql: &str) -> bool {
    const VERBS: [&str; 6] = ["select", "values", "insert", "update", "delete", "replace"];
    let is_of_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..);
    let (mut rest, mut depth) = (sql.as_bytes(), 0usize);
    while let Some((first, behind)) = rest.split_first() {
        let end_of = |mark: &[u8]| behind.windows(mark.len()).position(|at| at == mark);
        let skip = match (first, behind.first()) {
            (b'(', _) => {
                depth += 1;
                0
            }
            (b')', _) => {
                depth = depth.saturating_sub(1);
                0
            }
            (b'-', Some(b'-')) => end_of(b"\n").unwrap_or(behind.len()),
            (b'/', Some(b'*')) => {
                let inside = behind.get(1..).unwrap_or_default();
                let end = inside.windows(2).position(|at| at == b"*/");
                end.map_or(behind.len(), |end| end + 3)
            }
            (b'\'' | b'"' | b'`', _) => end_of(&[*first]).map_or(behind.len(), |end| end + 1),
            (b'[', _) => end_of(b"]").map_or(behind.len(), |end| end + 1),
            (letter, _) if is_of_word(*letter) => {
                let length = rest.iter().take_while(|byte| is_of_word(**byte)).count();
                let is = |verb: &&str| rest[..length].eq_ignore_ascii_case(verb.as_bytes());
                if depth == 0
                    && let Some(verb) = VERBS.iter().find(|verb| is(verb))
                {
                    return !matches!(*verb, "select" | "values");
                }
                length - 1
            }
            _ => 0,
        };
        rest = behind.get(skip..).unwrap_or_default();
    }
    true
}

/// Where a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On the main lane.
    Main,
    /// On the reader lane with this index.
    Reader(usize),
    /// On the lane of its transaction.
    Transaction,
}

/// When reads run on reader lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// Never: the connection of the main lane has something of its own.
    Never,
    /// While the main lane is blocked.
    WhileBlocked,
    /// While the main lane is blocked, and long ones always.
    Always,
}

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<J> {
    /// A call starts.
    Start(J, Way),
    /// The connection of the reader lane with this index is closed.
    Rest(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The lane has nothing to do.
    Nothing,
    /// The lane has a call that has not read anything yet.
    Starting,
    /// The lane has a call that has begun to read: later writes do not change what it sees.
    Begun,
}

struct Reader {
    reading: Reading,
    has_connection: bool,
}

struct Waiting<J> {
    id: JobId,
    class: Class,
    call: J,
}

/// The calls that have not started, and what keeps them waiting.
pub struct Line<J> {
    waiting: BTreeMap<CallNumber, Waiting<J>>,
    reads: BTreeSet<CallNumber>,
    short_reads: BTreeSet<CallNumber>,
    /// The calls that are no reads.
    others: BTreeSet<CallNumber>,
    numbers: FxHashMap<JobId, CallNumber>,
    readers: Vec<Reader>,
    aside: Aside,
    /// The number of calls that the main lane has, running or queued.
    on_main: usize,
    /// Whether the running call of the main lane waits for a lock or for a transaction.
    is_blocked: bool,
    /// Whether the call of the main lane needs the file alone. No reader lane gets a connection then, also while
    /// that call waits for others that have the file.
    is_alone: bool,
    /// Whether an explicit transaction is open on the main lane. All calls run in it.
    is_explicit: bool,
}

impl<J> Line<J> {
    /// A line without calls, for a client with so many reader lanes.
    pub fn new(readers: usize) -> Self {
        let reader = || Reader { reading: Reading::Nothing, has_connection: false };
        Self {
            waiting: BTreeMap::new(),
            reads: BTreeSet::new(),
            short_reads: BTreeSet::new(),
            others: BTreeSet::new(),
            numbers: FxHashMap::default(),
            readers: std::iter::repeat_with(reader).take(readers).collect(),
            aside: Aside::Always,
            on_main: 0,
            is_blocked: false,
            is_alone: false,
            is_explicit: false,
        }
    }

    /// Whether no call waits or runs.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.on_main == 0 && self.are_readers_idle()
    }

    /// Whether a call with this number waits.
    pub fn has(&self, id: JobId) -> bool {
        self.numbers.contains_key(&id)
    }

    /// Whether a call that is made now may run before all others have ended.
    pub fn is_free(&self) -> bool {
        self.waiting.is_empty() && !self.is_starting()
    }

    /// Whether the main lane waits for a lock or for a transaction.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Adds a call. A call that has started elsewhere already takes its former place.
    pub fn enter(&mut self, number: CallNumber, id: JobId, class: Class, call: J) {
        if class.is_read() {
            self.reads.insert(number);
        } else {
            self.others.insert(number);
        }
        if class == Class::ShortRead {
            self.short_reads.insert(number);
        }
        if id != JobId::NONE {
            self.numbers.insert(id, number);
        }
        self.waiting.insert(number, Waiting { id, class, call });
    }

    /// Takes a call that has not started out of the line, because its caller has cancelled it.
    pub fn remove(&mut self, id: JobId) -> Option<J> {
        let number = *self.numbers.get(&id)?;
        self.take(number).map(|waiting| waiting.call)
    }

    /// Takes all calls that have not started, in their order.
    pub fn take_all(&mut self) -> impl Iterator<Item = J> + use<J> {
        self.reads.clear();
        self.short_reads.clear();
        self.others.clear();
        self.numbers.clear();
        std::mem::take(&mut self.waiting).into_values().map(|waiting| waiting.call)
    }

    /// The next step, if there is one now. To be called until there is none.
    pub fn next(&mut self) -> Option<Step<J>> {
        let (number, first) = self.waiting.first_key_value()?;
        let (number, class) = (*number, first.class);
        if self.is_explicit || self.readers.is_empty() || self.aside == Aside::Never {
            // Each begins behind the calls of the main lane, where it has nobody to overtake.
            return match class {
                Class::Begin | Class::BeginAfterMain => self.begin(number, class),
                // Reads have run before the connection of the main lane had something of its own.
                Class::Alone if !self.is_explicit && !self.readers.is_empty() => self.alone(number),
                _ => self.start(number, Way::Main),
            };
        }
        match class {
            Class::ShortRead if !self.is_blocked => self.start(number, Way::Main),
            Class::LongRead if self.aside == Aside::WhileBlocked && !self.is_blocked => {
                self.start(number, Way::Main)
            }
            Class::ShortRead | Class::LongRead => self.read(number),
            Class::Main if !self.is_starting() => self.start(number, Way::Main),
            Class::Alone if self.on_main == 0 => self.alone(number),
            Class::Begin | Class::BeginAfterMain
                if !self.is_starting() && self.may_begin(class) =>
            {
                self.begin(number, class)
            }
            _ if self.is_blocked => {
                let read = *self.reads.first()?;
                self.read(read)
            }
            _ => None,
        }
    }

    fn begin(&mut self, number: CallNumber, class: Class) -> Option<Step<J>> {
        if !self.may_begin(class) {
            return None;
        }
        self.start(number, Way::Transaction)
    }

    fn may_begin(&self, class: Class) -> bool {
        self.on_main == 0 || self.is_blocked && class == Class::Begin
    }

    /// Starts a read on a reader lane, if one is free and no earlier write is running.
    fn read(&mut self, number: CallNumber) -> Option<Step<J>> {
        let free = self.readers.iter().position(|reader| reader.reading == Reading::Nothing);
        let Some(free) = free else { return self.overtake() };
        if !self.is_main_passable() {
            return None;
        }
        self.readers[free] = Reader { reading: Reading::Starting, has_connection: true };
        self.start(number, Way::Reader(free))
    }

    /// Starts a short read on the main lane, before long ones that wait for a reader lane.
    fn overtake(&mut self) -> Option<Step<J>> {
        let number = *self.short_reads.first()?;
        let is_behind_reads = self.others.first().is_none_or(|other| *other > number);
        if self.is_blocked || !is_behind_reads {
            return None;
        }
        self.start(number, Way::Main)
    }

    /// Starts a call that needs the file alone, once no other call runs and no reader lane has a connection.
    fn alone(&mut self, number: CallNumber) -> Option<Step<J>> {
        if self.on_main > 0 || !self.are_readers_idle() {
            return None;
        }
        match self.readers.iter().position(|reader| reader.has_connection) {
            Some(index) => {
                self.readers[index].reading = Reading::Starting;
                Some(Step::Rest(index))
            }
            None => {
                self.is_alone = true;
                self.start(number, Way::Main)
            }
        }
    }

    fn start(&mut self, number: CallNumber, way: Way) -> Option<Step<J>> {
        let Waiting { call, .. } = self.take(number)?;
        if way == Way::Main {
            self.on_main += 1;
        }
        Some(Step::Start(call, way))
    }

    fn take(&mut self, number: CallNumber) -> Option<Waiting<J>> {
        let waiting = self.waiting.remove(&number)?;
        self.numbers.remove(&waiting.id);
        self.reads.remove(&number);
        self.short_reads.remove(&number);
        self.others.remove(&number);
        Some(waiting)
    }

    /// Whether no call of the main lane is running, or the one that runs is blocked.
    fn is_main_passable(&self) -> bool {
        self.on_main == 0 || self.is_blocked
    }

    fn is_starting(&self) -> bool {
        self.readers.iter().any(|reader| reader.reading == Reading::Starting)
    }

    fn are_readers_idle(&self) -> bool {
        self.readers.iter().all(|reader| reader.reading == Reading::Nothing)
    }

    // --- what happens on the lanes --------------------------------------------------------------------

    /// The call of a reader lane has begun to read.
    pub fn begun(&mut self, reader: usize) {
        self.readers[reader].reading = Reading::Begun;
    }

    /// A call has ended.
    pub fn ended(&mut self, way: Way) {
        if way == Way::Main {
            self.is_blocked = false;
            self.is_alone = false;
        }
        self.left(way);
    }

    /// A call has left the queue of its lane without having run.
    pub fn left(&mut self, way: Way) {
        match way {
            Way::Main => {
                self.on_main = self.on_main.saturating_sub(1);
                self.is_alone &= self.on_main > 0;
            }
            Way::Reader(reader) => self.readers[reader].reading = Reading::Nothing,
            Way::Transaction => {}
        }
    }

    /// A reader lane has closed its connection because it had no call. One that has come since opens another.
    pub fn rested(&mut self, reader: usize) {
        if self.readers[reader].reading == Reading::Nothing {
            self.set_connection(reader, false);
        }
    }

    /// Whether a reader lane has a connection, at the end of a call.
    pub fn set_connection(&mut self, reader: usize, has_connection: bool) {
        self.readers[reader].has_connection = has_connection;
    }

    /// Whether the running call of the main lane waits for a lock or for a transaction. One that needs the file alone
    /// is waited for.
    pub fn set_blocked(&mut self, is_blocked: bool) {
        self.is_blocked = is_blocked && !self.is_alone;
    }

    /// Whether an explicit transaction is open on the main lane.
    pub fn set_explicit(&mut self, is_explicit: bool) {
        self.is_explicit = is_explicit;
    }

    /// When reads run on reader lanes.
    pub fn set_aside(&mut self, aside: Aside) {
        self.aside = aside;
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;

    /// A line whose calls are their names.
    struct Bench(Line<&'static str>);

    impl Bench {
        fn new(readers: usize, calls: &[(&'static str, Class)]) -> Self {
            let mut bench = Self(Line::new(readers));
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
                Step::Start(call, Way::Reader(reader)) => format!("{call}:{reader}"),
                Step::Rest(reader) => format!("rest:{reader}"),
            };
            steps.map(text).collect::<Vec<_>>().join(" ")
        }
    }

    use Class::{Alone, Begin, LongRead as Long, Main as Write, ShortRead as Short};

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
        assert_eq!(
            bench.started(),
            "",
            "the long read waits until the main lane has nothing to do"
        );
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
        bench.0.set_blocked(true);
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
        bench.0.set_blocked(true);
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
        bench.0.set_blocked(true);
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
        bench.0.set_blocked(true);
        bench.enter("r", Short);
        assert_eq!(bench.started(), "r:0", "the call that needs the file alone has not started");
        bench.0.begun(0);
        bench.0.ended(Way::Reader(0));
        bench.0.ended(Way::Main);
        assert_eq!(bench.started(), "rest:0");
        bench.0.set_connection(0, false);
        bench.0.ended(Way::Reader(0));
        assert_eq!(bench.started(), "b:m");
        bench.0.set_blocked(true);
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
        bench.0.set_blocked(true);
        assert_eq!(bench.started(), "begin:t b:m");
        let mut bench = Bench::new(1, &[("a", Write), ("begin", Class::BeginAfterMain)]);
        assert_eq!(bench.started(), "a:m");
        bench.0.set_blocked(true);
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
        let mut line = Line::new(1);
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
        let mut line = Line::new(1);
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
    fn the_text_tells_the_class() {
        for (class, texts) in [
            (
                Short,
                &[
                    "select 1",
                    " -- a\n;/* b */ SELECT 1",
                    "with t as (select 1) select 1",
                    "WITH RECURSIVE [a)](b) AS NOT MATERIALIZED (SELECT ')''(', \"(\", `(`, [(] /* ( */ -- (\n) SELECT replace(1, 2, 3)",
                    "with t as (values (1)) values (1)",
                    "explain query plan insert into t values (1)",
                    "values (1)",
                ][..],
            ),
            (
                Write,
                &[
                    "insert into t values (1)",
                    "with t as (select 1) insert into t select 1",
                    "with t as (select 1), u as (select 2)delete from t",
                    "with \"select\" as (select 1) /*select*/ update t set a = 1",
                    "with t as (values (1)) replace into t select 1",
                    "pragma user_version",
                    "explain PRAGMA foreign_keys = off",
                    "",
                    "-- select",
                    "/* select",
                ],
            ),
            (Alone, &["PRAGMA Journal_Mode = wal", "vacuum", "pragma wal_checkpoint(truncate)"]),
        ] {
            for text in texts {
                assert_eq!(Class::of_statement(text), class, "{text}");
            }
        }
        assert_eq!(Class::of_script("select 1; select 2"), Write);
        assert_eq!(Class::of_script(&" ".repeat(LONGEST_SEARCHED + 1)), Alone);
    }
}

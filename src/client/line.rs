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

use super::checkpoints::Pass;
use super::class::Class;
use crate::jobs::ids::{CallNumber, JobId, LaneId, TransactionId, WaitNumber};

/// Is told by the lanes what happens to their calls, so that the next ones can start.
pub trait Turns: Send + Sync {
    /// The call of this way has ended on its lane. `is_explicit` says whether an explicit transaction is open
    /// on the lane now, `has_connection` whether the lane has a connection.
    fn ended(&self, way: Way, is_explicit: bool, has_connection: bool);
    /// The call of this way has left the queue of its lane without having run.
    fn left(&self, way: Way);
    /// The call of a reader lane has begun to read.
    fn begun(&self, reader: usize);
    /// The call with this number, which opens a cursor, has begun to read.
    fn cursor_has_begun(&self, cursor: CallNumber);
    /// A reader lane has closed its connection because it had no call.
    fn rested(&self, reader: usize);
    /// A checkpoint is due.
    fn checkpoint_is_due(&self, pass: Pass);
    /// A commit waits for open cursors: those of these transactions read on into memory.
    fn read_on(&self, cursors: &[TransactionId]);
    /// The running call of a lane waits for a lock or for a transaction, or does not wait any more.
    fn set_blocked(&self, lane: LaneId, wait: WaitNumber, is_blocked: bool);
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
    /// On the lane of its transaction, where it opens a cursor. The number is the call's.
    Cursor(CallNumber),
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
    /// The number of calls that need the file alone.
    alone: usize,
    numbers: FxHashMap<JobId, CallNumber>,
    /// The reader lanes, and after them the lane that makes checkpoints, if there is one.
    readers: Vec<Reader>,
    /// The number of lanes for reads.
    for_reads: usize,
    /// The number of checkpoints that run or wait on their lane.
    checkpoints: u32,
    aside: Aside,
    /// The calls that open cursors on lanes of their own, and have not begun to read.
    opening: BTreeSet<CallNumber>,
    /// The number of calls that the main lane has, running or queued.
    on_main: usize,
    /// The wait of the running call of the main lane for a lock or for a transaction, if it waits.
    blocked_by: Option<WaitNumber>,
    /// Whether the call of the main lane needs the file alone. No reader lane gets a connection then, also while
    /// that call waits for others that have the file.
    is_alone: bool,
    /// Whether an explicit transaction is open on the main lane. All calls run in it.
    is_explicit: bool,
}

impl<J> Line<J> {
    /// A line without calls, for a client with so many reader lanes, and maybe a lane that makes checkpoints.
    pub fn new(for_reads: usize, makes_checkpoints: bool) -> Self {
        let reader = || Reader { reading: Reading::Nothing, has_connection: false };
        Self {
            waiting: BTreeMap::new(),
            reads: BTreeSet::new(),
            short_reads: BTreeSet::new(),
            others: BTreeSet::new(),
            alone: 0,
            numbers: FxHashMap::default(),
            readers: std::iter::repeat_with(reader)
                .take(for_reads + usize::from(makes_checkpoints))
                .collect(),
            for_reads,
            checkpoints: 0,
            aside: Aside::Always,
            opening: BTreeSet::new(),
            on_main: 0,
            blocked_by: None,
            is_alone: false,
            is_explicit: false,
        }
    }

    /// The number of lanes for reads.
    pub fn for_reads(&self) -> usize {
        self.for_reads
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
        self.blocked_by.is_some()
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
        self.alone += usize::from(class == Class::Alone);
        if id != JobId::NONE {
            self.numbers.insert(id, number);
        }
        self.waiting.insert(number, Waiting { id, class, call });
    }

    /// Starts a call on the main lane at once, without a place in the line, if nothing is before it. Returns
    /// whether it has.
    pub fn start_at_once(&mut self, class: Class) -> bool {
        let starts = self.waiting.is_empty()
            && !self.is_blocked()
            && match class {
                Class::ShortRead => true,
                Class::Main => !self.is_starting(),
                _ => false,
            };
        self.on_main += usize::from(starts);
        starts
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
        self.alone = 0;
        self.numbers.clear();
        std::mem::take(&mut self.waiting).into_values().map(|waiting| waiting.call)
    }

    /// The next step, if there is one now. To be called until there is none.
    pub fn next(&mut self) -> Option<Step<J>> {
        let (number, first) = self.waiting.first_key_value()?;
        let (number, class) = (*number, first.class);
        if self.is_explicit || self.for_reads == 0 || self.aside == Aside::Never {
            // Each begins behind the calls of the main lane, where it has nobody to overtake.
            return match class {
                Class::BeginRead | Class::BeginCursor => self.begin(number, class),
                _ if self.is_opening() && !class.is_read() => None,
                Class::Begin | Class::BeginOnMain => self.begin(number, class),
                // Reads have run before the connection of the main lane had something of its own.
                Class::Alone if !self.is_explicit && !self.readers.is_empty() => self.alone(number),
                _ => self.start(number, Way::Main),
            };
        }
        match class {
            Class::ShortRead if !self.is_blocked() => self.start(number, Way::Main),
            Class::LongRead if self.aside == Aside::WhileBlocked && !self.is_blocked() => {
                self.start(number, Way::Main)
            }
            Class::ShortRead | Class::LongRead => self.read(number),
            Class::Main if !self.is_starting() => self.start(number, Way::Main),
            Class::Alone if self.on_main == 0 => self.alone(number),
            Class::Begin | Class::BeginOnMain if !self.is_starting() && self.may_begin(class) => {
                self.begin(number, class)
            }
            Class::BeginRead | Class::BeginCursor if self.may_begin(class) => {
                self.begin(number, class)
            }
            _ if self.is_blocked() => {
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
        if class != Class::BeginCursor {
            return self.start(number, Way::Transaction);
        }
        self.opening.insert(number);
        self.start(number, Way::Cursor(number))
    }

    /// Whether a transaction may begin before the calls of the main lane have ended. One that may write does not
    /// pass calls that have not come to the writer queue.
    fn may_begin(&self, class: Class) -> bool {
        match class {
            Class::BeginRead | Class::BeginCursor => self.is_main_passable(),
            Class::BeginOnMain => self.on_main == 0,
            _ => self.on_main == 0 || self.is_blocked() && self.on_main == 1,
        }
    }

    /// Starts a read on a reader lane, if one is free and no earlier write is running.
    fn read(&mut self, number: CallNumber) -> Option<Step<J>> {
        let mut readers = self.readers[..self.for_reads].iter();
        let free = readers.position(|reader| reader.reading == Reading::Nothing);
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
        if self.is_blocked() || !is_behind_reads {
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
                self.begin_rest(index);
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
        self.alone -= usize::from(waiting.class == Class::Alone);
        Some(waiting)
    }

    /// Whether no call of the main lane is running, or the one that runs is blocked.
    fn is_main_passable(&self) -> bool {
        self.on_main == 0 || self.is_blocked()
    }

    fn is_starting(&self) -> bool {
        self.is_opening() || self.readers.iter().any(|reader| reader.reading == Reading::Starting)
    }

    fn is_opening(&self) -> bool {
        !self.opening.is_empty()
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
            self.blocked_by = None;
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
            Way::Reader(reader) => {
                if reader == self.for_reads {
                    self.checkpoints = self.checkpoints.saturating_sub(1);
                }
                if reader != self.for_reads || self.checkpoints == 0 {
                    self.readers[reader].reading = Reading::Nothing;
                }
            }
            Way::Transaction => {}
            Way::Cursor(number) => self.cursor_has_begun(number),
        }
    }

    /// The call with this number, which opens a cursor, has begun to read, or will not.
    pub fn cursor_has_begun(&mut self, cursor: CallNumber) {
        self.opening.remove(&cursor);
    }

    /// Whether a reader lane has a connection and no call. Its connection is then to be closed.
    pub fn begin_rest(&mut self, reader: usize) -> bool {
        let Some(lane) = self.readers.get_mut(reader) else { return false };
        let rests = lane.has_connection && lane.reading == Reading::Nothing;
        if rests {
            lane.reading = Reading::Starting;
        }
        rests
    }

    /// A reader lane has closed its connection because it had no call. One that has come since opens another.
    pub fn rested(&mut self, reader: usize) {
        if self.readers[reader].reading == Reading::Nothing {
            self.set_connection(reader, false);
        }
    }

    /// Begins a checkpoint. Returns the index of its lane. None if there is none, if a call needs the file alone, or if
    /// too many run or wait there: the more urgent it is, the more it may wait for. A call that needs the file alone and
    /// waits would wait for it, and it for the writer slot, which belongs to the transactions behind that call.
    pub fn begin_checkpoint(&mut self, pass: Pass) -> Option<usize> {
        let index = self.for_reads;
        let lane = self.readers.get_mut(index)?;
        let is_resting = self.checkpoints == 0 && lane.reading != Reading::Nothing;
        let waits_alone = self.is_alone || self.alone > 0;
        if waits_alone || is_resting || self.checkpoints > pass as u32 {
            return None;
        }
        self.checkpoints += 1;
        *lane = Reader { reading: Reading::Begun, has_connection: true };
        Some(index)
    }

    /// Whether a reader lane has a connection, at the end of a call.
    pub fn set_connection(&mut self, reader: usize, has_connection: bool) {
        self.readers[reader].has_connection = has_connection;
    }

    /// Whether the running call of the main lane waits for a lock or for a transaction. One that needs the file alone
    /// is waited for.
    pub fn set_blocked(&mut self, wait: WaitNumber, is_blocked: bool) {
        if is_blocked {
            self.blocked_by = (!self.is_alone).then_some(wait);
        } else if self.blocked_by == Some(wait) {
            self.blocked_by = None;
        }
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
mod tests;

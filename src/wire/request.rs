//! Reads requests.

use std::time::Duration;

use super::kinds::{ArgumentKind, BatchFlag, RequestKind, StatementFlag, StatementOption};
use crate::value::{Argument, Arguments, Value};

pub use super::kinds::Mode;

/// The error for a request that does not follow the format, because the two halves of the wire are of
/// different versions. The text says what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

type Result<T> = std::result::Result<T, Malformed>;

/// The request that rolls back its own transaction.
pub const ROLLBACK: &[u8] = &[RequestKind::Rollback as u8];

/// The request that rolls back any open transaction, when no call can continue it.
pub const END_ANY_TRANSACTION: &[u8] = &[RequestKind::EndAnyTransaction as u8];

/// The request that copies the WAL into the database.
pub const CHECKPOINT: &[u8] = &[RequestKind::Checkpoint as u8, 1];

/// The same, and then once more while all writers wait, so that the whole WAL is copied.
pub const WHOLE_CHECKPOINT: &[u8] = &[RequestKind::Checkpoint as u8, 3];

/// The same, only while all writers wait.
pub const HELD_CHECKPOINT: &[u8] = &[RequestKind::Checkpoint as u8, 2];

/// The request that closes the connection of a reader lane.
pub const REST: &[u8] = &[RequestKind::Rest as u8];

/// The request that reads the rows of the cursor of its transaction into memory.
pub const READ_ON: &[u8] = &[RequestKind::ReadOn as u8];

/// Whether a caller made the request. latchdb's own requests are not calls, and a closing does not count
/// them.
pub fn is_called_for(request: &[u8]) -> bool {
    ![END_ANY_TRANSACTION, CHECKPOINT, WHOLE_CHECKPOINT, HELD_CHECKPOINT, REST, READ_ON]
        .contains(&request)
}

/// Whether a request begins a transaction.
pub fn is_begin(request: &[u8]) -> bool {
    request.first() == Some(&(RequestKind::Begin as u8)) || begins_with_cursor(request)
}

/// Whether a request opens a cursor in a transaction of its own.
pub fn begins_with_cursor(request: &[u8]) -> bool {
    request.starts_with(&[RequestKind::OpenCursor as u8, 1])
}

/// Whether a request begins a transaction of mode "write". Such a call takes its ticket of the writer queue
/// when it is made.
pub fn is_write_begin(request: &[u8]) -> bool {
    request == [RequestKind::Begin as u8, Mode::Write as u8]
}

/// Whether a request begins a transaction that only reads.
pub fn is_read_begin(request: &[u8]) -> bool {
    request == [RequestKind::Begin as u8, Mode::Read as u8] || begins_with_cursor(request)
}

/// Whether a request closes the cursor that has this transaction of its own.
pub fn closes_cursor(request: &[u8], transaction: u32) -> bool {
    let (kind, cursor) = (RequestKind::CloseCursor as u8, transaction.to_le_bytes());
    request.split_first().is_some_and(|(first, rest)| *first == kind && rest == cursor)
}

/// Whether a request runs one statement.
pub fn is_execute(request: &[u8]) -> bool {
    request.first() == Some(&(RequestKind::Execute as u8))
}

/// The text of a request that has one: of a single statement or of a script.
pub fn sql_of(request: &[u8]) -> Option<Sql<'_>> {
    let mut reader = Reader { bytes: request };
    match RequestKind::from_u8(reader.u8().ok()?)? {
        RequestKind::Execute => reader.statement().ok().map(|statement| statement.sql),
        RequestKind::Script => reader.str().ok().map(Sql::Text),
        _ => None,
    }
}

/// A request, which borrows from its bytes.
#[derive(Clone, Debug)]
pub enum Request<'a> {
    /// One statement.
    Execute(Statement<'a>),
    /// Several statements in one transaction, or inside the open one.
    Batch {
        /// The mode of the batch's transaction. Ignored inside an open transaction.
        mode: Mode,
        /// Whether foreign keys are off during the batch (`migrate()`).
        foreign_keys_off: bool,
        /// The statements.
        statements: Vec<Statement<'a>>,
    },
    /// A text of several statements, whose rows are not returned.
    Script {
        /// The text.
        sql: &'a str,
        /// How long each of its statements may run. None for as long as the client has it.
        time_limit: Option<Duration>,
    },
    /// Begins a transaction.
    Begin(Mode),
    /// Commits the transaction of the call.
    Commit,
    /// Rolls back the transaction of the call, if it is still open.
    Rollback,
    /// Rolls back any open transaction.
    EndAnyTransaction,
    /// Copies the WAL into the database.
    Checkpoint {
        /// Whether it is copied beside the writers.
        beside: bool,
        /// Whether it is copied, after that, while the writers wait.
        held: bool,
    },
    /// Closes the connection of a reader lane.
    Rest,
    /// Opens a cursor, whose number is that of the job.
    OpenCursor {
        /// Whether it begins a transaction of its own, which only reads and ends with it.
        begins: bool,
        /// The most rows to answer with.
        most_rows: u32,
        /// The statement.
        statement: Statement<'a>,
    },
    /// Answers with further rows of a cursor.
    Fetch {
        /// The number of the cursor.
        cursor: u32,
        /// The most rows to answer with.
        most_rows: u32,
    },
    /// Closes a cursor.
    CloseCursor {
        /// The number of the cursor.
        cursor: u32,
    },
    /// Reads the rows of a cursor into memory.
    ReadOn,
    /// Runs one statement for each of many lists of arguments, inside the open transaction, and answers with the
    /// number of rows that all of them have changed.
    Many(Vec<Statement<'a>>),
    /// Answers with what a statement is, without running it.
    Describe(Statement<'a>),
}

/// A statement with its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The text of the statement.
    pub sql: Sql<'a>,
    /// The bytes of the flags and the arguments. They are read later, because a batch is first searched for writes.
    arguments: &'a [u8],
}

/// What a statement says of its run. What it does not say is as its client has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatementOptions {
    /// Whether only the first row of its result is wanted.
    pub first_row: bool,
    /// Whether a write is refused.
    pub read_only: bool,
    /// Whether the arguments have to be those of the parameters.
    pub strict: Option<bool>,
    /// Whether integers become numbers.
    pub numbers: Option<bool>,
    /// Whether the tables of the columns are wanted.
    pub tables: bool,
    /// How long the statement may run.
    pub time_limit: Option<Duration>,
}

/// The text of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sql<'a> {
    /// The text of a defined statement, by its number.
    Id(u32),
    /// A text in the request itself.
    Text(&'a str),
}

impl<'a> Request<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not a request.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader { bytes };
        let operation = RequestKind::from_u8(reader.u8()?).ok_or(Malformed("unknown operation"))?;
        let request = match operation {
            RequestKind::Execute => Self::Execute(reader.statement()?),
            RequestKind::Batch => {
                let mode = reader.mode()?;
                let foreign_keys_off = reader.u8()? & BatchFlag::ForeignKeysOff as u8 != 0;
                let count = reader.count()?;
                let mut statements = Vec::with_capacity(count.min(bytes.len() / 9));
                for _ in 0..count {
                    statements.push(reader.statement()?);
                }
                Self::Batch { mode, foreign_keys_off, statements }
            }
            RequestKind::Script => {
                let sql = reader.str()?;
                let limit = if reader.bytes.is_empty() { None } else { Some(reader.u32()?) };
                let time_limit = limit.map(|limit| Duration::from_millis(limit.into()));
                Self::Script { sql, time_limit }
            }
            RequestKind::Begin => Self::Begin(reader.mode()?),
            RequestKind::Commit => Self::Commit,
            RequestKind::Rollback => Self::Rollback,
            RequestKind::EndAnyTransaction => Self::EndAnyTransaction,
            RequestKind::Checkpoint => {
                let passes = reader.u8()?;
                Self::Checkpoint { beside: passes & 1 != 0, held: passes & 2 != 0 }
            }
            RequestKind::Rest => Self::Rest,
            RequestKind::OpenCursor => {
                let (begins, most_rows) = (reader.u8()? != 0, reader.u32()?);
                Self::OpenCursor { begins, most_rows, statement: reader.statement()? }
            }
            RequestKind::Fetch => Self::Fetch { cursor: reader.u32()?, most_rows: reader.u32()? },
            RequestKind::ReadOn => Self::ReadOn,
            RequestKind::Many => {
                let count = reader.count()?;
                let mut arguments = Vec::with_capacity(count.min(bytes.len() / 4));
                for _ in 0..count {
                    arguments.push(reader.blob()?);
                }
                let sql = reader.sql()?;
                let statement = |arguments| Statement { sql, arguments };
                Self::Many(arguments.into_iter().map(statement).collect())
            }
            RequestKind::Describe => Self::Describe(reader.statement()?),
            RequestKind::CloseCursor => Self::CloseCursor { cursor: reader.u32()? },
        };
        reader.end()?;
        Ok(request)
    }
}

impl<'a> Statement<'a> {
    /// Reads the options of the statement.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes have none.
    pub fn options(&self) -> Result<StatementOptions> {
        Reader { bytes: self.arguments }.options().map(|(_, options)| options)
    }

    /// Reads the arguments of the statement.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not arguments.
    pub fn arguments(&self) -> Result<Arguments<'a>> {
        let mut reader = Reader { bytes: self.arguments };
        let named = reader.options()?.0 & StatementFlag::Named as u8 != 0;
        let count = reader.count()?;
        let capacity = count.min(self.arguments.len());
        let arguments = if named {
            let mut values = Vec::with_capacity(capacity);
            for _ in 0..count {
                values.push((reader.str()?, reader.value()?));
            }
            Arguments::Named(values)
        } else {
            let mut values = Vec::with_capacity(capacity);
            for _ in 0..count {
                values.push(reader.argument()?);
            }
            Arguments::Positional(values)
        };
        reader.end()?;
        Ok(arguments)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Malformed("too short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Malformed("too short"))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize> {
        Ok(self.u32()? as usize)
    }

    fn blob(&mut self) -> Result<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }

    fn str(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.blob()?).map_err(|_| Malformed("text is not UTF-8"))
    }

    fn mode(&mut self) -> Result<Mode> {
        Mode::from_u8(self.u8()?).ok_or(Malformed("unknown transaction mode"))
    }

    fn kind(&mut self) -> Result<ArgumentKind> {
        ArgumentKind::from_u8(self.u8()?).ok_or(Malformed("unknown value tag"))
    }

    fn argument(&mut self) -> Result<Argument<'a>> {
        let kind = self.kind()?;
        if kind != ArgumentKind::List {
            return Ok(Argument::Value(self.value_of(kind)?));
        }
        let count = self.count()?;
        let mut values = Vec::with_capacity(count.min(self.bytes.len()));
        for _ in 0..count {
            values.push(self.value()?);
        }
        Ok(Argument::List(values))
    }

    fn value(&mut self) -> Result<Value<'a>> {
        let kind = self.kind()?;
        self.value_of(kind)
    }

    fn value_of(&mut self, kind: ArgumentKind) -> Result<Value<'a>> {
        Ok(match kind {
            ArgumentKind::Null => Value::Null,
            ArgumentKind::Integer => Value::Integer(i64::from_le_bytes(self.array()?)),
            ArgumentKind::Real => Value::Real(f64::from_le_bytes(self.array()?)),
            ArgumentKind::Text => Value::Text(self.blob()?),
            ArgumentKind::Blob => Value::Blob(self.blob()?),
            ArgumentKind::List => return Err(Malformed("a list within a value")),
        })
    }

    fn sql(&mut self) -> Result<Sql<'a>> {
        Ok(match self.u32()? {
            0 => Sql::Text(self.str()?),
            id => Sql::Id(id),
        })
    }

    /// The flags of a statement, and its options.
    fn options(&mut self) -> Result<(u8, StatementOptions)> {
        let flags = self.u8()?;
        let first_row = flags & StatementFlag::FirstRow as u8 != 0;
        if flags & StatementFlag::Options as u8 == 0 {
            return Ok((flags, StatementOptions { first_row, ..StatementOptions::default() }));
        }
        let given = self.u8()?;
        let has = |option: StatementOption| given & option as u8 != 0;
        let either = |yes, no| if has(yes) { Some(true) } else { has(no).then_some(false) };
        let time_limit = match has(StatementOption::TimeLimit) {
            true => Some(Duration::from_millis(self.u32()?.into())),
            false => None,
        };
        let options = StatementOptions {
            first_row,
            read_only: has(StatementOption::ReadOnly),
            strict: either(StatementOption::Strict, StatementOption::Lenient),
            numbers: either(StatementOption::Numbers, StatementOption::OtherIntegers),
            tables: has(StatementOption::Tables),
            time_limit,
        };
        Ok((flags, options))
    }

    fn statement(&mut self) -> Result<Statement<'a>> {
        Ok(Statement { sql: self.sql()?, arguments: self.blob()? })
    }

    fn end(&self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Malformed("too long")) }
    }
}

#[cfg(test)]
pub mod tests;

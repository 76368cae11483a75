//! The numbers of the wire format, as tables. `lib/local/wire/kinds.ts` has the same tables; a test
//! compares the two.

/// Defines a table of names and numbers: an enum, and a list for the test that compares the tables.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$entry_doc:meta])* $entry:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$entry_doc])* $entry = $number,)*
        }

        impl $name {
            #[allow(dead_code, reason = "Rust only writes answers; tests read them")]
            /// The entry of this number. None if there is none: then the other half of the wire is of
            /// another version.
            pub fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$entry),)*
                    _ => None,
                }
            }

            #[cfg(test)]
            const NAMES: &'static [(&'static str, u8)] = &[$((stringify!($entry), $number),)*];
        }
    };
}

table! {
    /// The operation of a request.
    RequestKind {
        /// One statement.
        Execute = 1,
        /// Several statements in one transaction.
        Batch = 2,
        /// A text of several statements.
        Script = 3,
        /// The beginning of a transaction.
        Begin = 4,
        /// COMMIT of a transaction.
        Commit = 5,
        /// ROLLBACK of a transaction.
        Rollback = 6,
        /// ROLLBACK of any open transaction, when no call can continue it.
        EndAnyTransaction = 7,
        /// A checkpoint of the WAL, by the addon itself.
        Checkpoint = 8,
        /// Close the connection of a reader lane.
        Rest = 9,
        /// A cursor, and its first rows.
        OpenCursor = 10,
        /// Further rows of a cursor.
        Fetch = 11,
        /// The end of a cursor.
        CloseCursor = 12,
        /// Read the rows of a cursor into memory, by the addon itself.
        ReadOn = 13,
        /// One statement, once for each of many lists of arguments.
        Many = 14,
        /// The columns and parameters of a statement.
        Describe = 15,
    }
}

table! {
    /// The mode of a transaction.
    Mode {
        /// BEGIN DEFERRED.
        Deferred = 0,
        /// BEGIN IMMEDIATE.
        Write = 1,
        /// BEGIN DEFERRED. Every write is refused.
        Read = 2,
    }
}

table! {
    /// The type of an argument.
    ArgumentKind {
        /// NULL.
        Null = 0,
        /// INTEGER, as i64.
        Integer = 1,
        /// REAL, as f64.
        Real = 2,
        /// TEXT, as str.
        Text = 3,
        /// BLOB, as u32 and bytes.
        Blob = 4,
        /// A list of values, as u32 count and the values.
        List = 5,
    }
}

table! {
    /// The flags of a statement.
    StatementFlag {
        /// The arguments have names.
        Named = 1,
        /// Only the first row is wanted.
        FirstRow = 2,
        /// Options of the statement's own follow.
        Options = 4,
    }
}

table! {
    /// The options of a statement.
    StatementOption {
        /// A write is refused.
        ReadOnly = 1,
        /// The arguments have to be those of the parameters.
        Strict = 2,
        /// They need not, although the client's have to.
        Lenient = 4,
        /// Integers become numbers.
        Numbers = 8,
        /// Integers become something else.
        OtherIntegers = 16,
        /// The tables of the columns are wanted.
        Tables = 32,
        /// A limit of the statement's time follows.
        TimeLimit = 64,
    }
}

table! {
    /// The kind of a record in an answer.
    RecordKind {
        /// The columns of rows.
        Shape = 1,
        /// Some rows.
        Rows = 2,
        /// The result of one statement, after its rows.
        Result = 3,
        /// The end of a job that succeeded.
        Done = 4,
        /// The end of a job that failed.
        Error = 5,
        /// A shape that will not be used again.
        Forget = 6,
        /// The end of one step of a closing.
        Step = 7,
        /// The end of a closing that succeeded.
        Closed = 8,
        /// The request of another environment to shut down.
        ShutdownRequest = 9,
        /// The answer to a shutdown request.
        ShutdownAcknowledged = 10,
        /// The step of a swap, and its progress.
        Progress = 11,
        /// A question of a file swap to JavaScript.
        Wanted = 12,
        /// The end of a file swap, or of another file job, that succeeded.
        Swapped = 13,
        /// The end of a swap, or of another file job, that failed.
        SwapError = 14,
        /// A question of a database swap to JavaScript.
        WantedDatabase = 15,
        /// The end of a database swap that succeeded.
        DatabaseSwapped = 16,
        /// The end of a recovery or an examination.
        Report = 17,
        /// A panic on the thread that answers.
        Panic = 18,
        /// A piece of a long value.
        Piece = 19,
        /// Where and how long a job has run.
        Ran = 20,
        /// The tables of the columns of a shape.
        Tables = 21,
    }
}

table! {
    /// The type of a cell of a row.
    CellKind {
        /// NULL.
        Null = 0,
        /// INTEGER, as i32.
        SmallInteger = 1,
        /// INTEGER, as i64.
        Integer = 2,
        /// REAL, as f64.
        Real = 3,
        /// TEXT, as its length in UTF-16 units. The text itself follows behind all cells.
        Text = 4,
        /// BLOB, as u32 and bytes.
        Blob = 5,
        /// TEXT or BLOB: the next one of the long values, which came in pieces before.
        Long = 6,
    }
}

table! {
    /// The encoding of texts.
    TextKind {
        /// ISO 8859-1: a byte is the character of its number.
        Latin1 = 1,
        /// UTF-16, little-endian.
        Utf16 = 2,
    }
}

table! {
    /// The content of a piece of a long value.
    PieceKind {
        /// Bytes of a BLOB.
        Blob = 0,
        /// TEXT in ISO 8859-1.
        Latin1 = 1,
        /// TEXT in UTF-16, little-endian.
        Utf16 = 2,
    }
}

table! {
    /// Where a job has run.
    LaneKind {
        /// On the main lane.
        Main = 1,
        /// On a reader lane.
        Reader = 2,
        /// On the lane of its transaction.
        Transaction = 3,
    }
}

table! {
    /// The JavaScript class of an error.
    ErrorKind {
        /// `LibsqlError`, or `LibsqlBatchError` if a statement of a batch failed.
        Libsql = 0,
        /// `RangeError`.
        Range = 1,
        /// The `reason` of the caller's `AbortSignal`.
        Aborted = 2,
    }
}

table! {
    /// The question of a `WantedDatabase` record.
    QuestionKind {
        /// Run the caller's `build`, which fills the new database.
        Build = 1,
        /// Run the caller's `verify`, which checks the new database.
        Verify = 2,
    }
}

table! {
    /// The flags of a `Batch` request.
    BatchFlag {
        /// Foreign keys are off during the batch (`migrate()`).
        ForeignKeysOff = 1,
    }
}

table! {
    /// The flags of `Done` and `Error` records.
    OutcomeFlag {
        /// The connection has no open transaction.
        Autocommit = 1,
        /// The client is pinned to the lane of the job.
        Pinned = 2,
        /// The connection has an open transaction that a statement of the client has begun.
        Explicit = 4,
        /// The job has committed something.
        Committed = 8,
    }
}

table! {
    /// The steps of a closing ("How a client closes" in ARCHITECTURE.md).
    ClosingStep {
        /// Queued jobs run to their end.
        Drain = 1,
        /// The remaining jobs are rejected or interrupted.
        Cancel = 2,
        /// The lanes' threads are joined.
        Join = 3,
        /// The connections are closed.
        Close = 4,
    }
}

table! {
    /// The flags of `Swapped` and `DatabaseSwapped` records.
    SwappedFlag {
        /// The target is the new file.
        Committed = 1,
        /// The new file survives a power cut.
        Durable = 2,
        /// The old file was opened by others during the rename.
        OpenedMeanwhile = 4,
    }
}

table! {
    /// The flags of a `SwapError` record.
    SwapErrorFlag {
        /// The target is the new file, in spite of the error.
        Committed = 1,
        /// The caller's `AbortSignal` has ended the swap.
        Aborted = 2,
    }
}

table! {
    /// The state of a client's lanes, by which JavaScript starts calls or lets them wait.
    LaneFlag {
        /// The client has a main lane, so calls outside of transactions can run.
        MainFree = 1,
        /// A transaction can get a lane besides the main lane.
        OtherFree = 2,
        /// There are open lanes without a transaction besides the main lane.
        HasIdle = 4,
    }
}

/// `flag` if it is set, otherwise 0.
pub fn flag(flag: u8, is_set: bool) -> u8 {
    if is_set { flag } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of the other half of the wire.
    const TYPESCRIPT: &str = include_str!("../../lib/local/wire/kinds.ts");

    /// The entries of `export const NAME = { Entry: 1, … } as const` in TypeScript.
    fn typescript(name: &str) -> Vec<(String, u8)> {
        let begin = format!("export const {name} = {{");
        let (_, table) = TYPESCRIPT.split_once(&begin).unwrap_or_else(|| panic!("no {name}"));
        let (table, _) = table.split_once("} as const").unwrap();
        let lines = table.lines().map(|line| line.split("//").next().unwrap_or_default());
        let entries = lines.flat_map(|line| line.split(',')).filter_map(|entry| {
            let (entry, number) = entry.split_once(':')?;
            Some((entry.trim().to_owned(), number.trim().parse().ok()?))
        });
        entries.collect()
    }

    #[test]
    fn both_halves_have_the_same_tables() {
        for (name, entries) in [
            ("RequestKind", RequestKind::NAMES),
            ("ModeKind", Mode::NAMES),
            ("ArgumentKind", ArgumentKind::NAMES),
            ("RecordKind", RecordKind::NAMES),
            ("CellKind", CellKind::NAMES),
            ("TextKind", TextKind::NAMES),
            ("PieceKind", PieceKind::NAMES),
            ("ErrorKind", ErrorKind::NAMES),
            ("QuestionKind", QuestionKind::NAMES),
            ("LaneKind", LaneKind::NAMES),
            ("ClosingStepKind", ClosingStep::NAMES),
            ("StatementFlag", StatementFlag::NAMES),
            ("StatementOption", StatementOption::NAMES),
            ("BatchFlag", BatchFlag::NAMES),
            ("OutcomeFlag", OutcomeFlag::NAMES),
            ("SwappedFlag", SwappedFlag::NAMES),
            ("SwapErrorFlag", SwapErrorFlag::NAMES),
            ("LaneFlag", LaneFlag::NAMES),
        ] {
            let entries: Vec<_> =
                entries.iter().map(|(entry, number)| ((*entry).to_owned(), *number)).collect();
            assert_eq!(typescript(name), entries, "{name}");
        }
    }
}

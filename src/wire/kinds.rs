//! The numbers of the wire format, each table in one place. `lib/local/wire/kinds.ts` has the same
//! tables; a test compares the two.

/// A table of names and numbers: an enum, and what a test needs to compare it.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$entry_doc:meta])* $entry:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$entry_doc])* $entry = $number,)*
        }

        impl $name {
            #[allow(dead_code, reason = "answers are only written here: tests read them")]
            /// The entry of this number; None where the other half of the wire is of another version.
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
    /// What a request asks for.
    RequestKind {
        /// One statement.
        Execute = 1,
        /// Several statements in one transaction.
        Batch = 2,
        /// A text of several statements.
        Script = 3,
        /// The beginning of a transaction.
        Begin = 4,
        /// Its COMMIT.
        Commit = 5,
        /// Its ROLLBACK.
        Rollback = 6,
        /// The end of whatever transaction is open: the closing's own.
        EndAnyTransaction = 7,
    }
}

table! {
    /// How a transaction begins.
    Mode {
        /// BEGIN DEFERRED.
        Deferred = 0,
        /// BEGIN IMMEDIATE.
        Write = 1,
        /// BEGIN DEFERRED, and every write is refused.
        Read = 2,
    }
}

table! {
    /// What a value of an argument is.
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
    }
}

table! {
    /// What a record of an answer is.
    RecordKind {
        /// The columns of rows.
        Shape = 1,
        /// Some rows.
        Rows = 2,
        /// The end of one statement.
        Result = 3,
        /// The end of a job.
        Done = 4,
        /// The end of a job that failed.
        Error = 5,
        /// A shape that will not be used again.
        Forget = 6,
        /// The end of one step of a closing.
        Step = 7,
        /// The end of a closing.
        Closed = 8,
        /// Another environment asks this one to shut down.
        ShutdownRequest = 9,
        /// The answer to that.
        ShutdownAcknowledged = 10,
        /// A step of a swap, and how far it is.
        Progress = 11,
        /// A swap waits for JavaScript.
        Wanted = 12,
        /// The end of a swap.
        Swapped = 13,
        /// The end of a swap that failed.
        SwapError = 14,
        /// The swap of a database waits for JavaScript.
        WantedDatabase = 15,
        /// The end of the swap of a database.
        DatabaseSwapped = 16,
        /// The end of a job that found something out.
        Report = 17,
    }
}

table! {
    /// What a cell of a row is.
    CellKind {
        /// NULL.
        Null = 0,
        /// INTEGER, as i32.
        SmallInteger = 1,
        /// INTEGER, as i64.
        Integer = 2,
        /// REAL, as f64.
        Real = 3,
        /// TEXT, as its length.
        Text = 4,
        /// BLOB, as u32 and bytes.
        Blob = 5,
    }
}

table! {
    /// Which JavaScript class an error becomes.
    ErrorKind {
        /// `LibsqlError` (or `LibsqlBatchError`, where a statement of a batch failed).
        Libsql = 0,
        /// `RangeError`.
        Range = 1,
        /// The reason of the caller's `AbortSignal`.
        Aborted = 2,
    }
}

table! {
    /// What a `WantedDatabase` record asks for.
    QuestionKind {
        /// The caller's making of the new database.
        Build = 1,
        /// The caller's look at it.
        Verify = 2,
    }
}

table! {
    /// The flags of a `Batch` request.
    BatchFlag {
        /// Foreign keys are off meanwhile: `migrate()`.
        ForeignKeysOff = 1,
    }
}

table! {
    /// The flags of `Done` and `Error` records.
    OutcomeFlag {
        /// The connection is in no transaction.
        Autocommit = 1,
        /// The client is pinned to the lane of the job.
        Pinned = 2,
        /// The connection is in a transaction that a statement of the client has begun.
        Explicit = 4,
        /// Something that the job did is committed.
        Committed = 8,
    }
}

table! {
    /// The flags of `Swapped` and `DatabaseSwapped` records.
    SwappedFlag {
        /// The target is the new file.
        Committed = 1,
        /// It outlives a power cut.
        Durable = 2,
        /// Somebody opened the old file in the very instant of the rename.
        OpenedMeanwhile = 4,
    }
}

table! {
    /// The flags of a `SwapError` record.
    SwapErrorFlag {
        /// The target is the new file all the same.
        Committed = 1,
        /// The caller has ended the swap.
        Aborted = 2,
    }
}

table! {
    /// What JavaScript must know of a client's lanes to let calls wait or start.
    LaneFlag {
        /// There is a lane for calls outside of transactions.
        MainFree = 1,
        /// A transaction can have another lane.
        OtherFree = 2,
        /// Lanes besides the main lane are open and have no transaction.
        HasIdle = 4,
    }
}

/// A flag, where it is set.
pub fn flag(flag: u8, is_set: bool) -> u8 {
    if is_set { flag } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The other half of the wire.
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
            ("ErrorKind", ErrorKind::NAMES),
            ("QuestionKind", QuestionKind::NAMES),
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

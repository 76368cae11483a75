//! The names of SQLite's result codes (<https://sqlite.org/rescode.html>).

use rusqlite::ffi;

pub use ffi::{
    SQLITE_AUTH, SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_ERROR, SQLITE_FULL,
    SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_LOCKED, SQLITE_LOCKED_SHAREDCACHE, SQLITE_MISUSE,
    SQLITE_NOTADB, SQLITE_PERM, SQLITE_READONLY, SQLITE_READONLY_DBMOVED, SQLITE_SCHEMA,
    SQLITE_TOOBIG,
};

/// The primary result code of an extended one, for example SQLITE_CONSTRAINT (19) for 2067.
pub const fn primary(code: i32) -> i32 {
    code & 0xff
}

/// The name of a result code's primary code, for example `SQLITE_CONSTRAINT` for 2067.
pub fn base_name(raw: i32) -> String {
    let base = primary(raw);
    match usize::try_from(base).ok().and_then(|index| BASE_NAMES.get(index)) {
        Some(name) => format!("SQLITE_{name}"),
        None => format!("SQLITE_UNKNOWN_{base}"),
    }
}

/// The name of an extended result code, for example `SQLITE_CONSTRAINT_UNIQUE` for 2067.
pub fn extended_name(raw: i32) -> String {
    match EXTENDED_NAMES.binary_search_by_key(&raw, |(code, _)| *code) {
        Ok(index) => format!("SQLITE_{}", EXTENDED_NAMES[index].1),
        Err(_) => base_name(raw),
    }
}

/// The primary result codes (<https://sqlite.org/rescode.html>) in the order of their numbers.
const BASE_NAMES: [&str; 29] = [
    "OK",
    "ERROR",
    "INTERNAL",
    "PERM",
    "ABORT",
    "BUSY",
    "LOCKED",
    "NOMEM",
    "READONLY",
    "INTERRUPT",
    "IOERR",
    "CORRUPT",
    "NOTFOUND",
    "FULL",
    "CANTOPEN",
    "PROTOCOL",
    "EMPTY",
    "SCHEMA",
    "TOOBIG",
    "CONSTRAINT",
    "MISMATCH",
    "MISUSE",
    "NOLFS",
    "AUTH",
    "FORMAT",
    "RANGE",
    "NOTADB",
    "NOTICE",
    "WARNING",
];

/// The extended result codes (<https://sqlite.org/rescode.html>), sorted by number.
const EXTENDED_NAMES: [(i32, &str); 74] = [
    (257, "ERROR_MISSING_COLLSEQ"),
    (261, "BUSY_RECOVERY"),
    (262, "LOCKED_SHAREDCACHE"),
    (264, "READONLY_RECOVERY"),
    (266, "IOERR_READ"),
    (267, "CORRUPT_VTAB"),
    (270, "CANTOPEN_NOTEMPDIR"),
    (275, "CONSTRAINT_CHECK"),
    (279, "AUTH_USER"),
    (283, "NOTICE_RECOVER_WAL"),
    (284, "WARNING_AUTOINDEX"),
    (513, "ERROR_RETRY"),
    (516, "ABORT_ROLLBACK"),
    (517, "BUSY_SNAPSHOT"),
    (518, "LOCKED_VTAB"),
    (520, "READONLY_CANTLOCK"),
    (522, "IOERR_SHORT_READ"),
    (523, "CORRUPT_SEQUENCE"),
    (526, "CANTOPEN_ISDIR"),
    (531, "CONSTRAINT_COMMITHOOK"),
    (539, "NOTICE_RECOVER_ROLLBACK"),
    (769, "ERROR_SNAPSHOT"),
    (773, "BUSY_TIMEOUT"),
    (776, "READONLY_ROLLBACK"),
    (778, "IOERR_WRITE"),
    (779, "CORRUPT_INDEX"),
    (782, "CANTOPEN_FULLPATH"),
    (787, "CONSTRAINT_FOREIGNKEY"),
    (1032, "READONLY_DBMOVED"),
    (1034, "IOERR_FSYNC"),
    (1038, "CANTOPEN_CONVPATH"),
    (1043, "CONSTRAINT_FUNCTION"),
    (1288, "READONLY_CANTINIT"),
    (1290, "IOERR_DIR_FSYNC"),
    (1294, "CANTOPEN_DIRTYWAL"),
    (1299, "CONSTRAINT_NOTNULL"),
    (1544, "READONLY_DIRECTORY"),
    (1546, "IOERR_TRUNCATE"),
    (1550, "CANTOPEN_SYMLINK"),
    (1555, "CONSTRAINT_PRIMARYKEY"),
    (1802, "IOERR_FSTAT"),
    (1811, "CONSTRAINT_TRIGGER"),
    (2058, "IOERR_UNLOCK"),
    (2067, "CONSTRAINT_UNIQUE"),
    (2314, "IOERR_RDLOCK"),
    (2323, "CONSTRAINT_VTAB"),
    (2570, "IOERR_DELETE"),
    (2579, "CONSTRAINT_ROWID"),
    (2826, "IOERR_BLOCKED"),
    (2835, "CONSTRAINT_PINNED"),
    (3082, "IOERR_NOMEM"),
    (3091, "CONSTRAINT_DATATYPE"),
    (3338, "IOERR_ACCESS"),
    (3594, "IOERR_CHECKRESERVEDLOCK"),
    (3850, "IOERR_LOCK"),
    (4106, "IOERR_CLOSE"),
    (4362, "IOERR_DIR_CLOSE"),
    (4618, "IOERR_SHMOPEN"),
    (4874, "IOERR_SHMSIZE"),
    (5130, "IOERR_SHMLOCK"),
    (5386, "IOERR_SHMMAP"),
    (5642, "IOERR_SEEK"),
    (5898, "IOERR_DELETE_NOENT"),
    (6154, "IOERR_MMAP"),
    (6410, "IOERR_GETTEMPPATH"),
    (6666, "IOERR_CONVPATH"),
    (6922, "IOERR_VNODE"),
    (7178, "IOERR_AUTH"),
    (7434, "IOERR_BEGIN_ATOMIC"),
    (7690, "IOERR_COMMIT_ATOMIC"),
    (7946, "IOERR_ROLLBACK_ATOMIC"),
    (8202, "IOERR_DATA"),
    (8458, "IOERR_CORRUPTFS"),
    (8714, "IOERR_IN_PAGE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_extended_code_has_the_name_of_its_primary_code() {
        assert_eq!(extended_name(2067), "SQLITE_CONSTRAINT_UNIQUE");
        assert_eq!(extended_name(19 | (99 << 8)), "SQLITE_CONSTRAINT");
        assert_eq!(base_name(77), "SQLITE_UNKNOWN_77");
    }

    #[test]
    fn the_table_is_sorted_for_its_binary_search() {
        assert!(EXTENDED_NAMES.is_sorted_by_key(|(code, _)| *code));
    }
}

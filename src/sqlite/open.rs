//! Opens databases, and explains why a database cannot be opened.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::Error;
use super::codes::SQLITE_CANTOPEN;
use super::error::without_path;
use crate::files::system_error::advice;
use crate::files::{self, Refusal, sidecars};

/// The location of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, by its absolute path, so that a `chdir` does not change the meaning of the path.
    File(PathBuf),
    /// An in-memory database, by SQLite's URI (`file::memory:?cache=shared`).
    Memory(String),
    /// SQLite's temporary database, whose path is empty.
    Temporary,
}

impl Location {
    /// Whether the database has a shared cache (<https://sqlite.org/sharedcache.html>), which other clients
    /// of this process may use, too.
    pub fn shares_cache(&self) -> bool {
        matches!(self, Self::Memory(uri) if uri.contains("cache=shared"))
    }

    /// The path of the file. None if the database is not a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory(_) | Self::Temporary => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Memory(uri) => formatter.write_str(uri),
            Self::Temporary => formatter.write_str("a temporary database"),
        }
    }
}

/// The access of a connection to its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading and writing. A missing file is created.
    Create,
    /// Reading and writing. A file without write permission is opened for reading.
    Write,
    /// Reading.
    Read,
    /// Reading a file that does not change. SQLite reads no other file and creates none beside it.
    Immutable,
}

impl Access {
    fn flags(self) -> OpenFlags {
        OpenFlags::SQLITE_OPEN_NO_MUTEX
            | match self {
                Self::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
                Self::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
                Self::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
                Self::Immutable => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
            }
    }
}

/// Opens the database of a client.
pub(super) fn open(location: &Location, access: Access) -> Result<Connection, Error> {
    files::before_open();
    let flags = access.flags();
    match location {
        Location::File(path) => {
            refuse_sidecar(path)?;
            // On Unix our open(2) refuses, which knows where symbolic links lead.
            if cfg!(not(unix)) && access == Access::Create && path.symlink_metadata().is_err() {
                files::check_name(path)
                    .map_err(|error| cannot_open(path.display().to_string(), error.to_string()))?;
            }
            if path.as_os_str().as_encoded_bytes().contains(&0) {
                return Err(cannot_open(
                    path.display().to_string().replace('\0', "\\0"),
                    "a path cannot contain a NUL character; use a path without one".to_owned(),
                ));
            }
            Connection::open_with_flags(path, flags)
                .map_err(|error| explain(path, access == Access::Create, error.into()))
        }
        Location::Memory(uri) => {
            Ok(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?)
        }
        Location::Temporary => Ok(Connection::open_with_flags("", flags)?),
    }
}

/// The place of the two version numbers in the header of a database file, of which 2 stands for WAL
/// (<https://sqlite.org/fileformat.html#file_format_version_numbers>).
const VERSIONS: std::ops::Range<usize> = 18..20;

/// Fills a database in memory with the content of a database file
/// (<https://sqlite.org/c3ref/deserialize.html>). A database in memory has no WAL.
///
/// # Errors
/// SQLITE_NOTADB for what is no database.
pub(super) fn fill(connection: &mut Connection, content: &[u8]) -> Result<(), Error> {
    if content.is_empty() {
        // As an empty file is an empty database.
        return Ok(());
    }
    let (before, rest) = content.split_at(VERSIONS.start.min(content.len()));
    let (versions, after) = rest.split_at((VERSIONS.end - VERSIONS.start).min(rest.len()));
    let versions: Vec<u8> = versions.iter().map(|version| (*version).min(1)).collect();
    let reader = before.chain(versions.as_slice()).chain(after);
    connection.deserialize_read_exact("main", reader, content.len(), false)?;
    // SQLite reads it with the first statement.
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Sets a limit of a connection, by SQLite's number.
pub(super) fn set_limit(connection: &Connection, limit: i32, value: i32) -> Result<(), Error> {
    const LIMITS: [Limit; 11] = [
        Limit::SQLITE_LIMIT_LENGTH,
        Limit::SQLITE_LIMIT_SQL_LENGTH,
        Limit::SQLITE_LIMIT_COLUMN,
        Limit::SQLITE_LIMIT_EXPR_DEPTH,
        Limit::SQLITE_LIMIT_COMPOUND_SELECT,
        Limit::SQLITE_LIMIT_VDBE_OP,
        Limit::SQLITE_LIMIT_FUNCTION_ARG,
        Limit::SQLITE_LIMIT_ATTACHED,
        Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
        Limit::SQLITE_LIMIT_VARIABLE_NUMBER,
        Limit::SQLITE_LIMIT_TRIGGER_DEPTH,
    ];
    if let Some(limit) = LIMITS.into_iter().find(|known| *known as i32 == limit) {
        connection.set_limit(limit, value)?;
    }
    Ok(())
}

/// Opens a file by its real path. Does not follow a symbolic link, which may just have replaced the file.
///
/// # Errors
/// SQLite's error, without an explanation.
pub(super) fn open_real_path(path: &Path, access: Access) -> Result<Connection, Error> {
    files::before_open();
    let uri = (access == Access::Immutable).then(|| path.to_str().map(immutable_uri)).flatten();
    let access = if uri.is_none() && access == Access::Immutable { Access::Read } else { access };
    let name = uri.map_or_else(|| path.as_os_str().to_owned(), OsString::from);
    Ok(Connection::open_with_flags(name, access.flags() | OpenFlags::SQLITE_OPEN_NOFOLLOW)?)
}

/// SQLite's URI for a file that does not change (<https://sqlite.org/uri.html>).
fn immutable_uri(path: &str) -> String {
    let mut uri = String::from(if cfg!(windows) { "file:///" } else { "file:" });
    for character in path.chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            '\\' if cfg!(windows) => uri.push('/'),
            _ => uri.push(character),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Refuses to open a `-shm` or another sidecar of an open database as a database. SQLite does not know that
/// both are the same file, so closing it would drop the locks of the open database.
fn refuse_sidecar(path: &Path) -> Result<(), Error> {
    // Without an open database the question costs no system call.
    if !files::has_open() {
        return Ok(());
    }
    match sidecars::database_beside(path) {
        Some(database) if files::is_open_database(&database) && !files::is_open_database(path) => {
            Err(cannot_open(
                path.display().to_string(),
                format!(
                    "it is a file that SQLite keeps beside the open database {}; open that database instead",
                    database.display()
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn cannot_open(path: String, cause: String) -> Error {
    Error::Open { code: SQLITE_CANTOPEN, path, cause }
}

/// Explains why a file cannot be opened, from the state of the file and its directory. SQLite's text is
/// only "unable to open database file".
fn explain(path: &Path, create: bool, error: Error) -> Error {
    let (code, message, refusal) = match error {
        #[cfg(unix)]
        Error::Refused { path, refusal: Refusal::Leased, .. } => {
            return Error::Leased { path: path.display().to_string() };
        }
        Error::Refused { code, message, refusal, .. } => (code, message, Some(refusal)),
        Error::Sqlite { code, message } => (code, message, None),
        other => return other,
    };
    let cause = cause(path, create, refusal);
    let message = without_path(&message, path);
    Error::Open { code, path: path.display().to_string(), cause: format!("{message}: {cause}") }
}

fn cause(path: &Path, create: bool, refusal: Option<Refusal>) -> String {
    let folder = path.parent().unwrap_or(path);
    if is_too_long(path) {
        return format!("a path can have {LONGEST_PATH} bytes with SQLite; use a shorter one");
    }
    // SQLite has asked the system about the name, which was too long for that already.
    if create
        && let Err(problem) = files::check_name(path).or_else(|problem| existing(path, problem))
    {
        return problem.to_string();
    }
    match (std::fs::metadata(path), std::fs::metadata(folder)) {
        (Ok(found), _) if found.is_dir() => "it is a directory; name a file".to_owned(),
        (_, Ok(found)) if !found.is_dir() => {
            format!("{} is not a directory; name a file in a directory", folder.display())
        }
        (Err(_), Err(missing)) if missing.kind() == io::ErrorKind::NotFound => {
            format!("{missing}: {}; create the directory first", folder.display())
        }
        (Err(_), Err(error)) if error.kind() != io::ErrorKind::PermissionDenied => {
            format!("{error}: {}{}", folder.display(), advice(&error))
        }
        // The refusal itself would be that there is no such file.
        (Err(missing), Ok(_)) if !create => missing.to_string(),
        (found, Ok(_)) if refusal.as_ref().is_some_and(Refusal::is_systems) => {
            let what = if found.is_err() { "it cannot be created in its directory: " } else { "" };
            refusal.map_or_else(String::new, |refusal| format!("{what}{refusal}"))
        }
        (found, _) => match (refusal, found) {
            (Some(refusal), _) => refusal.to_string(),
            (None, Err(error)) => format!("{error}{}", advice(&error)),
            (None, Ok(_)) => "check its permissions, and those of its directory".to_owned(),
        },
    }
}

/// A file that is there can be read, whatever its name is.
fn existing(path: &Path, problem: files::NameTooLong) -> Result<(), files::NameTooLong> {
    if path.symlink_metadata().is_ok() { Ok(()) } else { Err(problem) }
}

/// The longest path of a database on Unix, in bytes (os_unix.c, MAX_PATHNAME), with room for the suffix of
/// the journal.
const LONGEST_PATH: usize = 512 - "-journal".len() - 1;

/// Whether SQLite refuses the path for its length.
pub fn is_too_long(path: &Path) -> bool {
    cfg!(unix) && path.as_os_str().len() > LONGEST_PATH
}

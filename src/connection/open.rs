//! Opening the database, and saying why it cannot be opened.

use std::path::Path;

use rusqlite::{OpenFlags, ffi};

use crate::context::Location;
use crate::error::Error;
use crate::open_files;

/// Opens a connection as SQLite has it, without any setting of ours.
pub fn open(
    location: &Location,
    create: bool,
    read_only: bool,
) -> Result<rusqlite::Connection, Error> {
    open_files::before_open();
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let create = create && !read_only;
    flags.set(OpenFlags::SQLITE_OPEN_READ_ONLY, read_only);
    flags.set(OpenFlags::SQLITE_OPEN_READ_WRITE, !read_only);
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    match location {
        Location::File(path) => {
            refuse_sidecar(path)?;
            rusqlite::Connection::open_with_flags(path, flags)
                .map_err(|error| explain(path, create, error))
        }
        Location::Memory(uri) => {
            Ok(rusqlite::Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?)
        }
        Location::Temporary => Ok(rusqlite::Connection::open_with_flags("", flags)?),
    }
}

/// SQLite keeps no count of who has a `-shm` open as a database: to close that would drop the locks of
/// the database that it belongs to.
fn refuse_sidecar(path: &Path) -> Result<(), Error> {
    match open_files::sidecars::database_beside(path) {
        Some(database)
            if open_files::is_open_database(&database) && !open_files::is_open_database(path) =>
        {
            Err(Error::Open {
                code: ffi::SQLITE_CANTOPEN,
                path: path.display().to_string(),
                cause: format!(
                    "SQLite keeps it beside the database {}, which is open; name that one",
                    database.display()
                ),
            })
        }
        _ => Ok(()),
    }
}

/// SQLite says only "unable to open database file": the folder says why.
fn explain(path: &Path, create: bool, error: rusqlite::Error) -> Error {
    if matches!(error, rusqlite::Error::NulError(_)) {
        return Error::Open {
            code: ffi::SQLITE_CANTOPEN,
            path: path.display().to_string().replace('\0', "\\0"),
            cause: "a path cannot hold a NUL character; name a file without one".to_owned(),
        };
    }
    let refused = open_files::take_refusal();
    #[cfg(unix)]
    if let Some((path, open_files::Refusal::Leased)) = &refused {
        return Error::Leased { path: path.display().to_string() };
    }
    let folder = path.parent().unwrap_or(path);
    let cause = match (std::fs::metadata(path), std::fs::metadata(folder)) {
        (Ok(found), _) if found.is_dir() => "it is a directory; name a file".to_owned(),
        (_, Ok(found)) if !found.is_dir() => {
            format!("{} is not a directory", folder.display())
        }
        (Err(_), Err(missing)) => {
            format!("{missing}: {}; create the directory first", folder.display())
        }
        (Err(missing), Ok(_)) if !create => missing.to_string(),
        (Err(missing), Ok(_)) if missing.kind() == std::io::ErrorKind::NotFound => {
            format!("it cannot be created in {}; check its permissions", folder.display())
        }
        _ => match refused {
            Some((_, refusal)) => refusal.to_string(),
            None => "check its permissions".to_owned(),
        },
    };
    match Error::from(error) {
        Error::Sqlite { code, message } => Error::Open {
            code,
            path: path.display().to_string(),
            cause: format!("{message}: {cause}"),
        },
        other => other,
    }
}

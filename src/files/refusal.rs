//! The reasons for which a file of the right name is not opened.

use std::io;

use super::names::NameTooLong;
use super::system_error;

/// Why a file was refused. Each text ends with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is not a regular file. Opening a FIFO blocks, and opening a device can have side
    /// effects.
    #[error("it is {0}, where a regular file belongs; remove it")]
    NotAFile(&'static str),
    /// The file has this many names. Writing to it would change the file under its other names too.
    #[error(
        "it is one of {0} hard links to a file, and writing to it would change that file; remove it, or replace it with a copy"
    )]
    HardLink(u64),
    /// The file's owner, with this number, may not write to the file that it is for.
    /// [`super::trust`] has the rules.
    #[cfg(unix)]
    #[error(
        "it belongs to user {0}, who may not write to the file that it is for; remove it, or change its owner to that file's owner"
    )]
    Owner(u32),
    /// Another process kept its lease on the file longer than the thread waits ([`super::leases`]).
    #[cfg(unix)]
    #[error(
        "another process holds a lease on it (fcntl F_SETLEASE), and has not given it up in time; try again"
    )]
    Leased,
    /// The name of the new database is too long.
    #[error(transparent)]
    #[cfg_attr(not(unix), expect(dead_code, reason = "only our open(2) refuses"))]
    NameTooLong(#[from] NameTooLong),
    /// The system refused it, with this number of an error.
    #[error("{}", system_error::describe(*.0))]
    #[cfg_attr(not(unix), expect(dead_code, reason = "only our open(2) tells"))]
    System(i32),
}

impl Refusal {
    /// Whether the system has refused, and not we.
    pub fn is_systems(&self) -> bool {
        matches!(self, Self::System(_))
    }

    /// The refusal inside an error of a file call, if it has one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            #[cfg(unix)]
            Refusal::Leased => io::ErrorKind::WouldBlock,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, refusal)
    }
}

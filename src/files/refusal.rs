//! Why a file is not opened although it has the name that was looked for.

use std::io;

/// See the module's own text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Opening a FIFO waits for its other end; a device or a terminal may do anything.
    #[error("it is {0}, where a regular file belongs; remove it")]
    NotAFile(&'static str),
    /// It has this many names: what is written by one of them is read by all.
    #[error(
        "it is one of {0} hard links to a file, and what is written to it would change that file; remove it, or put a copy in its place"
    )]
    HardLink(u64),
    /// It belongs to this user, who may not change what it stands beside. See [`super::trust`].
    #[cfg(unix)]
    #[error(
        "it belongs to the user {0}, who may not write to the file that it is for; remove it, or give it to the owner of that file"
    )]
    Owner(u32),
    /// See [`super::leases`].
    #[cfg(unix)]
    #[error(
        "another process holds a lease on it (fcntl F_SETLEASE), and has not given it up in time; try again"
    )]
    Leased,
}

impl Refusal {
    /// The one that an error of a file call stands for, where it does.
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

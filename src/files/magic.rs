//! The first bytes of SQLite's files (<https://sqlite.org/fileformat2.html>, sections 1.2, 3 and
//! 4).

/// A database that is not empty.
pub const DATABASE: &[u8; 16] = b"SQLite format 3\0";

/// A `-journal` with a transaction in it.
pub const JOURNAL: &[u8] = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";

/// A `-wal`, in either byte order.
pub const WAL: [&[u8]; 2] = [b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"];

/// A `-shm` (<https://sqlite.org/walformat.html>, section 2.1), in this machine's byte order.
#[cfg(unix)]
pub const SHARED_MEMORY: [u8; 4] = 3_007_000_u32.to_ne_bytes();

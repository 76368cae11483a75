//! The wire format: the bytes of requests from JavaScript and of answers to it. `lib/local/wire/` is the
//! other half.
//!
//! All numbers are little-endian. `str` is a `u32` length in bytes and that many bytes of UTF-8.
//!
//! # A request: one job
//!
//! ```text
//! request   := u8 operation, body
//! operation := 1 execute   statement
//!              2 batch     u8 mode, u8 flags, u32 count, statement × count   (flags: 1 foreign keys
//!                          are off during the batch)
//!              3 script    str sql, [u32 ms]   (a limit of the time of each statement)
//!              4 begin     u8 mode
//!              5 commit
//!              6 rollback
//!              7 end any transaction   (one that no call can continue)
//!              8 checkpoint            (of the addon itself)
//!             10 open cursor   u8 begins (0 or 1: a transaction of its own), u32 most rows, statement
//!             11 fetch         u32 cursor (the job that opened it), u32 most rows
//!             12 close cursor  u32 cursor
//!             13 read on               (of the addon itself)
//!             14 many          u32 count, (u32 bytes, arguments) × count, u32 id (0: str sql follows)
//!             15 describe      statement
//! mode      := 0 deferred, 1 write, 2 read
//! statement := u32 id (of a defined statement; 0: str sql follows), arguments
//! arguments := u32 bytes (of the rest of the arguments), u8 flags, [options,] u32 count,
//!              ([str name,] value) × count   (flags: 1 named, 2 only the first row is wanted, 4 options)
//! options   := u8 options, [u32 ms]   (options: 1 read-only, 2 strict arguments, 4 no strict arguments,
//!              8 integers as numbers, 16 not as numbers, 32 tables of the columns, 64 a limit of time)
//! value     := u8 tag, then by tag: 0 NULL; 1 INTEGER i64; 2 REAL f64; 3 TEXT str; 4 BLOB u32 bytes;
//!              5 a list: u32 count, value × count (no lists; only as an argument by position)
//! ```
//!
//! # Answers: records
//!
//! ```text
//! record    := u32 bytes (of the rest of the record), u32 job, u8 kind, body
//! kind      := 1 shape   u32 shape, u32 columns, (str name, str declared type) × columns
//!              2 rows    u32 shape, u32 rows, u32 bytes of cells, u8 encoding, cells, text
//!                          (encoding: 1 ISO 8859-1, 2 UTF-16)
//!              3 result  u32 shape (0: no columns), f64 rows affected, u8 has rowid, i64 rowid
//!              4 done    u8 flags   (1 autocommit, 2 pinned to this lane, 4 in an explicit
//!                          transaction, neither 1 nor 4: not known, 8 the job has committed
//!                          something)
//!              5 error   u8 flags, error   (flags: those of done)
//!              6 forget  u32 shape
//!              7 step    str name, f64 ms   (of a closing)
//!              8 closed  u8 -wal left, u32 connections, u32 cancelled
//!              9 shutdown request        u32 request, u8 drain, f64 ms
//!             10 shutdown acknowledged   u8 has report (0: the environment ended first), str report
//!             11 progress    str step, f64 bytes written, f64 total bytes (-1: not known)
//!             12 wanted      str staging path of `prepare` ("": the next piece of the content)
//!             13 swapped     u8 flags, f64 bytes                    (flags: 1 committed, 2 durable)
//!             14 swap error  u8 flags, str code, str step, str path, str errno, str message,
//!                          u32 openers, (u32 process, str name) × openers   (of a database in use)
//!                                                                  (flags: 1 committed, 2 aborted)
//!             15 wanted database   u8 question (1 build, 2 verify), str staging path,
//!                          str old path ("": none)
//!             16 database swapped  u8 flags, f64 bytes, str mode ("first", "rename", "in-place"),
//!                          str backup path ("": none)
//!                                (flags: 1 committed, 2 durable, 4 opened during the rename)
//!             17 report      str JSON
//!             18 panic       str message, str location, str thread
//!             19 piece       u8 content (0 bytes of a BLOB, 1 TEXT in ISO 8859-1, 2 TEXT in UTF-16),
//!                          u8 is the last, u32 bytes of the whole value in SQLite, content
//!             20 ran         u8 lane (1 main, 2 reader, 3 of the transaction), f64 ms queued, f64 ms run
//!             21 tables      u32 shape, u32 columns, str table × columns   ("": an expression)
//! cell      := u8 tag, then by tag: 0 NULL; 1 INTEGER i32; 2 INTEGER i64; 3 REAL f64;
//!              4 TEXT u32 length in UTF-16 units; 5 BLOB u32 bytes; 6 the next long value
//! error     := u8 class, i32 statement index (-1: none), i32 raw code (0: none), str code,
//!              str extended code, str message, u32 offset in the SQL in UTF-16 units (2^32 - 1: none),
//!              str further lines of the message
//! ```
//!
//! The texts of a `rows` record follow behind all of its cells, so that JavaScript decodes them at once
//! and splits them by their lengths. A `rows` record ends once it has [`CHUNK`] bytes, so that the event
//! loop can run other work between two records. A value of more than [`pieces::PIECE`] bytes comes before its
//! row, in pieces.

pub mod error_text;
pub mod kinds;
pub mod pieces;
pub mod records;
pub mod request;
pub mod text;

/// The size at which a `rows` record is complete, in bytes.
pub const CHUNK: usize = 64 * 1024;

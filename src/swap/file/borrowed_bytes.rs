//! Content that stays in the caller's memory while it is written. Copying it would block the
//! caller's thread for as long as writing it takes.

/// Bytes in JavaScript's memory, at a fixed address.
#[derive(Debug)]
pub struct BorrowedBytes {
    start: *const u8,
    length: usize,
}

// SAFETY: the fields are an address and a length. The memory is bound to no thread: `new` requires
// it to stay valid until the swap has ended, whichever thread runs that.
unsafe impl Send for BorrowedBytes {}
// SAFETY: the memory is bound to no thread, and nothing writes to it through this type.
unsafe impl Sync for BorrowedBytes {}

impl BorrowedBytes {
    /// Borrows bytes.
    ///
    /// # Safety
    ///
    /// The caller must keep the bytes valid until the swap has ended or has received the caller's
    /// error. One exception: JavaScript may detach the buffer, or change it. The swap then fails.
    /// Until then the bytes are only passed to write(2), which returns EFAULT for memory that is no
    /// longer mapped.
    pub unsafe fn new(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), length: bytes.len() }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The bytes. They must only be passed to a system call.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the caller of `new` keeps the memory valid. No code of this process reads it
        // through this slice, so that a concurrent change cannot affect the program's behaviour.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

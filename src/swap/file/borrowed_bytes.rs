//! Content that stays in the caller's memory while it is written: a copy would take as long as the
//! writing itself, on the caller's thread.

/// Bytes of JavaScript, which keeps them where they are.
#[derive(Debug)]
pub struct BorrowedBytes {
    start: *const u8,
    length: usize,
}

// SAFETY: it is an address and a length; what is there belongs to no thread (see `new`).
unsafe impl Send for BorrowedBytes {}
// SAFETY: as above; nothing is changed through it.
unsafe impl Sync for BorrowedBytes {}

impl BorrowedBytes {
    /// Borrows bytes.
    ///
    /// # Safety
    ///
    /// The bytes stay there until the swap has ended, or has been told of an error by the lender. One
    /// exception: JavaScript may detach the buffer, or change it. The swap then fails; until then the
    /// bytes only reach write(2), which returns EFAULT where there is no memory any more.
    pub unsafe fn new(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), length: bytes.len() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The bytes, for nothing but to be handed to the system.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `new`'s caller keeps them there. Nothing in this process reads them through this
        // slice: whether they change meanwhile has no bearing on what the program does.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

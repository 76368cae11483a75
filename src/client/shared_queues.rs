//! The writer queues of the process, by the database that its clients share.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use super::writer_queue::WriterQueue;
use crate::files::FileId;
use crate::sync::{Mutex, lock};

/// A database that several clients of a process can use at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SharedDatabase {
    /// A file.
    File(FileId),
    /// An in-memory database with a shared cache, by SQLite's URI.
    Memory(String),
}

static QUEUES: LazyLock<Mutex<HashMap<SharedDatabase, Weak<WriterQueue>>>> =
    LazyLock::new(Mutex::default);

/// The queue of a database. It lives as long as a client that uses it.
pub fn queue_of(database: SharedDatabase) -> Arc<WriterQueue> {
    let mut queues = lock(&QUEUES);
    if let Some(queue) = queues.get(&database).and_then(Weak::upgrade) {
        return queue;
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let queue = Arc::default();
    queues.insert(database, Arc::downgrade(&queue));
    queue
}

//! The environments of each JavaScript thread in this process. With this table, a thread can ask the
//! environments of a worker to shut down their clients.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use super::mailbox::Mailbox;
use crate::sync::{Mutex, MutexGuard, lock};

type Table = HashMap<u32, Vec<Weak<Mailbox>>>;

static THREADS: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// Adds an environment of a thread. `thread` is the number that JavaScript gives the thread.
pub fn enter(thread: u32, mailbox: &Arc<Mailbox>) {
    table().entry(thread).or_default().push(Arc::downgrade(mailbox));
}

/// Removes an environment that ends.
pub fn leave(thread: u32, mailbox: &Arc<Mailbox>) {
    let mut table = table();
    if let Some(mailboxes) = table.get_mut(&thread) {
        mailboxes.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(mailbox)));
        if mailboxes.is_empty() {
            table.remove(&thread);
        }
    }
}

/// The mailboxes of a thread's environments.
pub fn of(thread: u32) -> Vec<Arc<Mailbox>> {
    table().get(&thread).into_iter().flatten().filter_map(Weak::upgrade).collect()
}

/// Stops the bells of all environments, because the process ends.
pub fn mute_all() {
    let mailboxes: Vec<_> = table().values().flatten().filter_map(Weak::upgrade).collect();
    for mailbox in mailboxes {
        mailbox.mute();
    }
}

fn table() -> MutexGuard<'static, Table> {
    lock(&THREADS)
}

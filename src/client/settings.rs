//! The settings that PRAGMA statements make on a connection, kept so that every connection of the
//! client has them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sqlite::{Connection, Error, Pragma};
use crate::sync::{Mutex, MutexGuard, lock};

/// The settings of one client, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Settings {
    made: Mutex<Vec<Setting>>,
    version: AtomicU64,
}

impl Clone for Settings {
    fn clone(&self) -> Self {
        let made = self.made();
        Self { made: Mutex::new(made.clone()), version: AtomicU64::new(self.version()) }
    }
}

#[derive(Clone, Debug)]
struct Setting {
    name: String,
    value: String,
    version: u64,
}

impl Settings {
    /// Keeps what a statement has set on one connection. True where it was a setting.
    pub fn keep(&self, pragma: &Pragma) -> bool {
        let Some(value) = pragma.value.as_ref().filter(|_| pragma.is_setting()) else {
            return false;
        };
        let mut made = self.made();
        made.retain(|setting| setting.name != pragma.name);
        let version = self.version.load(Ordering::Relaxed) + 1;
        // WAL and its opposite are properties of the file; how a rollback journal ends is the
        // connection's.
        if pragma.name != "journal_mode" || is_journal_of_connection(value) {
            made.push(Setting { name: pragma.name.clone(), value: value.clone(), version });
        }
        self.version.store(version, Ordering::Release);
        true
    }

    /// The number of the latest setting.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Makes the settings that came after `since` on this connection. Returns the latest number.
    pub fn apply(&self, connection: &Connection, since: u64) -> Result<u64, Error> {
        let (newer, version) = {
            let made = self.made();
            let newer: Vec<_> =
                made.iter().filter(|setting| setting.version > since).cloned().collect();
            (newer, self.version())
        };
        for setting in newer {
            if setting.name == "journal_mode" {
                apply_journal_mode(connection, &setting.value);
            } else {
                connection.set_pragma(&setting.name, setting.value.as_str())?;
            }
        }
        Ok(version)
    }

    fn made(&self) -> MutexGuard<'_, Vec<Setting>> {
        lock(&self.made)
    }
}

fn is_journal_of_connection(value: &str) -> bool {
    ["truncate", "persist", "memory", "off"].iter().any(|mode| value.eq_ignore_ascii_case(mode))
}

/// Sets how a rollback journal ends, unless somebody has made the file a WAL one meanwhile: a
/// transaction that begins must not change the file. Where it cannot be set now, the journal is
/// deleted at the end, which is always right.
fn apply_journal_mode(connection: &Connection, mode: &str) {
    let current = connection.pragma::<String>("journal_mode");
    if current.is_ok_and(|current| current != "wal") {
        let _ = connection.set_pragma("journal_mode", mode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(name: &str, value: Option<&str>) -> Pragma {
        Pragma { name: name.into(), value: value.map(Into::into) }
    }

    fn ask(connection: &Connection, name: &str) -> i64 {
        connection.pragma(name).unwrap()
    }

    #[test]
    fn a_second_connection_gets_the_settings_of_the_first() {
        let settings = Settings::default();
        assert!(settings.keep(&pragma("foreign_keys", Some("off"))));
        assert!(settings.keep(&pragma("cache_size", Some("-4321"))));
        let second = Connection::in_memory();
        assert_eq!(ask(&second, "foreign_keys"), 1);
        let version = settings.apply(&second, 0).unwrap();
        assert_eq!(ask(&second, "foreign_keys"), 0);
        assert_eq!(ask(&second, "cache_size"), -4321);
        settings.keep(&pragma("foreign_keys", Some("1")));
        settings.apply(&second, version).unwrap();
        assert_eq!(ask(&second, "foreign_keys"), 1);
        assert_eq!(ask(&second, "cache_size"), -4321);
    }

    #[test]
    fn questions_and_properties_of_the_file_are_no_settings() {
        let settings = Settings::default();
        assert!(!settings.keep(&pragma("foreign_keys", None)));
        assert!(!settings.keep(&pragma("user_version", Some("3"))));
        assert_eq!(settings.version(), 0);
    }
}

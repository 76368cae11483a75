//! PRAGMA statements, and which of them make a setting of the connection.

/// The PRAGMAs whose setting belongs to a connection and not to the database file
/// (<https://sqlite.org/pragma.html>). `busy_timeout` is kept by the client itself.
const PER_CONNECTION: [&str; 30] = [
    "analysis_limit",
    "automatic_index",
    "cache_size",
    "cache_spill",
    "case_sensitive_like",
    "cell_size_check",
    "checkpoint_fullfsync",
    "count_changes",
    "empty_result_callbacks",
    "foreign_keys",
    "full_column_names",
    "fullfsync",
    "ignore_check_constraints",
    "journal_mode",
    "journal_size_limit",
    "legacy_alter_table",
    "max_page_count",
    "mmap_size",
    "query_only",
    "read_uncommitted",
    "recursive_triggers",
    "reverse_unordered_selects",
    "secure_delete",
    "short_column_names",
    "synchronous",
    "temp_store",
    "threads",
    "trusted_schema",
    "wal_autocheckpoint",
    "writable_schema",
];

/// A PRAGMA statement, as the authorizer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pragma {
    /// Its name, in lower case.
    pub name: String,
    /// What it is set to; None where it is only asked for.
    pub value: Option<String>,
}

impl Pragma {
    /// Whether it makes a setting of the connection.
    pub fn is_setting(&self) -> bool {
        self.value.is_some() && PER_CONNECTION.contains(&self.name.as_str())
    }

    /// Whether SQLite makes the setting when it prepares the statement, before it is stepped: all but
    /// those that are code of the statement (pragma.c), and the locking mode, which ties the client to its
    /// connection.
    pub fn is_made_when_prepared(&self) -> bool {
        let is_code = ["journal_mode", "max_page_count"].contains(&self.name.as_str());
        let is_locking_mode = self.value.is_some() && self.name == "locking_mode";
        is_locking_mode || (self.is_setting() && !is_code)
    }
}

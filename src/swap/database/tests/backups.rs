//! Tests of the backup's name.

use super::*;

#[test]
fn a_backup_whose_name_exists_and_cannot_be_numbered_gets_another_one() {
    for in_use in [InUse::Refuse, InUse::InPlace] {
        let bench = Bench::new("delete");
        let mut other = Process::start();
        let step = if in_use == InUse::InPlace { Step::Transfer } else { Step::Rename };
        if in_use == InUse::InPlace {
            other.open(&bench.path());
        }
        // The longest possible name of a database.
        let name = "b".repeat(255 - "-journal".len());
        let taken = bench.beside(&name);
        let mut caller = TestCaller::acting(step, |_| fs::write(&taken, "another file").unwrap());
        let request =
            DatabaseSwap { in_use, backup: Backup::Named(name.into()), ..bench.request() };
        let backup = swap_database(&request, &mut caller).unwrap().backup.unwrap();
        other.end();
        assert_eq!(numbers(&backup, "old"), [1, 2, 3]);
        assert_eq!(fs::read_to_string(&taken).unwrap(), "another file");
        assert_eq!(bench.names().len(), 3);
    }
}

#[test]
fn reserved_and_impossible_names_of_a_backup_are_refused() {
    let bench = Bench::new("wal");
    let too_long = "x".repeat(300);
    for (name, code) in [
        ("a.db-wal", "BACKUP_NAME_RESERVED"),
        ("a.db-shm", "BACKUP_NAME_RESERVED"),
        ("a.db-journal", "BACKUP_NAME_RESERVED"),
        (".swap-backup-a.db", "BACKUP_NAME_RESERVED"),
        (".staging-0123456789ab-a.db", "BACKUP_NAME_RESERVED"),
        (&too_long, "NAME_TOO_LONG"),
    ] {
        let request = DatabaseSwap { backup: Backup::Named(name.into()), ..bench.request() };
        let error = bench.swap(&request).unwrap_err();
        assert_eq!((error.code(), error.committed), (code, false), "{name}");
        bench.assert_old("wal");
    }
}

#[test]
fn the_backup_of_a_database_with_a_long_name_gets_a_shortened_name() {
    let bench = Bench::new("delete");
    let long = bench.beside(&("x".repeat(240) + ".db"));
    fs::rename(bench.path(), &long).unwrap();
    let request = DatabaseSwap { target: long, backup: Backup::Pattern, ..bench.request() };
    let backup = bench.swap(&request).unwrap().backup.unwrap();
    assert_eq!(numbers(&backup, "old"), [1, 2, 3]);
}

use super::*;
use std::sync::mpsc;
use std::thread;

fn target(folder: &tempfile::TempDir) -> Target {
    Target::resolve(&folder.path().join("a")).unwrap()
}

#[test]
fn waiting_swaps_get_the_lock_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let first = TargetLock::acquire(&target(&folder), &Arc::default()).unwrap();
    let (sender, order) = mpsc::channel();
    let mut threads = Vec::new();
    for number in 0..5 {
        let (target, sender) = (target(&folder), sender.clone());
        threads.push(thread::spawn(move || {
            let lock = TargetLock::acquire(&target, &Arc::default()).unwrap();
            sender.send(number).unwrap();
            drop(lock);
        }));
        let path = target_path(&folder);
        while lock_queues().waiting.get(&path).map_or(0, VecDeque::len) < number + 2 {
            thread::yield_now();
        }
    }
    drop(first);
    assert_eq!(order.iter().take(5).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for thread in threads {
        thread.join().unwrap();
    }
    let path = target_path(&folder);
    assert!(!path.exists(), "the lock file is gone");
    assert!(!lock_queues().waiting.contains_key(&path));
}

fn target_path(folder: &tempfile::TempDir) -> PathBuf {
    target(folder).beside(PREFIX)
}

#[test]
fn a_cancelled_wait_leaves_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let first = TargetLock::acquire(&target(&folder), &Arc::default()).unwrap();
    let cancel = Arc::new(Cancel::default());
    let (given_up, waiting) = (target(&folder), Arc::clone(&cancel));
    let thread = thread::spawn(move || TargetLock::acquire(&given_up, &waiting).map(drop));
    cancel.raise(CancelReason::Aborted);
    assert_eq!(thread.join().unwrap().unwrap_err().code(), "ABORTED");
    drop(first);
    TargetLock::acquire(&target(&folder), &Arc::default()).unwrap();
}

#[test]
fn a_lock_of_another_process_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = target_path(&folder);
    let elsewhere = LockFile::try_lock(&path, &path).unwrap().unwrap();
    assert!(LockFile::try_lock(&path, &path).unwrap().is_none());
    let waiting = target(&folder);
    let thread = thread::spawn(move || TargetLock::acquire(&waiting, &Arc::default()).map(drop));
    drop(elsewhere);
    thread.join().unwrap().unwrap();
}

#[test]
fn a_lock_file_with_a_record_is_kept_until_its_work_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = target_path(&folder);
    let mut lock = TargetLock::try_acquire(&target(&folder)).unwrap().unwrap();
    assert!(TargetLock::try_acquire(&target(&folder)).unwrap().is_none());
    lock.append_record(b"one, ", |_| Ok(())).unwrap();
    lock.append_record(b"two", |_| Ok(())).unwrap();
    drop(lock);
    drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
    assert!(path.exists(), "the work of its record is not done");
    let mut lock = TargetLock::try_acquire(&target(&folder)).unwrap().unwrap();
    assert_eq!(lock.records().unwrap(), b"one, two");
    lock.forget_records();
    drop(lock);
    assert!(!path.exists());
}

#[test]
#[cfg(unix)]
fn an_untrusted_lock_file_is_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = target_path(&folder);
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let plants: [&dyn Fn(); 4] = [
        &|| std::fs::hard_link(&victim, &path).unwrap(),
        &|| std::os::unix::fs::symlink(&victim, &path).unwrap(),
        &|| std::fs::create_dir(&path).unwrap(),
        &|| {
            std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        },
    ];
    for plant in plants {
        plant();
        let code = |error: SwapError| error.code();
        let tried = TargetLock::try_acquire(&target(&folder)).map(drop);
        assert_eq!(tried.map_err(code), Err("UNTRUSTED_FILE"));
        let acquired = TargetLock::acquire(&target(&folder), &Arc::default()).map(drop);
        assert_eq!(acquired.map_err(code), Err("UNTRUSTED_FILE"));
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        assert!(path.symlink_metadata().is_ok());
        std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path)).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn the_lock_file_of_a_killed_swap_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = target_path(&folder);
    std::fs::write(&path, "").unwrap();
    drop(TargetLock::acquire(&target(&folder), &Arc::default()).unwrap());
    assert!(!path.exists());
}

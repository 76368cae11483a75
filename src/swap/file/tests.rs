//! Tests of the whole protocol, with a test caller.

use std::collections::VecDeque;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::files::OpenFile;

/// An action of a test during a swap.
type Action<'a> = Box<dyn FnMut(&Cancel) + 'a>;

struct TestCaller<'a> {
    cancel: Arc<Cancel>,
    pieces: VecDeque<Vec<u8>>,
    prepare: Box<dyn FnMut(&Path) + 'a>,
    /// The action to run when the step begins.
    at: Option<(Step, Action<'a>)>,
    steps: Vec<Step>,
}

impl<'a> TestCaller<'a> {
    fn new() -> Self {
        Self {
            cancel: Arc::default(),
            pieces: VecDeque::new(),
            prepare: Box::new(|_| {}),
            at: None,
            steps: Vec::new(),
        }
    }

    fn preparing(prepare: impl FnMut(&Path) + 'a) -> Self {
        Self { prepare: Box::new(prepare), ..Self::new() }
    }

    fn acting(step: Step, action: impl FnMut(&Cancel) + 'a) -> Self {
        Self { at: Some((step, Box::new(action))), ..Self::new() }
    }
}

impl FileSwapCaller for TestCaller<'_> {
    fn cancel(&self) -> &Arc<Cancel> {
        &self.cancel
    }

    fn next_piece(&mut self, _last: Vec<u8>) -> std::result::Result<Option<Vec<u8>>, CancelReason> {
        self.cancel.check()?;
        Ok(self.pieces.pop_front())
    }

    fn prepare(&mut self, staging: &str) -> std::result::Result<(), CancelReason> {
        (self.prepare)(Path::new(staging));
        self.cancel.check()
    }

    fn begin(&mut self, step: Step) {
        self.steps.push(step);
        if let Some((at, action)) = &mut self.at
            && *at == step
        {
            action(&self.cancel);
        }
    }

    fn wrote(&mut self, _done: u64, _total: Option<u64>) {}
}

/// A directory with only a target "a", whose content is "old".
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "old").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn request(&self, content: Content) -> FileSwap {
        FileSwap {
            target: self.path("a"),
            content,
            prepare: false,
            durability: Durability::Full,
            skip_if_same: false,
            mode: None,
            retry: Duration::ZERO,
            move_aside: false,
        }
    }

    fn new_bytes(&self) -> FileSwap {
        self.request(Content::Bytes(b"new".to_vec()))
    }

    fn prepared(&self) -> FileSwap {
        FileSwap { prepare: true, ..self.new_bytes() }
    }

    /// Returns the target's content. Asserts that the directory has no other file.
    #[track_caller]
    fn content_and_no_leftovers(&self) -> String {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a"], "something is left over");
        fs::read_to_string(self.path("a")).unwrap()
    }
}

const COMMITTED: FileSwapped = FileSwapped { committed: true, durable: true, bytes: 3 };
const SKIPPED: FileSwapped = FileSwapped { committed: false, durable: true, bytes: 3 };

#[test]
fn a_swap_takes_its_steps_in_order_and_leaves_nothing_else() {
    let bench = Bench::new();
    let mut caller = TestCaller::new();
    assert_eq!(swap_file(&bench.prepared(), &mut caller).unwrap(), COMMITTED);
    assert_eq!(bench.content_and_no_leftovers(), "new");
    assert_eq!(
        caller.steps,
        [
            Step::Resolve,
            Step::Lock,
            Step::Stage,
            Step::Write,
            Step::Prepare,
            Step::Metadata,
            Step::Sync,
            Step::Rename,
            Step::SyncDirectory
        ]
    );
}

#[test]
fn content_comes_from_a_file_from_bytes_or_in_pieces() {
    let bench = Bench::new();
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("source"), "one").unwrap();
    let request = bench.request(Content::File(other.path().join("source")));
    assert_eq!(swap_file(&request, &mut TestCaller::new()).unwrap(), COMMITTED);
    assert_eq!(bench.content_and_no_leftovers(), "one");
    let mut caller = TestCaller::new();
    caller.pieces.extend([b"t".to_vec(), Vec::new(), b"wo".to_vec()]);
    let request = bench.request(Content::Pieces { total: None });
    assert_eq!(swap_file(&request, &mut caller).unwrap(), COMMITTED);
    assert_eq!(bench.content_and_no_leftovers(), "two");
}

#[test]
fn only_full_durability_is_reported_as_durable() {
    let bench = Bench::new();
    for (durability, synced) in [(Durability::Barrier, true), (Durability::None, false)] {
        let request = FileSwap { durability, ..bench.new_bytes() };
        let mut caller = TestCaller::new();
        let swapped = swap_file(&request, &mut caller).unwrap();
        assert_eq!(swapped, FileSwapped { durable: false, ..COMMITTED });
        assert_eq!(caller.steps.contains(&Step::Sync), synced);
        assert!(!caller.steps.contains(&Step::SyncDirectory));
    }
}

#[test]
fn a_cancel_has_an_effect_only_before_the_rename() {
    let bench = Bench::new();
    let before = [Step::Lock, Step::Stage, Step::Write, Step::Prepare, Step::Metadata, Step::Sync];
    for step in before {
        let mut caller = TestCaller::acting(step, |cancel| cancel.raise(CancelReason::Aborted));
        let error = swap_file(&bench.prepared(), &mut caller).unwrap_err();
        assert_eq!((error.code(), error.committed), ("ABORTED", false), "{step:?}");
        assert_eq!(bench.content_and_no_leftovers(), "old", "{step:?}");
    }
    for step in [Step::Rename, Step::SyncDirectory] {
        let mut caller = TestCaller::acting(step, |cancel| cancel.raise(CancelReason::Aborted));
        assert_eq!(swap_file(&bench.prepared(), &mut caller).unwrap(), COMMITTED, "{step:?}");
        assert_eq!(bench.content_and_no_leftovers(), "new");
        fs::write(bench.path("a"), "old").unwrap();
    }
}

#[test]
fn a_file_that_prepare_puts_in_place_of_the_staging_file_is_swapped_in() {
    let bench = Bench::new();
    let mut caller = TestCaller::preparing(|staging| {
        assert_eq!(fs::read_to_string(staging).unwrap(), "new");
        fs::remove_file(staging).unwrap();
        fs::write(staging, "signed").unwrap();
    });
    assert_eq!(swap_file(&bench.prepared(), &mut caller).unwrap().bytes, 6);
    assert_eq!(bench.content_and_no_leftovers(), "signed");
}

#[test]
fn a_missing_staging_file_is_an_error_and_the_target_is_unchanged() {
    let bench = Bench::new();
    let mut caller = TestCaller::preparing(|staging| fs::remove_file(staging).unwrap());
    let error = swap_file(&bench.prepared(), &mut caller).unwrap_err();
    assert_eq!((error.code(), error.step), ("STAGING_MISSING", Step::Prepare));
    assert_eq!(bench.content_and_no_leftovers(), "old");
    let staged = bench.path("");
    let mut caller = TestCaller::acting(Step::Rename, |_| {
        for entry in fs::read_dir(&staged).unwrap().flatten() {
            if entry.file_name().to_str().unwrap().starts_with(".staging-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    });
    let error = swap_file(&bench.new_bytes(), &mut caller).unwrap_err();
    assert_eq!((error.code(), error.step), ("STAGING_MISSING", Step::Rename));
    assert_eq!(bench.content_and_no_leftovers(), "old");
}

#[test]
#[cfg(unix)]
fn a_staging_file_may_be_a_link_to_the_target_but_not_to_another_file() {
    let bench = Bench::new();
    let target = bench.path("a");
    let mut linking = TestCaller::preparing(|staging| {
        fs::remove_file(staging).unwrap();
        fs::hard_link(&target, staging).unwrap();
    });
    assert_eq!(swap_file(&bench.prepared(), &mut linking).unwrap(), COMMITTED);
    assert_eq!(bench.content_and_no_leftovers(), "old");
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "other").unwrap();
    let mut linking = TestCaller::preparing(|staging| {
        fs::remove_file(staging).unwrap();
        fs::hard_link(&other, staging).unwrap();
    });
    let error = swap_file(&bench.prepared(), &mut linking).unwrap_err();
    assert_eq!((error.code(), error.step), ("STAGING_IS_LINK", Step::Prepare));
    assert_eq!(bench.content_and_no_leftovers(), "old");
    assert_eq!(fs::read_to_string(&other).unwrap(), "other");
}

#[test]
fn the_target_may_vanish_or_become_a_directory_during_the_swap() {
    let bench = Bench::new();
    let target = bench.path("a");
    let mut caller = TestCaller::preparing(|_| fs::remove_file(&target).unwrap());
    swap_file(&bench.prepared(), &mut caller).unwrap();
    assert_eq!(bench.content_and_no_leftovers(), "new");
    let mut caller = TestCaller::preparing(|_| {
        fs::remove_file(&target).unwrap();
        fs::create_dir(&target).unwrap();
    });
    let error = swap_file(&bench.prepared(), &mut caller).unwrap_err();
    assert_eq!(error.code(), "TARGET_IS_DIRECTORY");
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_target_that_is_open_as_a_database_is_refused_before_and_during_the_swap() {
    let bench = Bench::new();
    let entry = OpenFile::enter(&bench.path("a")).unwrap();
    let error = swap_file(&bench.new_bytes(), &mut TestCaller::new()).unwrap_err();
    assert_eq!((error.code(), error.step), ("FILE_IS_OPEN_DATABASE", Step::Lock));
    drop(entry);
    let mut entry = None;
    let target = bench.path("a");
    let mut caller = TestCaller::preparing(|_| entry = OpenFile::enter(&target).ok());
    let error = swap_file(&bench.prepared(), &mut caller).unwrap_err();
    assert_eq!(error.code(), "FILE_IS_OPEN_DATABASE");
    assert_eq!(bench.content_and_no_leftovers(), "old");
}

#[test]
fn a_source_or_staging_file_that_is_open_as_a_database_is_refused() {
    let bench = Bench::new();
    let other = tempfile::tempdir().unwrap();
    let source = other.path().join("source");
    fs::write(&source, "one").unwrap();
    let entry = OpenFile::enter(&source).unwrap();
    let request = bench.request(Content::File(source.clone()));
    let error = swap_file(&request, &mut TestCaller::new()).unwrap_err();
    assert_eq!((error.code(), &error.path), ("FILE_IS_OPEN_DATABASE", &source));
    drop(entry);
    let mut entry = None;
    let mut caller = TestCaller::preparing(|staging| entry = OpenFile::enter(staging).ok());
    let error = swap_file(&bench.prepared(), &mut caller).unwrap_err();
    assert_eq!((error.code(), error.step), ("FILE_IS_OPEN_DATABASE", Step::Prepare));
    assert_eq!(bench.content_and_no_leftovers(), "old");
}

#[test]
fn a_file_cannot_be_its_own_source() {
    let bench = Bench::new();
    let error = swap_file(&bench.request(Content::File(bench.path("a"))), &mut TestCaller::new());
    assert_eq!(error.unwrap_err().code(), "SOURCE_IS_TARGET");
    #[cfg(unix)]
    {
        let other = tempfile::tempdir().unwrap();
        let link = other.path().join("link");
        fs::hard_link(bench.path("a"), &link).unwrap();
        let error = swap_file(&bench.request(Content::File(link)), &mut TestCaller::new());
        assert_eq!(error.unwrap_err().code(), "SOURCE_IS_TARGET");
    }
    assert_eq!(bench.content_and_no_leftovers(), "old");
}

#[test]
#[cfg(unix)]
fn a_target_with_the_same_content_keeps_its_inode() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let bench = Bench::new();
    let other = tempfile::tempdir().unwrap();
    let source = other.path().join("source");
    fs::write(&source, "old").unwrap();
    let inode = || fs::metadata(bench.path("a")).unwrap().ino();
    let before = inode();
    let same = || bench.request(Content::Bytes(b"old".to_vec()));
    let requests = [
        same(),
        bench.request(Content::File(source)),
        bench.request(Content::Pieces { total: None }),
        FileSwap { prepare: true, ..same() },
    ];
    for request in requests {
        let mut caller = TestCaller::new();
        caller.pieces.push_back(b"old".to_vec());
        let request = FileSwap { skip_if_same: true, ..request };
        assert_eq!(swap_file(&request, &mut caller).unwrap(), SKIPPED, "{request:?}");
        assert_eq!(
            (inode(), bench.content_and_no_leftovers()),
            (before, "old".to_owned()),
            "{request:?}"
        );
    }
    let another_mode = FileSwap { skip_if_same: true, mode: Some(0o600), ..same() };
    assert_eq!(swap_file(&another_mode, &mut TestCaller::new()).unwrap(), COMMITTED);
    assert_ne!(inode(), before);
    assert_eq!(fs::metadata(bench.path("a")).unwrap().permissions().mode() & 0o7777, 0o600);
    let another_content = FileSwap { skip_if_same: true, ..bench.new_bytes() };
    assert_eq!(swap_file(&another_content, &mut TestCaller::new()).unwrap(), COMMITTED);
    assert_eq!(bench.content_and_no_leftovers(), "new");
}

#[test]
#[cfg(unix)]
fn the_new_file_has_the_old_or_the_requested_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let mode = || fs::metadata(bench.path("a")).unwrap().permissions().mode() & 0o7777;
    for old in [0o400, 0o640, 0o755, 0o4711] {
        fs::set_permissions(bench.path("a"), fs::Permissions::from_mode(old)).unwrap();
        swap_file(&bench.prepared(), &mut TestCaller::new()).unwrap();
        assert_eq!(mode(), old, "{old:o}");
    }
    let request = FileSwap { mode: Some(0o644), ..bench.new_bytes() };
    swap_file(&request, &mut TestCaller::new()).unwrap();
    assert_eq!(mode(), 0o644);
    let mut seen = 0;
    let mut caller = TestCaller::preparing(|staging| {
        seen = fs::metadata(staging).unwrap().permissions().mode() & 0o7777;
    });
    swap_file(&bench.prepared(), &mut caller).unwrap();
    drop(caller);
    assert_eq!(seen, 0o600, "other users cannot read a file that is not ready");
}

#[test]
#[cfg(target_os = "linux")]
fn attributes_are_carried_over_unless_prepare_has_set_them() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let bench = Bench::new();
    let set =
        |path: &Path, name: &str, value: &[u8]| setxattr(path, name, value, XattrFlags::empty());
    let get = |name: &str| {
        let mut value = [0; 100];
        getxattr(bench.path("a"), name, &mut value).map(|length| value[..length].to_vec())
    };
    if set(&bench.path("a"), "user.kept", b"1").is_err() {
        eprintln!("skipped: the file system of the temporary directory has no attributes");
        return;
    }
    set(&bench.path("a"), "user.signature", b"of the old content").unwrap();
    let mut caller =
        TestCaller::preparing(|staging| set(staging, "user.signature", b"of the new").unwrap());
    swap_file(&bench.prepared(), &mut caller).unwrap();
    assert_eq!(bench.content_and_no_leftovers(), "new");
    assert_eq!(get("user.kept").unwrap(), b"1");
    assert_eq!(get("user.signature").unwrap(), b"of the new");
}

#[test]
#[cfg(unix)]
fn an_error_after_the_rename_has_the_flag_committed() {
    let bench = Bench::new();
    let (live, moved) = (bench.path("live"), bench.path("moved"));
    fs::create_dir(&live).unwrap();
    fs::write(live.join("a"), "old").unwrap();
    let request = FileSwap { target: live.join("a"), ..bench.new_bytes() };
    let mut caller =
        TestCaller::acting(Step::SyncDirectory, |_| fs::rename(&live, &moved).unwrap());
    let error = swap_file(&request, &mut caller).unwrap_err();
    assert_eq!((error.code(), error.step), ("NOT_DURABLE", Step::SyncDirectory));
    assert!(error.committed);
    assert_eq!(error.errno().as_deref(), Some("ENOENT"));
    assert_eq!(
        fs::read_to_string(moved.join("a")).unwrap(),
        "new",
        "a committed swap is not rolled back"
    );
}

#[test]
fn the_next_swap_removes_the_files_of_a_killed_one() {
    let bench = Bench::new();
    fs::write(bench.path(".staging-0123456789ab-a"), "half").unwrap();
    fs::write(bench.path(".swap-lock-a"), "").unwrap();
    swap_file(&bench.new_bytes(), &mut TestCaller::new()).unwrap();
    assert_eq!(bench.content_and_no_leftovers(), "new");
}

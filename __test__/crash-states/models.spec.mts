// The checker on histories written by hand, of which is known what a power cut can do.

import test from "ava";
import { applyEffects, pagesOf, subsets } from "./contents.mjs";
import { Recorder, checkCrashStates, diskOf, ext4, posix } from "./index.mjs";
import type { CrashState } from "./index.mjs";
import type { Model } from "./model.mjs";

const PAGE = 4096;

/** Every content that a file can have in a crash state, each once; "-" where it is missing. */
function possible(model: Model, recorder: Recorder, path: string, mark?: string): string[] {
  const found = new Set<string>();
  checkCrashStates({
    history: recorder.history,
    models: [model],
    isWatched: (name) => name === path,
    findProblem({ files, marks }: CrashState) {
      if (mark === undefined || marks.has(mark))
        found.add(files.get(path)?.bytes.toString() ?? "-");
      return undefined;
    },
  });
  return [...found].sort();
}

/** Replaces "t" by way of "s", with or without each fsync. */
function replacement(
  { syncFile, syncDirectory }: { syncFile: boolean; syncDirectory: boolean },
  bytes = "new",
): Recorder {
  const recorder = new Recorder(diskOf({ t: "old" }));
  const staging = recorder.create("s");
  recorder.write(staging, 0, Buffer.from(bytes));
  if (syncFile) recorder.sync(staging);
  recorder.rename("s", "t");
  if (syncDirectory) recorder.sync(1);
  recorder.mark("done");
  return recorder;
}

for (const model of [posix, ext4]) {
  test(`${model.name}: a file that is synced, renamed and whose directory is synced is old or new, then new`, (t) => {
    const recorder = replacement({ syncFile: true, syncDirectory: true });
    t.deepEqual(possible(model, recorder, "t"), ["new", "old"]);
    t.deepEqual(possible(model, recorder, "t", "done"), ["new"]);
  });

  test(`${model.name}: without the directory's fsync it can be old for ever`, (t) => {
    const recorder = replacement({ syncFile: true, syncDirectory: false });
    t.deepEqual(possible(model, recorder, "t", "done"), ["new", "old"]);
  });

  test(`${model.name}: without the file's fsync it can be empty, also once the directory is synced`, (t) => {
    const recorder = replacement({ syncFile: false, syncDirectory: true });
    t.true(possible(model, recorder, "t").includes(""));
    t.true(possible(model, recorder, "t", "done").includes(""));
  });

  test(`${model.name}: what was there before is there in every state`, (t) => {
    const recorder = new Recorder(diskOf({ t: "old", other: "o" }));
    recorder.rename("t", "u");
    t.deepEqual(possible(model, recorder, "other"), ["o"]);
  });

  test(`${model.name}: a write in place can be torn at a page, and not once it is synced`, (t) => {
    const recorder = new Recorder(diskOf({ t: "a".repeat(2 * PAGE) }));
    const file = recorder.lookup("t") ?? 0;
    recorder.write(file, 0, Buffer.alloc(2 * PAGE, "b"));
    const pages = (recorded: string[]): string[] =>
      recorded.map((text) => text.charAt(0) + text.charAt(PAGE));
    t.deepEqual(pages(possible(model, recorder, "t")), ["aa", "ab", "ba", "bb"]);
    recorder.sync(file, "data");
    recorder.mark("done");
    t.deepEqual(pages(possible(model, recorder, "t", "done")), ["bb"]);
  });

  test(`${model.name}: fdatasync does not bring a mode to the disk that was set last, fsync does`, (t) => {
    const modesWith = (scope: "all" | "data"): unknown[] => {
      const recorder = new Recorder(diskOf({ t: "old" }, 0o600));
      const file = recorder.lookup("t") ?? 0;
      recorder.setAttribute(file, "mode", 0o755);
      recorder.sync(file, scope);
      recorder.mark("done");
      const modes = new Set<unknown>();
      checkCrashStates({
        history: recorder.history,
        models: [model],
        findProblem({ files, marks }) {
          if (marks.has("done")) modes.add(files.get("t")?.attributes.get("mode"));
          return undefined;
        },
      });
      return [...modes].sort();
    };
    t.deepEqual(modesWith("all"), [0o755]);
    t.deepEqual(modesWith("data"), [0o600, 0o755].sort());
  });

  test(`${model.name}: a link holds what the file holds`, (t) => {
    const recorder = new Recorder(diskOf({ t: "old" }));
    recorder.link("t", "backup");
    recorder.sync(1);
    recorder.write(recorder.lookup("t") ?? 0, 0, Buffer.from("new"));
    recorder.mark("done");
    const { violations } = checkCrashStates({
      history: recorder.history,
      models: [model],
      findProblem: ({ files, marks }) =>
        marks.has("done") &&
        !files.get("t")?.bytes.equals(files.get("backup")?.bytes ?? Buffer.of())
          ? "two files"
          : undefined,
    });
    t.deepEqual(violations, []);
    t.deepEqual(possible(model, recorder, "backup", "done"), ["new", "old"]);
  });
}

test("POSIX: names reach the disk in any order, until their directory is synced", (t) => {
  const removed = new Recorder(diskOf({ t: "old", wal: "w" }));
  removed.remove("wal");
  removed.rename("t", "u");
  t.deepEqual(bothNames(posix, removed), ["--", "-old", "w-", "wold"].sort());
  const ordered = new Recorder(diskOf({ t: "old", wal: "w" }));
  ordered.remove("wal");
  ordered.sync(1);
  ordered.rename("t", "u");
  t.deepEqual(bothNames(posix, ordered), ["--", "-old", "wold"].sort());
});

test("ext4: names reach the disk in the order of the calls", (t) => {
  const recorder = new Recorder(diskOf({ t: "old", wal: "w" }));
  recorder.remove("wal");
  recorder.rename("t", "u");
  t.deepEqual(bothNames(ext4, recorder), ["--", "-old", "wold"].sort());
});

/** What `wal` and `t` hold together. */
function bothNames(model: Model, recorder: Recorder): string[] {
  const found = new Set<string>();
  checkCrashStates({
    history: recorder.history,
    models: [model],
    findProblem({ files }) {
      const read = (path: string): string => files.get(path)?.bytes.toString() ?? "-";
      found.add(read("wal") + read("t"));
      return undefined;
    },
  });
  return [...found].sort();
}

test("ext4: fsync of a file brings what was done before with it, fsync of one without changes nothing", (t) => {
  const changed = new Recorder(diskOf({ t: "old", other: "o" }));
  changed.rename("t", "u");
  changed.write(changed.lookup("other") ?? 0, 0, Buffer.from("p"));
  changed.sync(changed.lookup("other") ?? 0);
  changed.mark("done");
  t.deepEqual(possible(ext4, changed, "t", "done"), ["-"]);
  t.deepEqual(possible(posix, changed, "t", "done"), ["-", "old"]);
  const unchanged = new Recorder(diskOf({ t: "old", other: "o" }));
  unchanged.rename("t", "u");
  unchanged.sync(unchanged.lookup("other") ?? 0);
  unchanged.mark("done");
  t.deepEqual(possible(ext4, unchanged, "t", "done"), ["-", "old"]);
});

test("ext4: a new file grows from the front and shows no holes; POSIX allows them", (t) => {
  const recorder = new Recorder(diskOf({}));
  recorder.write(recorder.create("t"), 0, Buffer.alloc(2 * PAGE, "a"));
  const shapes = (model: Model): string[] =>
    possible(model, recorder, "t").map(
      (text) => `${text.length} ${text.charAt(0)}${text.charAt(PAGE)}`,
    );
  t.deepEqual(shapes(ext4), ["1 -", "0 ", "4096 a", "8192 aa"].sort());
  t.true(shapes(posix).includes("8192 \0a"));
});

test("ext4: the bytes of a new file are on the disk only when its name is", (t) => {
  const recorder = new Recorder(diskOf({}));
  const file = recorder.create("t");
  recorder.write(file, 0, Buffer.from("new"));
  recorder.rename("t", "u");
  t.deepEqual(possible(ext4, recorder, "t"), ["", "-", "new"]);
  t.deepEqual(possible(ext4, recorder, "u"), ["", "-", "new"]);
});

test("ext4: a rename between directories is atomic; POSIX can lose the file, or show it twice", (t) => {
  const find = (model: Model): string[] => {
    const recorder = new Recorder(diskOf({ t: "old" }));
    recorder.makeDirectory("d");
    recorder.sync(1);
    recorder.mark("made");
    recorder.rename("t", "d/t");
    const found = new Set<string>();
    checkCrashStates({
      history: recorder.history,
      models: [model],
      findProblem({ files, marks }) {
        if (marks.has("made")) found.add([...files.keys()].sort().join(" "));
        return undefined;
      },
    });
    return [...found].sort();
  };
  t.deepEqual(find(ext4), ["d/t", "t"]);
  t.deepEqual(find(posix), ["", "d/t", "d/t t", "t"]);
});

test("a truncation and a rewrite in place: old, new, and what is between", (t) => {
  const recorder = new Recorder(diskOf({ t: "old!" }));
  const file = recorder.lookup("t") ?? 0;
  recorder.truncate(file, 0);
  recorder.write(file, 0, Buffer.from("new"));
  t.deepEqual(possible(ext4, recorder, "t"), ["", "new", "old!"]);
  t.true(possible(posix, recorder, "t").includes("new!"));
});

test("a violation says which model, after what, and what was lost", (t) => {
  const { history } = replacement({ syncFile: true, syncDirectory: false });
  const { violations, states } = checkCrashStates({
    history,
    models: [ext4],
    isWatched: (path) => path === "t",
    findProblem: ({ files, marks }) =>
      marks.has("done") && files.get("t")?.bytes.toString() === "old" ? "still old" : undefined,
  });
  t.deepEqual(violations, [
    { model: "ext4", problem: "still old", after: "mark done", lost: ["rename s t"] },
  ]);
  // Old and new before the end, and after it.
  t.deepEqual(states, { ext4: 4 });
});

test("too much under way at once is an error, not a sample", (t) => {
  const recorder = new Recorder(diskOf({}));
  for (let i = 0; i < 20; i++) recorder.create(`f${i}`);
  const check = (): unknown =>
    checkCrashStates({
      history: recorder.history,
      models: [posix],
      findProblem: () => undefined,
    });
  t.throws(check, { message: /15 changes of names before an fsync/ });
});

test("writes are cut at pages of the file", (t) => {
  const pages = pagesOf(PAGE - 2, Buffer.from("abcd"));
  t.deepEqual(pages, [
    { kind: "data", offset: PAGE - 2, bytes: Buffer.from("ab") },
    { kind: "data", offset: PAGE, bytes: Buffer.from("cd") },
  ]);
});

test("data beyond the size does not show, and what a size has cut off does not come back", (t) => {
  const data = (offset: number, text: string) =>
    ({ kind: "data", offset, bytes: Buffer.from(text) }) as const;
  t.is(applyEffects(Buffer.from("ab"), [data(2, "cd")]).toString(), "ab");
  const sizes = [{ kind: "size", size: 1 } as const, { kind: "size", size: 3 } as const];
  t.is(applyEffects(Buffer.from("abc"), sizes).toString(), "a\0\0");
});

test("every subset of a few, the telling ones of many", (t) => {
  t.is(subsets([1, 2, 3]).length, 8);
  const many = subsets(Array.from({ length: 50 }, (_, i) => i));
  t.is(many.length, 2 + 4 * 50);
  t.true(many.some((chosen) => chosen.length === 49 && !chosen.includes(20)));
});

/**
 * The whole suite, as `npm test` runs it. A process of its own costs a test file half a second, so the
 * files of a group share one: a generated file, build/test/shared/<group>.spec.mjs, imports them. A
 * file that looks at what its process has, or changes it, runs alone. Without this configuration
 * (`npx ava build/test/contract/rows.spec.mjs`) every file has a process of its own.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/** The folders whose files share a process. A title must be unique within its group. */
const GROUPS = {
  cli: ["cli"],
  client: ["addon", "closing", "errors", "settings", "statements", "values"],
  contract: ["contract"],
  remote: ["remote"],
  swap: ["swap"],
  transactions: ["cancelling", "transactions"],
};

/** Files of those folders that run alone, and why. */
const ALONE = {
  "addon/async-context": "listens to channels of the process",
  "cancelling/any-moment": "measures how long a call takes",
  "cancelling/late": "measures how long a statement takes",
  "cancelling/migrate": "measures how long a statement takes",
  "cancelling/query-timeout": "measures how long a statement takes",
  "cancelling/settings": "measures how long a statement takes",
  "cancelling/shared-signal": "listens to warnings of the process",
  "closing/close-in-flight": "counts descriptors and threads",
  "closing/cycles": "counts descriptors and memory",
  "closing/descriptors": "counts descriptors",
  "closing/event-loop": "measures the event loop",
  "closing/forgotten-client": "collects garbage",
  "closing/shutdown": "measures limits of time",
  "contract/urls": "changes the current directory",
  "contract/waiting": "measures waits",
  "errors/every-error": "changes the current directory, and starts processes",
  "remote/differential": "loads the stock client",
  "remote/iterate": "keeps its server busy",
  "remote/iterate-storm": "listens to the process, and takes long",
  "remote/large": "measures the event loop",
  "remote/ledger": "listens to the process, and takes long",
  "remote/prepare": "the server ends a transaction that rests for seconds",
  "remote/queryable": "the server ends a transaction that rests for seconds",
  "remote/teardown": "shuts down all clients of the process",
  "settings/serialize": "opens the database in memory that all clients of a process share",
  "statements/row-makers": "closes the last client of its process",
  "swap/concurrency": "counts reads in a given time",
  "swap/crash-states": "takes long",
  "swap/kill-sweep": "takes long",
  "swap/open-databases":
    "looks for the openers of files: a process that is just being started has copies",
  "swap/readers": "takes long",
  "swap/teardown": "counts descriptors and threads",
  "transactions/unreadable-returning": "needs gigabytes",
  "values/long": "measures the event loop",
};

/** They run first: one that came last would leave the other cores idle. */
const LONGEST = [
  "replacing/kill-sweep",
  "replacing/other-writers",
  "replacing/double-faults",
  "replacing/crash-states",
  "swap/kill-sweep",
  "teardown/ended-workers",
  "differential/random",
  "differential/cases",
  "truth/truth",
  "swap/crash-states",
];

const PLACES = new Map(LONGEST.map((name, i) => [name, i - LONGEST.length]));
const placeOf = (path) => PLACES.get(/([^/]+\/[^/]+)\.spec\.mjs$/.exec(path)?.[1]) ?? 0;

/** @param {{ projectDir: string }} context */
export default function configuration({ projectDir }) {
  const tests = join(projectDir, "build", "test");
  const shared = join(tests, "shared");
  rmSync(shared, { recursive: true, force: true });
  mkdirSync(shared);
  const sharing = [];
  for (const [group, folders] of Object.entries(GROUPS)) {
    const files = folders
      .flatMap((folder) => readdirSync(join(tests, folder)).map((name) => `${folder}/${name}`))
      .filter((path) => path.endsWith(".spec.mjs") && !(path.replace(".spec.mjs", "") in ALONE));
    const imports = files.map((path) => `import "../${path}";\n`);
    writeFileSync(join(shared, `${group}.spec.mjs`), imports.join(""));
    sharing.push(...files);
  }
  return {
    files: [
      "build/test/**/*.spec.mjs",
      "!build/test/packaging/**",
      "!build/test/web-runtimes/**",
      ...sharing.map((path) => `!build/test/${path}`),
    ],
    workerThreads: false,
    sortTestFiles: (a, b) => placeOf(a) - placeOf(b),
    // One more than there are cores: a test waits for locks and processes half of its time.
    concurrency: availableParallelism() + 1,
  };
}

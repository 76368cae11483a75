/** One replacement, its system calls, and what crashes can leave of it. */
import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import {
  contentsKeyOf,
  crashStates,
  edited,
  examineCrashStates,
  historyOf,
  killed,
  readDisk,
  StateFolder,
} from "../crash-states/index.mjs";
import type { CrashState, Disk, History, Report } from "../crash-states/index.mjs";
import type { Model } from "../crash-states/model.mjs";
import { NEW, add, create } from "../support/ledger/ledger.mjs";
import { NAME, ROWS, inMemory, makeSandbox } from "../support/ledger/sandbox.mjs";
import type { Sandbox } from "../support/ledger/sandbox.mjs";
import { startStockReader } from "../support/ledger/stock-reader.mjs";
import type { StockReader } from "../support/ledger/stock-reader.mjs";
import type { ReplaceOrder } from "../support/programs/replace-once.mjs";
import { isDisregarded, isThorough } from "../support/recordable.mjs";
import { traceProgram } from "../support/strace.mjs";
import { examine, NEW_ROWS } from "./outcome.mjs";
import type { Expected, Outcome } from "./outcome.mjs";

export interface Scenario extends Expected {
  how: ReplaceOrder["how"];
  durability?: "full" | "barrier";
}

/** What the program `replace-once` is told, for a database that lies ready. */
export async function orderFor(
  { root, target, scratch }: Sandbox,
  { how, backup, durability }: Scenario,
): Promise<ReplaceOrder> {
  const needsSource = how === "source" || how === "naive";
  // What is renamed must be on the same file system, and in the trace.
  const source = needsSource
    ? await newDatabase(join(how === "naive" ? root : scratch, "new.db"))
    : undefined;
  return { how, target, rows: ROWS, backup, source, durability };
}

async function newDatabase(file: string): Promise<string> {
  const client = createClient({ url: `file:${file}` });
  await create(client, NEW);
  await add(client, NEW, 1, ROWS);
  client.close();
  return file;
}

export interface KillState {
  /** The call that was the last one. */
  after: string;
  state: CrashState;
}

export interface Recording {
  sandbox: Sandbox;
  history: History;
  /** The old database's directory. */
  directory: number;
  /** The file that is the new database in the end. */
  file: number;
  /** Every state that these models allow, each opened by the stock client and by ours. */
  examine(models: readonly Model[], history?: History): Promise<Report>;
  /** The same for the state after each call, with all files: what a kill leaves. */
  examineKills(): Promise<Report>;
  /** Those states, once the swap has begun. */
  kills(): KillState[];
  /** Makes a state real. */
  restore(state: CrashState): Promise<void>;
  stock: StockReader;
}

export async function record(t: ExecutionContext, scenario: Scenario): Promise<Recording> {
  const sandbox = await makeSandbox(t, scenario.mode, inMemory);
  const { root, scratch } = sandbox;
  const order = await orderFor(sandbox, scenario);
  const before = await readDisk(root);
  const kept = join(scratch, "kept");
  await mkdir(kept);
  const folder = await StateFolder.begin(root, kept, before);
  const { calls, lines } = await traceProgram(t, "replace-once", {
    arguments: [JSON.stringify(order)],
  });
  t.is(lines.at(-1), "done", lines.join("; "));
  t.deepEqual(
    lines.filter((line) => line.startsWith("wrong")),
    [],
  );
  const history = edited(
    historyOf(calls, { root, before, umask: process.umask(), isDisregarded }),
    // SQLite, as root, gives a new file the owner that it has.
    (operations) => operations.filter(({ kind, text }) => kind !== "attribute" || !isOwner(text)),
  );
  const stock = await startStockReader(t);
  const examiner = new Examiner(sandbox, scenario, folder, stock);
  const mode = modeOf(before);
  // Before it, SQLite alone has changed something: it has opened a database that was left hot.
  const begin = history.operations.find(({ text }) => text.includes(".swap-lock-"))?.call ?? 0;
  return {
    sandbox,
    history,
    directory: before.root,
    file: lastNamed(history),
    examine: (models, checked = history) =>
      examineCrashStates({
        history: checked,
        models,
        // Staging files are nobody's once there was a crash, and what they hold does not matter.
        isWatched: (path) => !path.startsWith(".staging-") && !isDisregarded(path),
        isCut: isThorough ? undefined : ({ call }) => call >= begin,
        findProblem: async (state) => wrongMode(state, mode) ?? examiner.findProblem(state),
      }),
    examineKills: () =>
      examineCrashStates({
        history,
        models: [killed],
        findProblem: (state) => examiner.findProblem(state),
      }),
    kills: () =>
      [...crashStates(killed, { history, isCut: ({ call }) => call >= begin })].map(
        ({ state, violation: { after } }) => ({ after, state }),
      ),
    restore: (state) => folder.write(state),
    stock,
  };
}

/** What kills of a program leave that recovers what lies there, each once. */
export async function recordRecovery(
  t: ExecutionContext,
  { root, target, scratch }: Sandbox,
  how: "open" | "recover",
): Promise<{ kills: KillState[]; restore(state: CrashState): Promise<void> }> {
  const before = await readDisk(root);
  const folder = await StateFolder.begin(root, await mkdtemp(join(scratch, "kept-")), before);
  const { calls } = await traceProgram(t, "recover-once", { arguments: [target, how] });
  const history = historyOf(calls, { root, before, umask: process.umask(), isDisregarded });
  const states = [...crashStates(killed, { history })];
  return {
    kills: states.map(({ state, violation: { after } }) => ({ after, state })),
    restore: (state) => folder.write(state),
  };
}

function lastNamed({ operations, before }: History): number {
  const entries = operations.flatMap((operation) =>
    operation.kind === "entries" ? operation.entries : [],
  );
  const last = entries.findLast(({ name, inode }) => name === NAME && inode !== undefined);
  return last?.inode ?? before.directories.get(before.root)?.get(NAME) ?? 0;
}

const isOwner = (text: string): boolean => text.startsWith("owner of ");

function modeOf({ directories, inodes, root }: Disk): unknown {
  const inode = directories.get(root)?.get(NAME) ?? 0;
  return inodes.get(inode)?.attributes.get("mode");
}

/** A new file has the old one's mode, where there was one. */
function wrongMode({ files }: CrashState, mode: unknown): string | undefined {
  const found = files.get(NAME)?.attributes.get("mode");
  const isWrong = mode !== undefined && found !== undefined && found !== mode;
  return isWrong ? `the database's mode: ${Number(found).toString(8)}` : undefined;
}

/** Looks at states, and at what lies there the same only once. */
class Examiner {
  readonly #known = new Map<string, Outcome>();

  constructor(
    private readonly sandbox: Sandbox,
    private readonly scenario: Scenario,
    private readonly folder: StateFolder,
    private readonly stock: StockReader,
  ) {}

  async findProblem(state: CrashState): Promise<string | undefined> {
    const key = contentsKeyOf(state);
    const { seen, problems } = this.#known.get(key) ?? (await this.#examine(state));
    this.#known.set(key, { seen, problems });
    const isLost =
      state.marks.has("resolved") &&
      seen !== NEW_ROWS &&
      (this.scenario.durability ?? "full") === "full";
    return [...(isLost ? [`resolved, and ${seen}`] : []), ...problems].join("; ") || undefined;
  }

  async #examine(state: CrashState): Promise<Outcome> {
    await this.folder.write(state);
    const how = this.#known.size % 2 === 0 ? "open" : "recover";
    return examine(this.sandbox, this.scenario, this.stock, how);
  }
}

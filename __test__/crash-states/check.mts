import { createHash } from "node:crypto";
import type { FileState, History, Inode, Operation } from "./history.mjs";
import type { Model, Survival } from "./model.mjs";

/** What a power cut left. */
export interface CrashState {
  /** Files by their path. */
  files: ReadonlyMap<string, FileState>;
  /** Which file each of these paths is a name of. */
  inodes: ReadonlyMap<string, Inode>;
  /** What the program had said before the cut. */
  marks: ReadonlySet<string>;
}

export interface CheckOptions {
  history: History;
  models: readonly Model[];
  /** The files that matter; without it, all. Fewer files are fewer states. */
  isWatched?: (path: string) => boolean;
  /** Whether a cut right after this operation is looked at; without it, all are. */
  isCut?: ((operation: Operation) => boolean) | undefined;
  /** What is wrong with a state, or undefined. */
  findProblem(state: CrashState): string | undefined;
}

/** What can be answered only by opening files, and so takes its time. */
export interface ExamineOptions extends Omit<CheckOptions, "findProblem"> {
  findProblem(state: CrashState): Promise<string | undefined>;
}

export interface Violation {
  model: string;
  problem: string;
  /** What was done last before the cut. */
  after: string;
  /** Changes of names and attributes that were not on the disk. */
  lost: string[];
}

export interface Report {
  /** How many different states were looked at, by model. */
  states: Record<string, number>;
  violations: Violation[];
}

/** More combinations of what several files hold are a mistake in the choice of what is watched. */
const MOST_COMBINATIONS = 100_000;

/** Cuts the power after each operation, and looks at every state that a model then allows. */
export function checkCrashStates(options: CheckOptions): Report {
  const report: Report = { states: {}, violations: [] };
  for (const model of options.models) {
    let states = 0;
    for (const { state, violation } of crashStates(model, options)) {
      states++;
      const problem = options.findProblem(state);
      if (problem !== undefined) report.violations.push({ ...violation, problem });
    }
    report.states[model.name] = states;
  }
  return report;
}

/** The same where the answer takes its time. */
export async function examineCrashStates(options: ExamineOptions): Promise<Report> {
  const report: Report = { states: {}, violations: [] };
  for (const model of options.models) {
    let states = 0;
    for (const { state, violation } of crashStates(model, options)) {
      states++;
      const problem = await options.findProblem(state);
      if (problem !== undefined) report.violations.push({ ...violation, problem });
    }
    report.states[model.name] = states;
  }
  return report;
}

/** What tells the files of a state from those of others, whatever the program had said. */
export function contentsKeyOf({ files, inodes }: CrashState): string {
  const parts = [...files].map(([path, state]) => `${path} ${inodes.get(path)} ${digestOf(state)}`);
  return parts.sort().join("\n");
}

export interface Found {
  state: CrashState;
  violation: Omit<Violation, "problem">;
}

/** Each state once for each set of marks under which it is possible. */
export function* crashStates(
  model: Model,
  {
    history,
    isWatched = () => true,
    isCut = () => true,
  }: Pick<CheckOptions, "history" | "isWatched" | "isCut">,
): Generator<Found> {
  const { operations } = history;
  const seen = new Set<string>();
  const marks = new Set<string>();
  for (let issued = 0; issued <= operations.length; issued++) {
    const last = operations[issued - 1];
    if (last?.kind === "mark") marks.add(last.name);
    if (last !== undefined && !isCut(last)) continue;
    const cut = { ...history, operations: operations.slice(0, issued) };
    for (const survival of model.survivals(cut)) {
      for (const found of filesOf(history, survival, isWatched)) {
        const state = { ...found, marks: new Set(marks) };
        const key = JSON.stringify([contentsKeyOf(state), [...marks]]);
        if (seen.has(key)) continue;
        seen.add(key);
        yield {
          state,
          violation: { model: model.name, after: last?.text ?? "nothing", lost: survival.lost },
        };
      }
    }
  }
}

/** Every combination of what the files of a survival can hold. */
function* filesOf(
  history: History,
  survival: Survival,
  isWatched: (path: string) => boolean,
): Generator<Pick<CrashState, "files" | "inodes">> {
  const watched = filesBelow(history.before.root, "", survival).filter(([path]) => isWatched(path));
  // Two names of one file: what it holds is chosen once.
  const inodes = [...new Set(watched.map(([, inode]) => inode))];
  const variants = inodes.map((inode) => survival.variants(inode));
  const count = variants.reduce((product, { length }) => product * length, 1);
  if (count > MOST_COMBINATIONS) throw new Error(`${count} combinations of what files hold`);
  for (let n = 0; n < count; n++) {
    const chosen = new Map<Inode, FileState>();
    let rest = n;
    for (const [i, states] of variants.entries()) {
      const state = states[rest % states.length];
      const inode = inodes[i];
      rest = Math.floor(rest / states.length);
      if (state !== undefined && inode !== undefined) chosen.set(inode, state);
    }
    const files = new Map<string, FileState>();
    for (const [path, inode] of watched) {
      const state = chosen.get(inode);
      if (state !== undefined) files.set(path, state);
    }
    yield { files, inodes: new Map(watched) };
  }
}

function filesBelow(
  directory: Inode,
  path: string,
  survival: Survival,
): Array<[path: string, inode: Inode]> {
  const names = survival.directories.get(directory) ?? new Map<string, Inode>();
  return [...names].flatMap(([name, inode]) => {
    const inner = path === "" ? name : `${path}/${name}`;
    return survival.directories.has(inode)
      ? filesBelow(inode, inner, survival)
      : [[inner, inode] satisfies [string, Inode]];
  });
}

const digests = new WeakMap<FileState, string>();

function digestOf(state: FileState): string {
  const known = digests.get(state);
  if (known !== undefined) return known;
  const attributes = JSON.stringify([...state.attributes].sort());
  const digest = createHash("sha1").update(attributes).update(state.bytes).digest("hex");
  digests.set(state, digest);
  return digest;
}

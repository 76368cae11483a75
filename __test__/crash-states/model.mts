import type { Disk, Entry, FileState, History, Inode, Operation } from "./history.mjs";

/** What a file system promises of what it was told before a power cut. */
export interface Model {
  name: string;
  /**
   * Each way in which the operations of a history, all of which were issued, can have reached the
   * disk when the power goes.
   */
  survivals(history: History): Iterable<Survival>;
}

/** One way: the names that are on the disk, and what each file can then hold. */
export interface Survival {
  directories: Disk["directories"];
  /** For reports: what has not reached the disk. */
  lost: string[];
  variants(inode: Inode): FileState[];
}

/** An operation and its place in the history. */
export interface Placed<T extends Operation = Operation> {
  place: number;
  operation: T;
}

type OfKind<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;

export function placed<K extends Operation["kind"]>(
  history: History,
  ...kinds: K[]
): Placed<OfKind<K>>[] {
  const isOfKind = (operation: Operation): operation is OfKind<K> =>
    kinds.some((kind) => kind === operation.kind);
  return history.operations.flatMap((operation, place) =>
    isOfKind(operation) ? [{ place, operation }] : [],
  );
}

/** Where a file or directory was synced last: what was done to it before is on the disk. */
export function lastSync(history: History, inode: Inode, scope?: "all"): number {
  const isSync = (operation: Operation): boolean =>
    operation.kind === "sync" &&
    operation.inode === inode &&
    (scope === undefined || operation.scope === scope);
  return history.operations.findLastIndex(isSync);
}

/** A file as it was at first. */
export function originOf(history: History, inode: Inode): FileState {
  const state = history.before.inodes.get(inode) ?? history.born.get(inode);
  if (state === undefined) throw new Error(`The history knows no inode ${inode}`);
  return state;
}

/** The names after these changes of names. */
export function namesAfter(history: History, changes: Iterable<Entry[]>): Disk["directories"] {
  const directories = new Map<Inode, Map<string, Inode>>();
  for (const [inode, names] of history.before.directories) directories.set(inode, new Map(names));
  for (const inode of history.bornDirectories) directories.set(inode, new Map());
  for (const entries of changes) {
    for (const { directory, name, inode } of entries) {
      const names = directories.get(directory);
      if (inode === undefined) names?.delete(name);
      else names?.set(name, inode);
    }
  }
  return directories;
}

/** Attributes after these changes of attributes. */
export function attributesAfter(
  origin: FileState,
  changes: Iterable<OfKind<"attribute">>,
): FileState["attributes"] {
  const attributes = new Map(origin.attributes);
  for (const { name, value } of changes) {
    if (value === undefined) attributes.delete(name);
    else attributes.set(name, value);
  }
  return attributes;
}

/** A function's answers, kept. */
export function remembered<K, V>(find: (key: K) => V): (key: K) => V {
  const answers = new Map<K, V>();
  return (key) => {
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = find(key);
    answers.set(key, answer);
    return answer;
  };
}

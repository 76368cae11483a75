import { basename, dirname } from "node:path";
import type { Change, Disk, Entry, FileState, History, Inode, Operation } from "./history.mjs";

/**
 * A file system in memory that writes down what is done to it. Paths are relative to its root,
 * which is "".
 */
export class Recorder {
  /** Which call the operations come from that follow. */
  call = 0;
  readonly #before: Disk;
  readonly #born = new Map<Inode, FileState>();
  readonly #operations: Operation[] = [];
  readonly #directories = new Map<Inode, Map<string, Inode>>();
  /** What a program reads now. */
  readonly #contents = new Map<Inode, Buffer>();
  /** The name that a file had last, for reports and for descriptors of removed files. */
  readonly #lastPath = new Map<Inode, string>();
  #next: Inode;

  constructor(before: Disk) {
    this.#before = before;
    this.#next = Math.max(...before.inodes.keys(), ...before.directories.keys()) + 1;
    for (const [inode, names] of before.directories) this.#directories.set(inode, new Map(names));
    for (const [inode, { bytes }] of before.inodes) this.#contents.set(inode, bytes);
    this.#nameAll(before.root, "");
  }

  get history(): History {
    const bornDirectories = new Set([...this.#directories.keys()].filter((i) => this.#born.has(i)));
    const operations = this.#operations;
    return { before: this.#before, born: this.#born, bornDirectories, operations };
  }

  /** The file or directory of this path, or undefined. */
  lookup(path: string): Inode | undefined {
    if (path === "") return this.#before.root;
    const directory = this.lookup(parentOf(path));
    return directory === undefined
      ? undefined
      : this.#directories.get(directory)?.get(basename(path));
  }

  /** The file or directory that has or had this path last, be it removed since. */
  lookupRemoved(path: string): Inode | undefined {
    return [...this.#lastPath].findLast(([, last]) => last === path)?.[0];
  }

  /** What a program reads of a file now. */
  contents(inode: Inode): Buffer {
    return this.#contents.get(inode) ?? Buffer.alloc(0);
  }

  isDirectory(inode: Inode): boolean {
    return this.#directories.has(inode);
  }

  create(path: string, mode = 0o644): Inode {
    const inode = this.#next++;
    this.#born.set(inode, { bytes: Buffer.alloc(0), attributes: new Map([["mode", mode]]) });
    this.#contents.set(inode, Buffer.alloc(0));
    this.#change(`create ${path}`, { kind: "entries", entries: [this.#entry(path, inode)] });
    return inode;
  }

  makeDirectory(path: string, mode = 0o755): Inode {
    const inode = this.#next++;
    this.#born.set(inode, { bytes: Buffer.alloc(0), attributes: new Map([["mode", mode]]) });
    this.#directories.set(inode, new Map());
    this.#change(`mkdir ${path}`, { kind: "entries", entries: [this.#entry(path, inode)] });
    return inode;
  }

  write(inode: Inode, offset: number, bytes: Buffer): void {
    const old = this.contents(inode);
    const contents = Buffer.alloc(Math.max(old.length, offset + bytes.length));
    old.copy(contents);
    bytes.copy(contents, offset);
    this.#contents.set(inode, contents);
    const text = `write ${this.#path(inode)} ${offset}+${bytes.length}`;
    this.#change(text, { kind: "write", inode, offset, bytes });
  }

  truncate(inode: Inode, size: number): void {
    const contents = Buffer.alloc(size);
    this.contents(inode).copy(contents);
    this.#contents.set(inode, contents);
    this.#change(`truncate ${this.#path(inode)} to ${size}`, { kind: "truncate", inode, size });
  }

  setAttribute(inode: Inode, name: string, value: number | string | undefined): void {
    const text = `${name} of ${this.#path(inode)} = ${value}`;
    this.#change(text, { kind: "attribute", inode, name, value });
  }

  link(from: string, to: string): void {
    const entries = [this.#entry(to, this.#existing(from))];
    this.#change(`link ${from} ${to}`, { kind: "entries", entries });
  }

  rename(from: string, to: string): void {
    const inode = this.#existing(from);
    // Two names of one file: rename() does nothing.
    if (this.lookup(to) === inode) return;
    const entries = [this.#entry(from, undefined), this.#entry(to, inode)];
    this.#change(`rename ${from} ${to}`, { kind: "entries", entries });
  }

  exchange(one: string, other: string): void {
    const [first, second] = [this.#existing(one), this.#existing(other)];
    const entries = [this.#entry(one, second), this.#entry(other, first)];
    this.#change(`rename ${one} ${other} and back`, { kind: "entries", entries });
  }

  remove(path: string): void {
    this.#existing(path);
    const entries = [this.#entry(path, undefined)];
    this.#change(`remove ${path}`, { kind: "entries", entries });
  }

  sync(inode: Inode, scope: "all" | "data" = "all"): void {
    this.#change(`sync ${this.#path(inode) || "."}`, { kind: "sync", inode, scope });
  }

  syncAll(): void {
    for (const inode of [...this.#directories.keys(), ...this.#contents.keys()]) this.sync(inode);
  }

  mark(name: string): void {
    this.#change(`mark ${name}`, { kind: "mark", name });
  }

  #change(text: string, change: Change): void {
    this.#operations.push({ ...change, text, call: this.call });
    if (change.kind !== "entries") return;
    for (const { directory, name, inode } of change.entries) {
      const names = this.#directories.get(directory);
      if (inode === undefined) names?.delete(name);
      else names?.set(name, inode);
    }
    this.#nameAll(this.#before.root, "");
  }

  #entry(path: string, inode: Inode | undefined): Entry {
    return { directory: this.#existing(parentOf(path)), name: basename(path), inode };
  }

  #existing(path: string): Inode {
    const inode = this.lookup(path);
    if (inode === undefined) throw new Error(`The history knows no ${path || "root"}`);
    return inode;
  }

  #path(inode: Inode): string {
    return this.#lastPath.get(inode) ?? `#${inode}`;
  }

  #nameAll(directory: Inode, path: string): void {
    this.#lastPath.set(directory, path);
    for (const [name, inode] of this.#directories.get(directory) ?? []) {
      const inner = path === "" ? name : `${path}/${name}`;
      if (this.#directories.has(inode)) this.#nameAll(inode, inner);
      else this.#lastPath.set(inode, inner);
    }
  }
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === "." ? "" : parent;
}

/** What a program did to a file system, in order: what a power cut can undo in part. */

/** A file or directory, whatever its names are. */
export type Inode = number;

/** What is said of a file beside its contents: `mode`, `owner`, `xattr:NAME`. */
export type Attributes = ReadonlyMap<string, number | string>;

export interface FileState {
  bytes: Buffer;
  attributes: Attributes;
}

/** Names and files. What is a key of `directories` is a directory. */
export interface Disk {
  root: Inode;
  directories: ReadonlyMap<Inode, ReadonlyMap<string, Inode>>;
  /** Files, and of directories the attributes. */
  inodes: ReadonlyMap<Inode, FileState>;
}

/** A name and what it stands for from now on: undefined for nothing. */
export interface Entry {
  directory: Inode;
  name: string;
  inode: Inode | undefined;
}

export type Change =
  /** Creates, links, renames, removes. A file system that keeps a journal does all of it or nothing. */
  | { kind: "entries"; entries: Entry[] }
  | { kind: "write"; inode: Inode; offset: number; bytes: Buffer }
  | { kind: "truncate"; inode: Inode; size: number }
  | { kind: "attribute"; inode: Inode; name: string; value: number | string | undefined }
  /** fsync, of a file or a directory; "data" is fdatasync: no attributes. */
  | { kind: "sync"; inode: Inode; scope: "all" | "data" }
  /** The program says where it is: what is promised changes. */
  | { kind: "mark"; name: string };

export type Operation = Change & {
  /** For reports: the call and its paths. */
  text: string;
  /** Its place among the calls from which the history was read. */
  call: number;
};

export interface History {
  /** What was there before, all of it on the disk. */
  before: Disk;
  /** Files and directories that came later, as they were made: empty, with their first attributes. */
  born: ReadonlyMap<Inode, FileState>;
  bornDirectories: ReadonlySet<Inode>;
  operations: readonly Operation[];
}

/** The same history, but for operations that are left out, put in or moved. */
export function edited(
  history: History,
  edit: (operations: readonly Operation[]) => Operation[],
): History {
  return { ...history, operations: edit(history.operations) };
}

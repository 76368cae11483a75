import { relative, resolve } from "node:path";
import { bytesOf, descriptorOf, flagsOf, numberOf, pathOf } from "./call.mjs";
import type { Call } from "./call.mjs";
import type { Disk, History, Inode } from "./history.mjs";
import { Recorder } from "./recorder.mjs";

/** Opening this path, which is nowhere, is how a program says where it is: a mark. */
export const MARK = "/@mark/";

/** An open file of a process. */
interface Open {
  inode: Inode;
  offset: number;
  isAppending: boolean;
}

type Descriptors = Map<number, Open>;

/** A call and the descriptors of its process. */
interface Context {
  args: string[];
  result: number;
  descriptors: Descriptors;
}

interface Options {
  /** The directory that `before` was read from, without symbolic links. */
  root: string;
  before: Disk;
  /** Of the traced program. */
  umask?: number;
  /**
   * Files, by their path below `root`, that are as if they were elsewhere: such as a -shm, which is
   * written through a mapping and means nothing after a power cut.
   */
  isDisregarded?: (path: string) => boolean;
}

/**
 * What recorded calls did to the files below `root`. What can change a file in a way that is not
 * modelled is an error here, lest it be overlooked.
 */
export function historyOf(calls: readonly Call[], options: Options): History {
  const reader = new CallReader(calls, options);
  for (const [index, call] of calls.entries()) reader.read(call, index);
  return reader.history;
}

/** Whether a call, done or not, is about something below `root`. */
export function concerns(call: Call, root: string): boolean {
  return call.args.some((text) => {
    if (text.startsWith('"')) return isBelow(pathOf(text), root);
    const { path } = descriptorOf(text);
    return path !== undefined && isBelow(path, root);
  });
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

class CallReader {
  readonly #recorder: Recorder;
  readonly #root: string;
  readonly #umask: number;
  readonly #isDisregarded: (path: string) => boolean;
  /** What each new thread was made by, and whether it is a process of its own. */
  readonly #parents = new Map<number, { parent: number; isProcess: boolean }>();
  /** By the thread that a process began with; the first process under 0. */
  readonly #processes = new Map<number, Descriptors>();

  constructor(
    calls: readonly Call[],
    { root, before, umask = 0o022, isDisregarded = () => false }: Options,
  ) {
    this.#recorder = new Recorder(before);
    this.#root = root;
    this.#umask = umask;
    this.#isDisregarded = isDisregarded;
    for (const { thread, name, args, result = -1 } of calls) {
      if (!/^(clone3?|v?fork)$/.test(name) || result <= 0) continue;
      const isProcess = !args.some((text) => text.includes("CLONE_THREAD"));
      this.#parents.set(result, { parent: thread, isProcess });
    }
  }

  get history(): History {
    return this.#recorder.history;
  }

  read(call: Call, index: number): void {
    this.#recorder.call = index;
    const [, mark] = new RegExp(`^${MARK}(.*)$`).exec(openedPath(call) ?? "") ?? [];
    if (mark !== undefined) this.#recorder.mark(mark);
    // A process that is killed inside a call: it has no effect, or one that nobody saw.
    if (call.result === undefined || call.result < 0) return;
    const read = this.#readers[call.name];
    const descriptors = this.#descriptorsOf(call.thread);
    const context = { args: call.args, result: call.result, descriptors };
    if (read !== undefined) read(context);
    else if (concerns(call, this.#root)) {
      throw new Error(`${call.name}(${call.args.join(", ")}): not modelled`);
    }
  }

  /** What each call does, with its arguments as the manual pages have them. */
  readonly #readers: Record<string, (context: Context) => void> = {
    open: (context) => this.#open(context, this.#path(context, 0), 1),
    openat: (context) => this.#open(context, this.#pathAt(context, 0), 2),
    close: ({ args, descriptors }) =>
      void descriptors.delete(argument(args, 0, descriptorOf).number),
    dup: (context) => this.#duplicate(context),
    dup2: (context) => this.#duplicate(context),
    dup3: (context) => this.#duplicate(context),
    fcntl: (context) => {
      if (context.args[1]?.startsWith("F_DUPFD")) this.#duplicate(context);
    },
    lseek: (context) => {
      const file = this.#file(context, 0);
      if (file !== undefined) file.offset = context.result;
    },
    read: (context) => this.#advance(context),
    readv: (context) => this.#advance(context),
    write: (context) => this.#write(context),
    writev: (context) => this.#write(context),
    pwrite64: (context) => this.#write(context, 3),
    pwritev: (context) => this.#write(context, 3),
    pwritev2: (context) => this.#write(context, 3),
    copy_file_range: (context) =>
      this.#copy(context, { from: 0, fromOffset: 1, to: 2, toOffset: 3 }),
    sendfile: (context) => this.#copy(context, { from: 1, fromOffset: 2, to: 0 }),
    ioctl: (context) => this.#control(context),
    mmap: ({ args, ...context }) => {
      const isShared = flagsOf(args[3] ?? "").has("MAP_SHARED") && args[2]?.includes("PROT_WRITE");
      if (isShared && this.#file({ args, ...context }, 4) !== undefined) {
        throw new Error("What is written to a shared mapping of a file is not in the trace");
      }
    },
    truncate: (context) => {
      const inode = this.#inode(this.#path(context, 0));
      if (inode !== undefined) this.#recorder.truncate(inode, argument(context.args, 1, size));
    },
    ftruncate: (context) => {
      const file = this.#file(context, 0);
      if (file !== undefined) this.#recorder.truncate(file.inode, argument(context.args, 1, size));
    },
    fallocate: (context) => this.#allocate(context),
    rename: (context) => this.#rename(this.#path(context, 0), this.#path(context, 1)),
    renameat: (context) => this.#rename(this.#pathAt(context, 0), this.#pathAt(context, 2)),
    renameat2: (context) => {
      const exchanges = context.args[4]?.includes("EXCHANGE") === true;
      const [from, to] = [this.#pathAt(context, 0), this.#pathAt(context, 2)];
      if (exchanges) this.#exchange(from, to);
      else this.#rename(from, to);
    },
    link: (context) => this.#link(this.#path(context, 0), this.#path(context, 1)),
    linkat: (context) => this.#link(this.#pathAt(context, 0), this.#pathAt(context, 2)),
    unlink: (context) => this.#remove(this.#path(context, 0)),
    unlinkat: (context) => this.#remove(this.#pathAt(context, 0)),
    rmdir: (context) => this.#remove(this.#path(context, 0)),
    mkdir: (context) => this.#makeDirectory(this.#path(context, 0), context.args[1]),
    mkdirat: (context) => this.#makeDirectory(this.#pathAt(context, 0), context.args[2]),
    chmod: (context) => this.#set(this.#inode(this.#path(context, 0)), "mode", mode(context, 1)),
    fchmod: (context) => this.#set(this.#file(context, 0)?.inode, "mode", mode(context, 1)),
    fchmodat: (context) =>
      this.#set(this.#inode(this.#pathAt(context, 0)), "mode", mode(context, 2)),
    fchmodat2: (context) =>
      this.#set(this.#inode(this.#pathAt(context, 0)), "mode", mode(context, 2)),
    chown: (context) => this.#set(this.#inode(this.#path(context, 0)), "owner", owner(context, 1)),
    lchown: (context) => this.#set(this.#inode(this.#path(context, 0)), "owner", owner(context, 1)),
    fchown: (context) => this.#set(this.#file(context, 0)?.inode, "owner", owner(context, 1)),
    fchownat: (context) =>
      this.#set(this.#inode(this.#pathAt(context, 0)), "owner", owner(context, 2)),
    setxattr: (context) => this.#setExtended(context, this.#inode(this.#path(context, 0))),
    lsetxattr: (context) => this.#setExtended(context, this.#inode(this.#path(context, 0))),
    fsetxattr: (context) => this.#setExtended(context, this.#file(context, 0)?.inode),
    removexattr: (context) => this.#setExtended(context, this.#inode(this.#path(context, 0))),
    lremovexattr: (context) => this.#setExtended(context, this.#inode(this.#path(context, 0))),
    fremovexattr: (context) => this.#setExtended(context, this.#file(context, 0)?.inode),
    fsync: (context) => this.#sync(context, "all"),
    fdatasync: (context) => this.#sync(context, "data"),
    sync: () => this.#recorder.syncAll(),
    syncfs: () => this.#recorder.syncAll(),
    // It promises nothing after a power cut.
    sync_file_range: () => undefined,
  };

  #descriptorsOf(thread: number): Descriptors {
    const made = this.#parents.get(thread);
    if (made?.isProcess === false) return this.#descriptorsOf(made.parent);
    const process = made === undefined ? 0 : thread;
    let descriptors = this.#processes.get(process);
    if (descriptors === undefined) {
      // A new process has what its parent has, and shares the offsets.
      descriptors = new Map(made === undefined ? [] : this.#descriptorsOf(made.parent));
      this.#processes.set(process, descriptors);
    }
    return descriptors;
  }

  /** The path of an argument, relative to the root; undefined where it is elsewhere. */
  #path({ args }: Context, index: number): string | undefined {
    const path = argument(args, index, pathOf);
    if (!path.startsWith("/")) throw new Error(`A path from the working directory: ${path}`);
    return this.#inRoot(path);
  }

  /** The same where a descriptor of a directory stands before the path. */
  #pathAt({ args }: Context, index: number): string | undefined {
    const directory = argument(args, index, descriptorOf).path ?? "/";
    return this.#inRoot(resolve(directory, argument(args, index + 1, pathOf)));
  }

  #inRoot(given: string): string | undefined {
    const absolute = resolve(given);
    if (!isBelow(absolute, this.#root)) return undefined;
    const path = relative(this.#root, absolute);
    return this.#isDisregarded(path) ? undefined : path;
  }

  #inode(path: string | undefined): Inode | undefined {
    if (path === undefined) return undefined;
    const inode = this.#recorder.lookup(path);
    if (inode === undefined) throw new Error(`The trace names ${path}, which nobody has made`);
    return inode;
  }

  /** The open file of an argument, or undefined where it is elsewhere. */
  #file({ args, descriptors }: Context, index: number): Open | undefined {
    const { number, path } = argument(args, index, descriptorOf);
    const file = descriptors.get(number);
    const isHere = path !== undefined && this.#inRoot(path) !== undefined;
    if (isHere !== (file !== undefined)) {
      throw new Error(`Descriptor ${number} (${path}) was not opened in the trace`);
    }
    return file;
  }

  #open({ args, result, descriptors }: Context, path: string | undefined, index: number): void {
    descriptors.delete(result);
    if (path === undefined) return;
    const flags = argument(args, index, flagsOf);
    for (const flag of ["O_TMPFILE", "O_SYNC", "O_DSYNC", "O_DIRECT"]) {
      if (flags.has(flag)) throw new Error(`${flag} for ${path}: not modelled`);
    }
    const known = this.#recorder.lookup(path);
    const inode = known ?? this.#create(path, args[index + 1]);
    const isCut = flags.has("O_TRUNC") && this.#recorder.contents(inode).length > 0;
    if (isCut) this.#recorder.truncate(inode, 0);
    descriptors.set(result, { inode, offset: 0, isAppending: flags.has("O_APPEND") });
  }

  #create(path: string, given: string | undefined): Inode {
    return this.#recorder.create(path, (numberOf(given ?? "0666") ?? 0) & ~this.#umask);
  }

  #makeDirectory(path: string | undefined, given: string | undefined): void {
    if (path === undefined) return;
    this.#recorder.makeDirectory(path, (numberOf(given ?? "0777") ?? 0) & ~this.#umask);
  }

  #duplicate({ args, result, descriptors }: Context): void {
    const file = descriptors.get(argument(args, 0, descriptorOf).number);
    if (file === undefined) descriptors.delete(result);
    else descriptors.set(result, file);
  }

  #advance(context: Context): void {
    const file = this.#file(context, 0);
    if (file !== undefined) file.offset += context.result;
  }

  #write(context: Context, offsetIndex?: number): void {
    const file = this.#file(context, 0);
    if (file === undefined) return;
    const bytes = argument(context.args, 1, bytesOf).subarray(0, context.result);
    this.#store(file, bytes, offsetIndex === undefined ? undefined : context.args[offsetIndex]);
  }

  /** Writes where an argument says, or else where the descriptor stands. */
  #store(file: Open, bytes: Buffer, given: string | undefined): void {
    const offset = given === undefined ? undefined : numberOf(given);
    const end = this.#recorder.contents(file.inode).length;
    const start = file.isAppending ? end : (offset ?? file.offset);
    if (bytes.length > 0) this.#recorder.write(file.inode, start, bytes);
    if (offset === undefined) file.offset = start + bytes.length;
  }

  #copy(
    context: Context,
    at: { from: number; fromOffset: number; to: number; toOffset?: number },
  ): void {
    const source = this.#file(context, at.from);
    const target = this.#file(context, at.to);
    if (target === undefined) return;
    if (source === undefined) throw new Error("Bytes were copied from a file that is elsewhere");
    const offset = argument(context.args, at.fromOffset, numberOf);
    const start = offset ?? source.offset;
    const bytes = this.#recorder.contents(source.inode).subarray(start, start + context.result);
    if (offset === undefined) source.offset += context.result;
    this.#store(target, bytes, at.toOffset === undefined ? undefined : context.args[at.toOffset]);
  }

  #control(context: Context): void {
    const request = context.args[1] ?? "";
    if (!/FICLONE|FIDEDUPERANGE/.test(request)) return;
    const target = this.#file(context, 0);
    if (target === undefined) return;
    const source = request === "FICLONE" ? this.#file(context, 2) : undefined;
    if (source === undefined) throw new Error(`${request}: not modelled`);
    this.#recorder.write(target.inode, 0, this.#recorder.contents(source.inode));
  }

  #allocate(context: Context): void {
    const file = this.#file(context, 0);
    if (file === undefined) return;
    const how = context.args[1] ?? "";
    if (how.includes("KEEP_SIZE") && !how.includes("PUNCH_HOLE")) return;
    if (how !== "0") throw new Error(`fallocate with ${how}: not modelled`);
    const end = argument(context.args, 2, size) + argument(context.args, 3, size);
    const { inode } = file;
    if (end > this.#recorder.contents(inode).length) this.#recorder.truncate(inode, end);
  }

  #rename(from: string | undefined, to: string | undefined): void {
    if (from === undefined && to === undefined) return;
    if (from === undefined || to === undefined) throw new Error("A rename across the root");
    this.#recorder.rename(from, to);
  }

  #exchange(one: string | undefined, other: string | undefined): void {
    if (one === undefined && other === undefined) return;
    if (one === undefined || other === undefined) throw new Error("An exchange across the root");
    this.#recorder.exchange(one, other);
  }

  #link(from: string | undefined, to: string | undefined): void {
    if (to === undefined) return;
    if (from === undefined) throw new Error("A link to what is elsewhere");
    this.#recorder.link(from, to);
  }

  #remove(path: string | undefined): void {
    if (path !== undefined) this.#recorder.remove(path);
  }

  #set(inode: Inode | undefined, name: string, value: number | string | undefined): void {
    if (inode !== undefined) this.#recorder.setAttribute(inode, name, value);
  }

  #setExtended({ args }: Context, inode: Inode | undefined): void {
    const name = `xattr:${argument(args, 1, pathOf)}`;
    this.#set(inode, name, args[2] === undefined ? undefined : bytesOf(args[2]).toString("hex"));
  }

  #sync(context: Context, scope: "all" | "data"): void {
    const file = this.#file(context, 0);
    if (file !== undefined) this.#recorder.sync(file.inode, scope);
  }
}

function openedPath({ name, args }: Call): string | undefined {
  const text = name === "open" ? args[0] : name === "openat" ? args[1] : undefined;
  return text === undefined ? undefined : pathOf(text);
}

function argument<T>(args: string[], index: number, read: (argument: string) => T): T {
  const text = args[index];
  if (text === undefined) throw new Error(`A call without its argument ${index}`);
  return read(text);
}

function size(text: string): number {
  return numberOf(text) ?? 0;
}

function mode({ args }: Context, index: number): number {
  return argument(args, index, size);
}

function owner({ args }: Context, index: number): string {
  return `${args[index]}:${args[index + 1]}`;
}

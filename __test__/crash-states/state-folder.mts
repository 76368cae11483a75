import { link, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CrashState } from "./check.mjs";
import type { Disk, Inode } from "./history.mjs";

/** One with a second name is not taken for a lock file, and which file it is means nothing. */
const LOCK_FILE = ".swap-lock-";

/**
 * Makes crash states real, in the directory that was traced. Files that were there before the trace, but
 * lock files, are the same as then in all states: what a program has noted of a file's identity holds.
 */
export class StateFolder {
  readonly #root: string;
  readonly #files: string;
  readonly #kept: readonly Inode[];

  private constructor(root: string, files: string, kept: readonly Inode[]) {
    this.#root = root;
    this.#files = files;
    this.#kept = kept;
  }

  /** Gives the files in `root` a second name in `files`, an empty directory, before they are traced. */
  static async begin(root: string, files: string, before: Disk): Promise<StateFolder> {
    const names = before.directories.get(before.root) ?? new Map<string, Inode>();
    // Of two names of one file, either will do.
    const known = [...names].filter(([name]) => !name.startsWith(LOCK_FILE));
    const nameOf = new Map(known.map(([name, inode]) => [inode, name]));
    for (const [inode, name] of nameOf) await link(join(root, name), join(files, `${inode}`));
    return new StateFolder(root, files, [...nameOf.keys()]);
  }

  /** Writes a state. What was in the directory is gone. */
  async write({ files, inodes }: CrashState): Promise<void> {
    for (const name of await readdir(this.#root)) {
      await rm(join(this.#root, name), { recursive: true });
    }
    const places = new Map<Inode, string>();
    for (const inode of this.#kept) places.set(inode, join(this.#files, `${inode}`));
    const written = new Set<Inode>();
    for (const [path, { bytes }] of files) {
      const inode = inodes.get(path) ?? 0;
      const name = join(this.#root, path);
      await mkdir(dirname(name), { recursive: true });
      const place = places.get(inode) ?? name;
      places.set(inode, place);
      if (!written.has(inode)) await writeFile(place, bytes);
      written.add(inode);
      if (place !== name) await link(place, name);
    }
  }
}

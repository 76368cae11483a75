import { link, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CrashState } from "./check.mjs";
import type { Disk, Inode } from "./history.mjs";

/**
 * Makes crash states real, in the directory that was traced. Each file of the model is one file of the
 * system for all states, those that were there before the trace are the same files as then: what a
 * program has noted of a file's identity holds.
 */
export class StateFolder {
  readonly #root: string;
  readonly #files: string;

  private constructor(root: string, files: string) {
    this.#root = root;
    this.#files = files;
  }

  /** Gives the files in `root` a second name in `files`, an empty directory, before they are traced. */
  static async begin(root: string, files: string, before: Disk): Promise<StateFolder> {
    const names = before.directories.get(before.root) ?? new Map<string, Inode>();
    // Of two names of one file, either will do.
    const nameOf = new Map([...names].map(([name, inode]) => [inode, name]));
    for (const [inode, name] of nameOf) await link(join(root, name), join(files, `${inode}`));
    return new StateFolder(root, files);
  }

  /** Writes a state. What was in the directory is gone. */
  async write({ files, inodes }: CrashState): Promise<void> {
    for (const name of await readdir(this.#root)) {
      await rm(join(this.#root, name), { recursive: true });
    }
    const written = new Set<Inode>();
    for (const [path, { bytes }] of files) {
      const inode = inodes.get(path) ?? 0;
      const kept = join(this.#files, `${inode}`);
      if (!written.has(inode)) await writeFile(kept, bytes);
      written.add(inode);
      await mkdir(dirname(join(this.#root, path)), { recursive: true });
      await link(kept, join(this.#root, path));
    }
  }
}

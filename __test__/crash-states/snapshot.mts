import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Disk, FileState, Inode } from "./history.mjs";

/** What lies in a directory now, taken to be on the disk. */
export async function readDisk(directory: string): Promise<Disk> {
  const directories = new Map<Inode, Map<string, Inode>>();
  const inodes = new Map<Inode, FileState>();
  // Several names of one file are one inode here too.
  const known = new Map<number, Inode>();

  async function read(path: string): Promise<Inode> {
    const stat = await lstat(path);
    const linked = known.get(stat.ino);
    if (linked !== undefined) return linked;
    const inode = known.size + 1;
    known.set(stat.ino, inode);
    const attributes = new Map([["mode", stat.mode & 0o7777]]);
    if (stat.isDirectory()) {
      const names = new Map<string, Inode>();
      directories.set(inode, names);
      inodes.set(inode, { bytes: Buffer.alloc(0), attributes });
      for (const name of await readdir(path)) names.set(name, await read(join(path, name)));
    } else if (stat.isFile()) {
      inodes.set(inode, { bytes: await readFile(path), attributes });
    } else {
      throw new Error(`${path} is neither a file nor a directory: that is not modelled`);
    }
    return inode;
  }

  const root = await read(directory);
  return { root, directories, inodes };
}

/** A disk as a test writes it down: paths and contents, in one directory. */
export function diskOf(files: Record<string, string | Buffer>, mode = 0o644): Disk {
  const root = 1;
  const names = new Map<string, Inode>();
  const inodes = new Map<Inode, FileState>();
  for (const [name, contents] of Object.entries(files)) {
    const inode = inodes.size + 2;
    names.set(name, inode);
    inodes.set(inode, { bytes: Buffer.from(contents), attributes: new Map([["mode", mode]]) });
  }
  return { root, directories: new Map([[root, names]]), inodes };
}

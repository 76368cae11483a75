import { chmod, mkdir, readdir, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { temporaryDirectory } from "../support/database.mjs";
import type { SwapOrder } from "../support/programs/swap-once.mjs";
import { signed } from "../support/signing.mjs";

export const MODE = 0o751;

/** Several pages, and a part of one. */
export const oldBytes = Buffer.alloc(3 * 4096 + 5, "old bytes ");
const sourceBytes = Buffer.alloc(5 * 4096 + 7, "new bytes ");

/** A target in a directory of its own, and what is to take its place. */
export interface Sandbox {
  /** Above the target's directory and the source's; without symbolic links. */
  root: string;
  target: string;
  order: SwapOrder;
  /** What the target holds after the swap. */
  newBytes: Buffer;
  /** The names that are in the target's directory beside it. */
  leftovers(): Promise<string[]>;
}

export interface SandboxOptions {
  signing?: SwapOrder["signing"];
  /** Whether there is a file to replace. */
  isNew?: boolean;
  /** Default: "full". */
  durability?: SwapOrder["durability"];
}

export async function makeSandbox(
  t: ExecutionContext,
  { signing, isNew = false, durability = "full" }: SandboxOptions = {},
): Promise<Sandbox> {
  const root = await realpath(await temporaryDirectory(t));
  const [directory, scratch] = [join(root, "live"), join(root, "scratch")];
  const [target, source] = [join(directory, "tool.node"), join(root, "source")];
  await mkdir(directory);
  await mkdir(scratch);
  await writeFile(source, sourceBytes);
  if (!isNew) {
    await writeFile(target, oldBytes);
    await chmod(target, MODE);
  }
  return {
    root,
    target,
    order: {
      how: "swap",
      target,
      source,
      signing,
      scratch,
      mode: isNew ? MODE : undefined,
      durability,
    },
    newBytes: signing === undefined ? sourceBytes : signed(sourceBytes),
    leftovers: async () => (await readdir(directory)).filter((name) => name !== "tool.node"),
  };
}

/** What the target is: "old", "new", or what is wrong with it. */
export async function readTarget({ target, newBytes }: Sandbox): Promise<string> {
  const bytes = await readFile(target).catch((error: NodeJS.ErrnoException) => error.code ?? "?");
  if (typeof bytes === "string") return bytes;
  const { mode } = await stat(target);
  return describe(bytes, mode & 0o7777, newBytes);
}

/** The same for what a crash state holds. */
export function describe(bytes: Buffer, mode: unknown, newBytes: Buffer): string {
  const content = bytes.equals(oldBytes)
    ? "old"
    : bytes.equals(newBytes)
      ? "new"
      : `neither old nor new, ${bytes.length} bytes`;
  return mode === MODE ? content : `${content}, mode ${Number(mode).toString(8)}`;
}

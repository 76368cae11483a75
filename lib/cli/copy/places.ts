/** The two databases of a copy. */
import { rmSync, statSync, type Stats } from "node:fs";
import { pathOfFileUrl } from "../../client/file-url";
import { UsageError } from "../command";
import { databaseUrl, isLocal } from "../sql/connect";
import { CopyError } from "./errors";

/** The path of a database file. Undefined for one in memory, or on a server. */
export function fileOf(url: string): string | undefined {
  if (!isLocal(url) || /^(?:file:)?:memory:/i.test(url)) return undefined;
  return pathOfFileUrl(url);
}

/**
 * The URLs of both databases.
 * @throws UsageError where they are one database; CopyError where the source is not there
 */
export function placesOf(from: string, to: string): { source: string; target: string } {
  const [source, target] = [databaseUrl(from), databaseUrl(to)];
  if (source === target || isOneFile(source, target)) {
    throw new UsageError("the source and the target are one database");
  }
  const file = fileOf(source);
  // A client would make the file.
  if (file !== undefined && statOf(file) === undefined) {
    throw new CopyError(`the source ${file} does not exist`);
  }
  return { source, target };
}

/**
 * Looks at a target that is to be opened.
 * @returns what removes the file that the opening makes, if nothing was written to it
 */
export function removerOf(target: string): () => void {
  const file = fileOf(target);
  if (file === undefined || statOf(file) !== undefined) return () => undefined;
  return () => {
    if (statOf(file)?.size === 0) rmSync(file);
  };
}

function isOneFile(source: string, target: string): boolean {
  const [one, other] = [source, target].map((url) => {
    const file = fileOf(url);
    return file === undefined ? undefined : statOf(file);
  });
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino;
}

function statOf(file: string): Stats | undefined {
  return statSync(file, { throwIfNoEntry: false });
}

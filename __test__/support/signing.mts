/** What a signing tool does to a file: a new header, a signature at the end. */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

const HEADER = Buffer.from("SIGNED: ");
const SIGNATURE = Buffer.alloc(100, "signature ");

/** What a file holds once it is signed. */
export function signed(bytes: Buffer): Buffer {
  const whole = Buffer.concat([bytes, SIGNATURE]);
  HEADER.copy(whole);
  return whole;
}

/**
 * Signs a file in place, as a tool does that leaves syncing to others. All in one thread, the same in
 * each run: a kill sweep counts calls per thread.
 */
export function signInPlace(path: string): void {
  const file = openSync(path, "r+");
  try {
    const { size } = fstatSync(file);
    writeSync(file, HEADER, 0, HEADER.length, 0);
    writeSync(file, SIGNATURE, 0, SIGNATURE.length, size);
  } finally {
    closeSync(file);
  }
}

/** Signs by way of a new file, which takes the name of the old one. */
export function signIntoNewFile(path: string, scratch: string): void {
  const made = join(scratch, randomUUID());
  writeFileSync(made, signed(readFileSync(path)));
  renameSync(made, path);
}

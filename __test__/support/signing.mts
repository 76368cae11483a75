/** What a signing tool does to a file: a new header, a signature at the end. */
import { randomUUID } from "node:crypto";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

const HEADER = Buffer.from("SIGNED: ");
const SIGNATURE = Buffer.alloc(100, "signature ");

/** What a file holds once it is signed. */
export function signed(bytes: Buffer): Buffer {
  const whole = Buffer.concat([bytes, SIGNATURE]);
  HEADER.copy(whole);
  return whole;
}

/** Signs a file in place, as a tool does that leaves syncing to others. */
export async function signInPlace(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    await file.write(HEADER, 0, HEADER.length, 0);
    await file.write(SIGNATURE, 0, SIGNATURE.length, size);
  } finally {
    await file.close();
  }
}

/** Signs by way of a new file, which takes the name of the old one. */
export async function signIntoNewFile(path: string, scratch: string): Promise<void> {
  const made = join(scratch, randomUUID());
  await writeFile(made, signed(await readFile(path)));
  await rename(made, path);
}

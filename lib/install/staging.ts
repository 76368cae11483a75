import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InstallError } from "./command";
import { packageRoot } from "../addon/binaries";

/**
 * A temporary folder inside the package. From there a binary is moved into place by one rename, so that
 * no process finds it half-written.
 */
export class Staging {
  readonly path: string;

  /** @throws InstallError if the package's folder is not writable */
  constructor() {
    try {
      this.path = mkdtempSync(join(packageRoot, ".latchdb-install-"));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isRefused = code === "EACCES" || code === "EPERM";
      const advice = isRefused ? "Run this as the user who installed it" : "Then run this again";
      throw new InstallError(`cannot write to latchdb's own folder: ${message}. ${advice}`);
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

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
      throw new InstallError(
        `cannot write to latchdb's own folder: ${(error as Error).message}. ` +
          "Run this as the user who installed it",
      );
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

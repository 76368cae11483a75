import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InstallError } from "./command";
import { packageRoot } from "../addon/binaries";

/**
 * A folder in which a binary comes into being: in the package itself, so that it is moved into place
 * in one step, and is never found half-written.
 */
export class Staging {
  readonly path: string;

  /** @throws InstallError where the package cannot be written to */
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

/** The parts of scripts/ that are tested here. They are JavaScript: this says their types. */

export interface Target {
  name: string;
  triple: string;
  platform: "linux" | "darwin" | "win32";
  arch: "x64" | "arm64";
  libc?: "glibc" | "musl";
  standIn?: string;
}

interface Import {
  name: string;
  library?: string | undefined;
  version?: string | undefined;
  isOptional: boolean;
}

/** What xtask says of a binary. */
export interface Facts {
  problem?: string;
  format: string;
  machine: string;
  isSharedLibrary: boolean;
  libraries: string[];
  imports: Import[];
  exports: string[];
  hasDebugSymbols: boolean;
  staysLoaded?: boolean;
  oldestSystem?: string;
  isSigned?: boolean;
}

interface Targets {
  targets: Target[];
  packageFolder(target: Target): string;
  binaryName(target: Target): string;
}

interface Check {
  problemsOf(target: Target, facts: Facts, bytes: Buffer): Iterable<string>;
  newestGlibc(facts: Facts): string | undefined;
}

const scripts = new URL("../../../scripts/binaries/", import.meta.url);

export const { targets, packageFolder, binaryName } = (await import(
  new URL("targets.mjs", scripts).href
)) as Targets;
export const { problemsOf, newestGlibc } = (await import(
  new URL("check.mjs", scripts).href
)) as Check;

/** The parts of scripts/ that are tested here. They are JavaScript: this says their types. */

export interface Target {
  name: string;
  triple: string;
  platform: "linux" | "darwin" | "win32";
  arch: "x64" | "arm64";
  libc?: "glibc" | "musl";
  standIn?: string;
}

interface Checked {
  problems: string[];
  megabytes: number;
  glibc?: string;
}

interface Targets {
  targets: Target[];
  packageFolder(target: Target): string;
  binaryName(target: Target): string;
}

interface Check {
  checkBinary(target: Target, bytes: Buffer): Checked;
}

const scripts = new URL("../../../scripts/binaries/", import.meta.url);

export const { targets, packageFolder, binaryName } = (await import(
  new URL("targets.mjs", scripts).href
)) as Targets;
export const { checkBinary } = (await import(new URL("check.mjs", scripts).href)) as Check;

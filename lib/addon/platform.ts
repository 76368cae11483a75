/** Which binary a process needs. */
import { familySync, MUSL } from "detect-libc";

/** A platform as Node names it. */
export interface Platform {
  os: string;
  cpu: string;
  /** Whether the C library is musl; on Linux only. */
  isMusl: boolean;
}

/** The platform of this process. */
export function currentPlatform(): Platform {
  const { platform, arch } = process;
  return { os: platform, cpu: arch, isMusl: platform === "linux" && familySync() === MUSL };
}

/** The name that napi-rs gives to a platform's binary, such as `linux-x64-gnu`. */
export function tripleOf({ os, cpu, isMusl }: Platform): string {
  const abi = abiOf(os, cpu, isMusl);
  return abi === undefined ? `${os}-${cpu}` : `${os}-${cpu}-${abi}`;
}

/** The file name of a platform's binary, in the package's root. */
export function binaryName(triple: string): string {
  return `latchdb.${triple}.node`;
}

function abiOf(os: string, cpu: string, isMusl: boolean): string | undefined {
  if (os === "win32") return "msvc";
  if (os !== "linux") return undefined;
  return (isMusl ? "musl" : "gnu") + (cpu === "arm" ? "eabihf" : "");
}

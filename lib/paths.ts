/** Paths, as the system and the addon understand them. */
import { isAbsolute, resolve, sep } from "node:path";

/**
 * The path that a relative one means now: a later `chdir` must not lead elsewhere. As the addon does it
 * (`std::path::absolute`), and not as `resolve()`: behind a symlink `..` leads elsewhere than it reads, so
 * that is left to the system. Windows itself takes `..` as it reads.
 *
 * @throws the system's error where the working directory is gone
 */
export function absolutePath(path: string): string {
  if (process.platform === "win32") return resolve(path);
  const whole = isAbsolute(path) ? path : `${process.cwd()}${sep}${path}`;
  const parts = whole.split(sep).filter((part) => part !== "" && part !== ".");
  return `${sep}${parts.join(sep)}${path.endsWith(sep) && parts.length > 0 ? sep : ""}`;
}

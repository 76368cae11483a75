/** Absolute paths, as the operating system and the addon resolve them. */
import { isAbsolute, resolve, sep } from "node:path";

/** An empty component, a ".", or a slash at the end. */
const SUPERFLUOUS = /\/\.?(?:\/|$)/;

/**
 * The absolute path that a relative one means now, so that a later `chdir` does not change it. On POSIX
 * `..` is kept, as the addon does (`std::path::absolute`): after a symlink, `resolve()` would remove the
 * wrong component. Windows resolves `..` lexically itself.
 *
 * @throws the system's error if the working directory no longer exists
 */
export function absolutePath(path: string): string {
  if (process.platform === "win32") return resolve(path);
  if (path.startsWith(sep) && !SUPERFLUOUS.test(path)) return path;
  const whole = isAbsolute(path) ? path : `${process.cwd()}${sep}${path}`;
  const parts = whole.split(sep).filter((part) => part !== "" && part !== ".");
  return `${sep}${parts.join(sep)}${path.endsWith(sep) && parts.length > 0 ? sep : ""}`;
}

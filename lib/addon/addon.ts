/**
 * The addon itself. It is loaded at its first use: a program whose databases are all on servers needs no
 * binary.
 */
import { resolve } from "node:path";
import { bindingPackage, localBinary, openFile, openLocal, openPackage } from "./binaries";
import { loadAddon, type Addon } from "./load";
import { guard } from "./panics";
import { currentPlatform } from "./platform";

/**
 * What `src/lib.rs` exports.
 * @throws AddonNotLoadedError at each use, where no binary can be loaded
 */
export declare const addon: Addon;

// A getter that replaces itself: from the second use on, a use costs what it costs with any import.
Object.defineProperty(exports, "addon", {
  configurable: true,
  enumerable: true,
  get() {
    const value = load();
    Object.defineProperty(exports, "addon", { value, enumerable: true });
    return value;
  },
});

function load(): Addon {
  const { NAPI_RS_NATIVE_LIBRARY_PATH: override } = process.env;
  return guard(
    loadAddon({
      version: (require("../../package.json") as { version: string }).version,
      platform: currentPlatform(),
      runtime: process.versions.bun ? `Bun ${process.versions.bun}` : `Node ${process.version}`,
      override: override ? resolve(override) : undefined,
      localBinary,
      bindingPackage,
      openFile,
      openLocal,
      openPackage,
    }),
  );
}

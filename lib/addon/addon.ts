/** The addon itself, loaded when this module is. */
import { resolve } from "node:path";
import { bindingPackage, localBinary, openFile, openLocal, openPackage } from "./binaries";
import { loadAddon } from "./load";
import { guard } from "./panics";
import { currentPlatform } from "./platform";

const { NAPI_RS_NATIVE_LIBRARY_PATH: override } = process.env;

/** What `src/lib.rs` exports. */
export const addon = guard(
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

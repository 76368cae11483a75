/** latchdb's own package.json. */

/** See https://github.com/prebuild/prebuild-install#packagejson for `binary`. */
export interface Manifest {
  name: string;
  version: string;
  binary: { napi_versions: number[]; host?: string };
  /** Where the releases are. Added when a release is packed. */
  repository?: { url: string };
}

export const manifest = require("../../package.json") as Manifest;

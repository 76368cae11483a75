import { join } from "node:path";
import { root } from "../support/root.mjs";

/** All that running for other platforms needs and keeps. It can be removed at any time. */
export const platformsFolder = join(root, "build", "platforms");

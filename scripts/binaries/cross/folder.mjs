import { join } from "node:path";
import { root } from "../../support/root.mjs";

/** All that building for other platforms needs and keeps. It can be removed at any time. */
export const crossFolder = join(root, "build", "cross");

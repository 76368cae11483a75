import { fileURLToPath } from "node:url";

/** The checkout. Every command runs here, wherever the scripts were called from. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

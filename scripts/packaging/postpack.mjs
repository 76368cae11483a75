/** Run by npm after it has packed. */
import { useCommittedManifest } from "./manifest.mjs";

useCommittedManifest();

/** Run by npm before it packs: compiles lib, and puts the published package.json in place. */
import { buildJavaScript } from "../setup/javascript.mjs";
import { usePublishedManifest } from "./manifest.mjs";

await buildJavaScript();
usePublishedManifest();

/** The process of the stock client: plays the scripts that it is sent. */
import { createClient } from "@libsql/client";
import { play } from "./player.mjs";
import type { Script } from "./script.mjs";

/** A script, and the directory for its files. */
export interface PlayRequest {
  script: Script;
  directory: string;
}

process.on("message", async ({ script, directory }: PlayRequest) => {
  process.send?.(await play(createClient, script, directory));
});
process.send?.("ready");

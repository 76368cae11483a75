/** `process.exit()` and an uncaught error run no cleanup hook in the main thread: a listener does. */
import { isMainThread } from "node:worker_threads";
import * as addon from "../../binding.js";
import { attachment } from "./delivery";

let closesAtExit = false;

/** Has everything that is open, or under way, ended with the process. */
export function closeAtExit(): void {
  if (closesAtExit || !isMainThread) return;
  closesAtExit = true;
  process.on("exit", () => addon.closeAll(attachment));
}

/** A program that uses servers alone runs on a platform without a binary. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { hasServer } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const shared = sharedServer(test);

test("the addon is loaded only for files and memory", async (t) => {
  if (!hasServer(t)) return;
  const program = fileURLToPath(new URL("./without-binary-process.mjs", import.meta.url));
  const args = [program, shared.url("http"), shared.url("ws")];
  // With this set, only that file is tried.
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: "/nowhere/latchdb.node" };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  t.deepEqual(JSON.parse(stdout), [1, 1, "ADDON_NOT_LOADED", 2, true]);
});

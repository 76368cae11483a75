import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

const program = fileURLToPath(import.meta.resolve("../support/programs/rows-without-code.mjs"));

test("rows are made where code cannot be made from strings", async (t) => {
  // Bun knows no such flag: there the program shows the same rows made with code.
  const flags =
    process.versions["bun"] === undefined ? ["--disallow-code-generation-from-strings"] : [];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program]);
  t.deepEqual(JSON.parse(stdout), [500, ["i", "__proto__", "toString"], 500, 1000, 500, 4]);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import test from "ava";

test("the smoke suite passes on the package of this checkout", async (t) => {
  const program = fileURLToPath(new URL("smoke.mjs", import.meta.url));
  const packageFolder = fileURLToPath(new URL("../../../", import.meta.url));
  const child = spawn(process.execPath, [program, packageFolder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  t.is(code, 0, output);
  t.notRegex(output, /^not ok/m);
  t.regex(output, /^ok 1 /m);
});

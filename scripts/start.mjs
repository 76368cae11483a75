/** `npm start`: gets the checkout ready and runs the main job, examples/cities. */
import { spawn } from "node:child_process";
import { setUp } from "./setup/set-up.mjs";
import { root } from "./support/root.mjs";

const ready = await setUp();
if (Object.values(ready).every(Boolean)) {
  console.log();
  const job = spawn(process.execPath, ["examples/cities/main.mjs"], {
    cwd: root,
    stdio: "inherit",
  });
  job.once("exit", (code) => (process.exitCode = code ?? 1));
} else {
  process.exitCode = 1;
}

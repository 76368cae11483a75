/** `npm start`: gets the checkout ready and runs the main job, examples/cities. */
import { spawn } from "node:child_process";
import { setUpOrExit } from "./setup/set-up.mjs";
import { root } from "./support/root.mjs";

await setUpOrExit();
console.log();
const job = spawn(process.execPath, ["examples/cities/main.mjs"], { cwd: root, stdio: "inherit" });
job.once("exit", (code) => (process.exitCode = code ?? 1));

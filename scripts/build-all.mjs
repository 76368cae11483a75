/**
 * `npm run build:all [-- TARGET…]`: builds the binary of every target that this machine can build,
 * checks each, and packs everything into artifacts/. A target that is named must be built; of the
 * others, those that this machine cannot build are left out, with the reason.
 */
import { readFileSync } from "node:fs";
import { buildBinary } from "./binaries/build.mjs";
import { checkBinary } from "./binaries/check.mjs";
import { NotHere } from "./binaries/not-here.mjs";
import { packAll } from "./binaries/pack.mjs";
import { table } from "./binaries/table.mjs";
import { binaryPath, targetsNamed } from "./binaries/targets.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { buildJavaScript } from "./setup/javascript.mjs";
import { printLine, step } from "./support/step.mjs";

const names = process.argv.slice(2);
const isReady =
  (await step("dependencies", installDependencies)) && (await step("javascript", buildJavaScript));

const rows = [];
for (const target of isReady ? targetsNamed(names) : []) rows.push(await build(target));

const built = rows.filter(({ mark }) => mark === "ok").map(({ target }) => target);
const isPacked = isReady && (await step("packages", () => packAll(built)));

console.log(`\n${summary()}`);
const isAllBuilt = rows.every(
  ({ mark }) => mark === "ok" || (mark === "skip" && names.length === 0),
);
process.exitCode = isReady && isAllBuilt && isPacked ? 0 : 1;

/** Builds one target and checks what came out, whatever becomes of it. */
async function build(target) {
  const start = performance.now();
  const row = { target, mark: "ok", megabytes: "", glibc: "", text: "" };
  try {
    row.text = await buildBinary(target);
    const { problems, megabytes, glibc } = checkBinary(target, readFileSync(binaryPath(target)));
    Object.assign(row, { megabytes: megabytes.toFixed(1), glibc: glibc ?? "" });
    if (problems.length > 0) throw new Error(problems.join("; "));
  } catch (error) {
    row.mark = error instanceof NotHere ? "skip" : "FAIL";
    row.text = error.message;
  }
  printLine(row.mark, target.name, row.text, start);
  return row;
}

function summary() {
  return table(
    ["target", "", "MB", "glibc", "how, or why not"],
    rows.map(({ target, mark, megabytes, glibc, text }) => [
      target.name,
      mark,
      megabytes,
      glibc,
      text,
    ]),
  );
}

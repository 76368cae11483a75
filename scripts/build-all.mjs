/**
 * `npm run build:all [-- TARGET…]`: builds the binary of every target that this machine can build,
 * checks each, and packs everything into artifacts/. A target that is named must be built; of the
 * others, those that this machine cannot build are left out, with the reason.
 */
import { buildBinary } from "./binaries/build.mjs";
import { checkBinary } from "./binaries/check.mjs";
import { NotHere } from "./binaries/not-here.mjs";
import { binaryPath, targetsNamed } from "./binaries/targets.mjs";
import { packRelease } from "./packaging/release.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { buildJavaScript } from "./setup/javascript.mjs";
import { printLine, step } from "./support/step.mjs";

const names = process.argv.slice(2);
let targets = [];
const rows = [];
const isReady =
  (await step("targets", () => {
    targets = targetsNamed(names);
    return targets.map(({ name }) => name).join(", ");
  })) &&
  (await step("dependencies", installDependencies)) &&
  (await step("javascript", buildJavaScript));

if (isReady) {
  for (const target of targets) rows.push(await build(target));
  const isPacked = await step("packages", () => packRelease(targets.filter(isBuilt)));
  console.table(Object.fromEntries(rows.map(({ target, ...row }) => [target.name, row])));
  // What nobody asked for by name may be left out.
  const isComplete = rows.every(
    ({ mark }) => mark === "ok" || (mark === "skip" && names.length === 0),
  );
  process.exitCode = isPacked && isComplete ? 0 : 1;
} else {
  process.exitCode = 1;
}

function isBuilt(target) {
  return rows.some((row) => row.target === target && row.mark === "ok");
}

/** Builds one target and checks what came out, whatever becomes of it. */
async function build(target) {
  const start = performance.now();
  const row = { target, mark: "ok", MB: "", glibc: "", text: "" };
  try {
    row.text = await buildBinary(target);
    const { megabytes, glibc } = await checkBinary(target, binaryPath(target));
    Object.assign(row, { MB: megabytes.toFixed(1), glibc: glibc ?? "" });
  } catch (error) {
    row.mark = error instanceof NotHere ? "skip" : "FAIL";
    row.text = error.message;
  }
  printLine(row.mark, target.name, row.text, start);
  return row;
}

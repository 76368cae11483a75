/**
 * `npm run build:all [-- TARGET…]`: builds the binary of every target that this machine can build,
 * checks each, and packs everything into artifacts/. With names, each named target must be built;
 * without, targets that this machine cannot build are skipped, with the reason.
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
  // Without names, targets may be skipped.
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

/** Builds and checks one target. Never throws: the row says what happened. */
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

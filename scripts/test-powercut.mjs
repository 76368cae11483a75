/**
 * `npm run test:powercut`: cuts the power while databases are replaced, on ext4 (with noauto_da_alloc:
 * its default hides a missing fsync) and XFS, in images that it mounts. It needs root, loop devices, perl
 * and each mkfs; if one is missing, the stage is skipped, with the reason. POWER_CUTS: how many on each
 * file system (60).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTests } from "./setup/javascript.mjs";
import { setUpOrExit } from "./setup/set-up.mjs";
import { runStages, skip } from "./stages/stage.mjs";
import { root } from "./support/root.mjs";
import { explain, run } from "./support/run.mjs";

const CUTS = Number(process.env.POWER_CUTS ?? 60);
const PROGRAM = join(root, "build", "test", "support", "programs", "power-cuts.mjs");
const MIB = 1024 * 1024;

const FILE_SYSTEMS = [
  { name: "ext4", mkfs: ["mkfs.ext4", "-q", "-F"], bytes: 64 * MIB, options: "noauto_da_alloc" },
  { name: "XFS", mkfs: ["mkfs.xfs", "-q", "-f"], bytes: 320 * MIB, options: "nouuid" },
];

await setUpOrExit();
await buildTests();

const stages = FILE_SYSTEMS.map((system) => ({
  name: `power cuts on ${system.name}`,
  run: () => powerCuts(system),
}));
const { passed, failed } = await runStages(stages);
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

async function powerCuts({ name, mkfs, bytes, options }) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "latchdb-")));
  const [image, mountPoint, scratch] = ["image", "mounted", "scratch"].map((part) =>
    join(directory, part),
  );
  try {
    for (const path of [mountPoint, scratch]) mkdirSync(path);
    const reason = whyNot({ mkfs, bytes, options }, image, mountPoint);
    if (reason !== undefined) return skip(reason);
    const order = JSON.stringify({ image, options, mountPoint, scratch, cuts: CUTS });
    let done = 0;
    let report = "";
    const outcome = await run(process.execPath, [PROGRAM, order], {
      onLine(line) {
        if (line.startsWith("cut ")) done++;
        if (line.startsWith("{")) report = line;
      },
      describe: () => `power cuts on ${name}: ${done} of ${CUTS}`,
    });
    return verdict(name, outcome, report);
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function verdict(name, outcome, text) {
  if (text === "") {
    explain(outcome);
    return { passed: 0, failed: 1 };
  }
  const report = JSON.parse(text);
  const { cuts, old, resolved, problems, torn, controls } = report;
  console.log(
    `     ${name}: ${cuts} cuts, ${old} times old, ${report.new} times new, ${resolved} after the end; ` +
      `${problems.length} wrong; of files renamed without fsync ${torn} of ${controls} torn`,
  );
  for (const problem of problems) console.log(`     ${problem}`);
  // If no unsynced file is torn, the cuts lost nothing, and the test proves nothing.
  const isGood = problems.length === 0 && old > 0 && report.new > 0 && torn > 0;
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1 };
}

/** Makes the file system and mounts it once. Returns the reason if that fails. */
function whyNot({ mkfs: [command, ...args], bytes, options }, image, mountPoint) {
  writeFileSync(image, "");
  truncateSync(image, bytes);
  try {
    execFileSync("perl", ["-e", "1"], { stdio: "pipe" });
    execFileSync(command, [...args, image], { stdio: "pipe" });
    execFileSync("mount", ["-o", `loop,${options}`, image, mountPoint], { stdio: "pipe" });
    execFileSync("umount", [mountPoint], { stdio: "pipe" });
  } catch (error) {
    return `the file system cannot be made and mounted here (${error.message.trim()})`;
  }
  return undefined;
}

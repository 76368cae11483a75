/**
 * `npm run bench`: latchdb beside other SQLite packages, in one run and by turns. docs/performance.md
 * describes the workloads and the method. `npm run bench -- --help` lists the options.
 */
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildJavaScript } from "../scripts/setup/javascript.mjs";
import { buildNative } from "../scripts/setup/native.mjs";
import { root } from "../scripts/support/root.mjs";
import { step } from "../scripts/support/step.mjs";
import { startBurners } from "./burners.mjs";
import { findContenders, USUAL } from "./contenders.mjs";
import { describeMachine, load } from "./machine.mjs";
import { measure } from "./measure.mjs";
import { BASELINE } from "./peers/index.mjs";
import { ProgressBar } from "./progress.mjs";
import { contenderTitle, runJson, runTitle, sectionTitle } from "./report/json.mjs";
import { ratiosSvg } from "./report/svg.mjs";
import { sectionMarkdown, workloadTable } from "./report/table.mjs";
import { WORKLOADS } from "./workloads/index.mjs";

const HELP = `npm run bench -- [OPTIONS]

  --only 1,4b         only these workloads (${WORKLOADS.map(({ id }) => id).join(", ")})
  --peers LIST        ${USUAL.join(",")};
                      PEER@node24 and PEER@bun choose the runtime, a path is an adapter of your own
  --ours DIR          a checkout of latchdb, built; several are compared (default: this one)
  --settings LIST     same (WAL, synchronous NORMAL), defaults (default: same,defaults)
  --machine LIST      quiet, busy (a burner per core) (default: quiet,busy)
  --rounds N          at most so many rounds
  --directory DIR     where the databases are (default: the system's temporary directory)
  --json FILE, --svg FILE, --markdown FILE
  --tiny              tiny sizes and one round: checks the answers, not the times
`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    peers: { type: "string", default: USUAL.join(",") },
    ours: { type: "string", multiple: true },
    settings: { type: "string", default: "same,defaults" },
    machine: { type: "string", default: "quiet,busy" },
    rounds: { type: "string" },
    directory: { type: "string", default: tmpdir() },
    json: { type: "string" },
    svg: { type: "string" },
    markdown: { type: "string" },
    tiny: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const bar = new ProgressBar();
if (options.help) console.log(HELP);
else process.exitCode = (await bench()) ? 0 : 1;

/** @returns {Promise<boolean>} whether all answers were right */
async function bench() {
  const workloads = chosen(options.only, WORKLOADS);
  const sections = sectionsOf();
  if (options.ours === undefined && !options.tiny && !(await isBuilt())) return false;
  const { contenders, leftOut } = await findContenders(
    options.peers.split(","),
    options.ours ?? [root],
  );
  if (contenders.length === 0) {
    for (const { name, reason } of leftOut) console.error(`${name} cannot run: ${reason}`);
    return false;
  }
  /** @type {import("./report/json.mjs").Run} */
  const run = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    contenders,
    baseline: (contenders.find(({ name }) => name === BASELINE) ?? contenders[0]).name,
    leftOut,
    sections: [],
  };
  console.log(runTitle(run));
  for (const contender of contenders) console.log(`  ${contenderTitle(contender)}`);
  for (const { name, reason } of leftOut) console.log(`  ${name} is left out: ${reason}`);

  for (const [i, section] of sections.entries()) {
    run.sections.push(section);
    section.load = load();
    console.log(`\n${sectionTitle(section)}`);
    const onProgress = (share, text) => bar.show((i + share) / sections.length, text);
    for await (const measured of measureAll(run, section, workloads, onProgress)) {
      section.workloads.push(measured);
      bar.hide();
      console.log(workloadTable(measured));
      // Each time: a run that is stopped leaves what it has.
      await report(run);
    }
  }
  return run.sections.every((section) => section.workloads.every(({ failed }) => !failed.length));
}

/** In the package's checkout: the release build, up to date. */
async function isBuilt() {
  return (await step("native addon", buildNative)) && (await step("JavaScript", buildJavaScript));
}

function chosen(only, workloads) {
  if (only === undefined) return workloads;
  return only.split(",").map((id) => {
    const workload = workloads.find((each) => each.id === id);
    if (workload === undefined) throw new Error(`no such workload: ${id}\n\n${HELP}`);
    return workload;
  });
}

function sectionsOf() {
  const machines = options.machine.split(",");
  return options.settings
    .split(",")
    .flatMap((settings) => machines.map((machine) => ({ settings, machine, workloads: [] })));
}

/** Measures the workloads one after the other. */
async function* measureAll({ contenders, baseline }, section, workloads, onProgress) {
  const stopBurners = section.machine === "busy" ? startBurners() : async () => {};
  const directory = await mkdtemp(join(options.directory, "latchdb-bench-"));
  // The workers and the burners end when this process does.
  const interrupt = () => {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    process.exit(130);
  };
  process.once("SIGINT", interrupt);
  try {
    for (const [i, workload] of workloads.entries()) {
      const measured = await measure(workload, contenders, {
        settings: section.settings,
        baseline,
        isTiny: options.tiny,
        rounds: options.tiny ? 1 : options.rounds && Number(options.rounds),
        directory: join(directory, workload.id),
        onProgress: (name, share) =>
          onProgress((i + share) / workloads.length, `${workload.id} ${workload.title}: ${name}`),
      });
      await rm(join(directory, workload.id), { recursive: true, force: true, maxRetries: 5 });
      yield measured;
    }
  } finally {
    bar.hide();
    process.off("SIGINT", interrupt);
    await stopBurners();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function report(run) {
  const markdown = run.sections.map(
    (section) => `### ${sectionTitle(section)}\n\n${sectionMarkdown(run, section)}\n`,
  );
  const files = [
    [options.json, () => runJson(run)],
    [options.svg, () => ratiosSvg(run, run.sections[0])],
    [options.markdown, () => markdown.join("\n")],
  ];
  for (const [file, make] of files) if (file !== undefined) await writeFile(file, make());
}

/** The smoke form of `npm run bench`: what the workloads answer, not how long they take. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";

interface Measured {
  id: string;
  metrics: Record<string, string>;
  results: { contender: string; values: Record<string, { median: number; rounds: number[] }> }[];
  failed: { contender: string; reason: string }[];
}

interface Run {
  sections: { workloads: Measured[] }[];
}

/** A test starts a process for each workload. */
const TIMEOUT_MS = 120_000;

const root = fileURLToPath(new URL("../../../", import.meta.url));
const adapter = new URL("../../../bench/peers/latchdb.mjs", import.meta.url).href;

/** The adapter of latchdb with a batch that loses its last row, and a row that is read only once. */
const CHEAT = `
  import { load as loadLatchdb } from ${JSON.stringify(adapter)};
  export async function load(source) {
    const peer = await loadLatchdb(source);
    const open = async (...args) => {
      const db = await peer.open(...args);
      const prepare = (sql) => {
        const statement = db.prepare(sql);
        if (!sql.includes("item")) return statement;
        let first;
        return { ...statement, get: (...args) => (first ??= statement.get(...args)) };
      };
      return { ...db, prepare, batch: (sql, rows) => db.batch(sql, rows.slice(0, -1)) };
    };
    return { ...peer, open };
  }
`;

test.serial("every workload answers rightly beside a peer that cannot be loaded", async (t) => {
  t.timeout(TIMEOUT_MS);
  const directory = await temporaryDirectory(t);
  const [json, svg, markdown] = ["json", "svg", "md"].map((kind) => join(directory, `run.${kind}`));
  const reports = ["--json", json!, "--svg", svg!, "--markdown", markdown!];
  const missing = join(directory, "missing.mjs");
  const peers = `latchdb,${missing}`;
  const { code, output } = await runBench(directory, "--peers", peers, ...reports);
  t.is(code, 0, output);
  t.regex(output, /missing is left out: .*missing\.mjs/);

  const { sections } = JSON.parse(await readFile(json!, "utf8")) as Run;
  t.is(sections.length, 1);
  const { workloads } = sections[0]!;
  // docs/performance.md describes each.
  t.deepEqual(
    workloads.map(({ id }) => id),
    await describedWorkloads(),
  );
  for (const { id, metrics, results, failed } of workloads) {
    t.deepEqual(failed, [], id);
    t.is(results.length, 1, id);
    t.deepEqual(Object.keys(results[0]!.values), Object.keys(metrics), id);
    for (const { median, rounds } of Object.values(results[0]!.values)) {
      t.true(median > 0 && rounds.length === 1, id);
    }
  }
  t.regex(await readFile(svg!, "utf8"), /^<svg (?:(?!NaN|undefined)[^])*<\/svg>\n$/);
  t.regex(await readFile(markdown!, "utf8"), /^\| 4b p50, µs \| [\d.,]+ \|$/m);
});

test.serial("a peer that answers wrongly is left out of the figures", async (t) => {
  t.timeout(TIMEOUT_MS);
  const directory = await temporaryDirectory(t);
  const [module, json] = [join(directory, "cheat.mjs"), join(directory, "run.json")];
  await writeFile(module, CHEAT);
  const only = "1,3";
  const { code } = await runBench(directory, "--peers", module, "--only", only, "--json", json);
  t.is(code, 1);

  const { sections } = JSON.parse(await readFile(json, "utf8")) as Run;
  for (const { id, results, failed } of sections[0]!.workloads) {
    t.deepEqual(results, [], id);
    t.regex(failed[0]?.reason ?? "", /^wrong answers: /, id);
  }
});

interface Ended {
  code: number;
  output: string;
}

function runBench(directory: string, ...options: string[]): Promise<Ended> {
  const form = ["--tiny", "--settings", "same", "--machine", "quiet", "--directory", directory];
  const args = [join(root, "bench", "run.mjs"), ...form, ...options];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

/** The first column of the table of workloads. */
async function describedWorkloads(): Promise<(string | undefined)[]> {
  const text = await readFile(join(root, "docs", "performance.md"), "utf8");
  const [, table] = text.split("## Workloads");
  return [...table!.split("\n## ")[0]!.matchAll(/^\| (\d+b?) /gm)].map(([, id]) => id);
}

async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "latchdb-"));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

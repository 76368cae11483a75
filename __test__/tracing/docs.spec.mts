/** The programs of docs/tracing.md, and what a subscriber that throws does. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";

const page = await readFile(new URL("../../../docs/tracing.md", import.meta.url), "utf8");
// Within the package, where `latchdb` is a name.
const build = fileURLToPath(new URL("../../", import.meta.url));

/** The program of a section of the page. */
function programOf(section: string): string {
  const [, behind = ""] = page.split(`## ${section}\n`);
  const [, program = ""] = /^```js\n([^]*?)^```$/m.exec(behind) ?? [];
  return program;
}

/** Runs a program to its end. */
async function run(
  t: ExecutionContext,
  program: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const directory = await mkdtemp(join(build, "tracing-"));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const file = join(directory, "program.mjs");
  await writeFile(file, program);
  return await new Promise((resolve) => {
    execFile(process.execPath, [file], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("the slow-query log tells a slow query, and no other", async (t) => {
  const program = programOf("A slow-query log");
  t.true(program.includes("console.warn"));
  const { code, stderr } = await run(
    t,
    `${program}
    import { createClient } from "latchdb";
    const client = createClient({ url: ":memory:" });
    await client.execute("select 1");
    const endless = "with recursive c (n) as (select 1 union all select n + 1 from c) select sum(n) from c";
    const signal = AbortSignal.timeout(2 * SLOW_MS);
    await client.execute({ sql: endless, signal }).catch(() => undefined);
    client.close();`,
  );
  t.is(code, 0, stderr);
  t.regex(stderr, /^\d+\.\d ms \(main, \d+\.\d ms queued\), 0 rows: with recursive [^\n]*\n$/);
});

test("with OpenTelemetry, each call is a span", async (t) => {
  const program = programOf("OpenTelemetry");
  t.true(program.includes("startSpan"));
  const { code, stdout, stderr } = await run(
    t,
    `${program}
    import { createClient } from "latchdb";
    const made = [];
    const startSpan = (name, { attributes, kind }) => {
      const span = { name, kind, ...attributes };
      return {
        setAttribute(key, value) { span[key] = value; return this; },
        setStatus(status) { span.status = status.code; return this; },
        end() { made.push(span); },
      };
    };
    trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) });
    const client = createClient({ url: ":memory:" });
    await client.execute("select ?", ["geheim"]);
    await client.batch(["select 1", "selec 2"]).catch(() => undefined);
    client.close();
    console.log(JSON.stringify(made));`,
  );
  t.is(code, 0, stderr);
  const of = { kind: 2, "db.system.name": "sqlite", "db.namespace": "file::memory:" };
  const rows = "db.response.returned_rows";
  t.deepEqual(JSON.parse(stdout), [
    { name: "execute", ...of, "db.query.text": "select ?", [rows]: 1 },
    { name: "batch", ...of, "db.query.text": "select 1;\nselec 2", [rows]: 0, status: 2 },
  ]);
});

test("a subscriber that throws breaks no call", async (t) => {
  const { code, stdout, stderr } = await run(
    t,
    `import { tracingChannel } from "node:diagnostics_channel";
    import { createClient } from "latchdb";
    let thrown = 0;
    process.on("uncaughtException", ({ message }) => { if (message === "of the subscriber") thrown++; });
    const fail = () => { throw new Error("of the subscriber"); };
    tracingChannel("latchdb:query").subscribe({ start: fail, end: fail, asyncStart: fail, asyncEnd: fail, error: fail });
    const client = createClient({ url: ":memory:" });
    const { rows } = await client.execute("select 7 as a");
    const { code } = await client.execute("selec").catch((error) => error);
    client.close();
    await new Promise(setImmediate);
    console.log(JSON.stringify([rows[0].a, code, thrown]));`,
  );
  t.is(code, 0, stderr);
  t.deepEqual(JSON.parse(stdout), [7, "SQLITE_ERROR", 9]);
});

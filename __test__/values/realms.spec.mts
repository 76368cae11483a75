// Values of another realm (node:vm, the test environments of Jest) are what they are here, in whichever
// realm latchdb itself was loaded.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createContext, runInContext, runInNewContext } from "node:vm";
import test from "ava";
import * as latchdb from "latchdb";
import type { InValue } from "latchdb";
import { swapFile } from "latchdb/swap";
import type { SwapData } from "latchdb/swap";
import { openClient, selectValue, temporaryDirectory } from "../support/database.mjs";
import { unchecked } from "../support/unchecked.mjs";

const foreign = <T,>(code: string): T => runInNewContext(code) as T;

for (const [code, hex] of [
  ["new Uint8Array([1, 2]).buffer", "0102"],
  ["new Uint8Array([1, 2])", "0102"],
  ["new Uint8Array([1, 2, 3]).subarray(1)", "0203"],
  ["new DataView(new Uint8Array([1, 2]).buffer, 1)", "02"],
  ["new Float32Array([1])", "0000803F"],
] as const) {
  test(`an argument of another realm is bound: ${code}`, async (t) => {
    const client = await openClient(t);
    t.is(await selectValue(client, { sql: "select hex(?)", args: [foreign<InValue>(code)] }), hex);
  });

  test(`data of another realm is written: ${code}`, async (t) => {
    const file = join(await temporaryDirectory(t), "file");
    await swapFile(file, { data: foreign<SwapData>(code) });
    t.is((await readFile(file)).toString("hex").toUpperCase(), hex);
  });
}

test("a Date of another realm is bound", async (t) => {
  const client = await openClient(t);
  t.is(await selectValue(client, { sql: "select ?", args: [foreign<Date>("new Date(7)")] }), 7);
});

test("a stream can give chunks of another realm", async (t) => {
  const file = join(await temporaryDirectory(t), "file");
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield foreign("new Uint8Array([97])");
    yield unchecked<Uint8Array>(foreign("new Uint8Array([98]).buffer"));
  }
  await swapFile(file, { data: chunks() });
  t.is(await readFile(file, "utf8"), "ab");
});

test("a configuration and statements of another realm are taken", async (t) => {
  const client = latchdb.createClient(foreign(`({ url: ":memory:", intMode: "bigint" })`));
  t.teardown(() => client.close());
  const [first, second] = await client.batch(
    foreign(`["select 1 as a", ["select ? as a", [2n]], { sql: "select :a", args: { a: 3 } }]`),
  );
  t.deepEqual([first?.rows[0]?.["a"], second?.rows[0]?.["a"]], [1n, 2n]);
});

test("an error of another realm that prepare throws keeps its message", async (t) => {
  const file = join(await temporaryDirectory(t), "file");
  const prepare = (): never => {
    throw foreign<Error>("new TypeError('because')");
  };
  await t.throwsAsync(swapFile(file, { data: "x", prepare }), {
    code: "PREPARE_FAILED",
    message: /-file: because$/,
  });
});

/** Loads the package in a realm of its own, as test runners do. */
function loadInRealm(): { api: typeof latchdb; realm: Record<string, unknown> } {
  const globals = { Buffer, process, performance, AbortController, TextEncoder, console };
  const realm = createContext({ ...globals });
  const loaded = new Map<string, { exports: object }>();
  const load = (path: string): object => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    loaded.set(path, module);
    const outer = createRequire(path);
    const require = (name: string): unknown => {
      const found = outer.resolve(name);
      const isOurs = /\.c?js$/.test(found) && !name.startsWith("node:");
      return isOurs ? load(found) : outer(name);
    };
    const code = `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, "utf8")}\n})`;
    const run = runInContext(code, realm, { filename: path }) as (...parts: unknown[]) => void;
    run(module.exports, Object.assign(require, outer), module, path, dirname(path));
    return module.exports;
  };
  const entry = createRequire(import.meta.url).resolve("latchdb");
  return { api: load(entry) as typeof latchdb, realm };
}

test("in a realm of its own, latchdb gives blobs that are ArrayBuffers there", async (t) => {
  const { api, realm } = loadInRealm();
  for (const rowMode of ["row", "object"] as const) {
    const client = api.createClient({ url: ":memory:", rowMode });
    t.teardown(() => client.close());
    const result = await client.execute("select x'0102' as b, x'' as empty");
    Object.assign(realm, { blob: result.rows[0]?.["b"], empty: result.rows[0]?.["empty"] });
    t.true(runInContext("blob instanceof ArrayBuffer && empty instanceof ArrayBuffer", realm));
    t.is(runInContext("new Uint8Array(blob).join()", realm), "1,2");
    t.is(JSON.parse(JSON.stringify(result)).rows[0][0], "AQI=");
  }
});

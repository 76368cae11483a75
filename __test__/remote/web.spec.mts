/** The client for web runtimes: bundled for each, it asks for nothing of Node's. test:web runs it in them. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import test from "ava";
import { build, type BuildOptions } from "esbuild";
import * as web from "latchdb/web";
import { LibsqlError } from "latchdb";
import { hasServer, protocols } from "../support/sqld.mjs";
import { sharedServer } from "./servers.mjs";

const { WebSocket: webSocket } = createRequire(import.meta.url)("@libsql/hrana-client") as {
  WebSocket: unknown;
};
const shared = sharedServer(test);
const root = fileURLToPath(new URL("../../../", import.meta.url));

const program = (entry: string): string => `
  import { createClient, LibsqlError, sql } from "${entry}";
  globalThis.run = async (url) => {
    const client = createClient({ url });
    const { rows } = await client.execute({ sql: "select ? as a", args: [7] });
    let sum = 0;
    const values = sql\`values (${"${1}"}), (${"${2}"})\`;
    for await (const n of client.iterate({ ...values, rowMode: "pluck" })) sum += n;
    const closed = await client.shutdown({ drain: true });
    const refused = await client.execute("select 1").catch((error) => error.code);
    return { a: rows[0].a, sum, refused, isError: new LibsqlError("x", "Y") instanceof Error };
  };
`;

const runtimes: Record<string, Partial<BuildOptions>> = {
  browser: { platform: "browser" },
  workerd: { platform: "neutral", conditions: ["workerd", "worker", "browser"] },
  "edge-light": { platform: "neutral", conditions: ["edge-light"] },
  netlify: { platform: "neutral", conditions: ["netlify"] },
};

/** Bundles a program, with what it imports. */
async function bundle(entry: string, options: Partial<BuildOptions>): Promise<string> {
  const directory = await mkdtemp(join(root, "build", "web-"));
  try {
    const file = join(directory, "program.mjs");
    await writeFile(file, program(entry));
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: "iife",
      mainFields: ["browser", "module", "main"],
      logLevel: "silent",
      ...options,
    });
    return outputFiles?.[0]?.text ?? "";
  } finally {
    await rm(directory, { recursive: true });
  }
}

for (const [runtime, options] of Object.entries(runtimes)) {
  for (const entry of ["latchdb", "latchdb/web", "latchdb/http", "latchdb/ws"]) {
    test(`${entry} in a bundle for ${runtime} has no module of Node's and no binary`, async (t) => {
      // esbuild fails where such a bundle imports a module of Node's.
      const text = await bundle(entry, options);
      t.notRegex(text, /\brequire\("node:|from "node:|\.node"/);
      t.notRegex(text, /napi|dlopen/);
    });
  }

  test(`latchdb in a bundle for ${runtime} runs with web standards alone`, async (t) => {
    if (!hasServer(t)) return;
    const text = await bundle("latchdb", options);
    for (const protocol of protocols) {
      const { run } = inBrowser(text);
      t.deepEqual(await run(shared.url(protocol)), {
        a: 7,
        sum: 3,
        refused: "CLIENT_CLOSED",
        isError: true,
      });
    }
  });
}

for (const [entry, format] of [
  ["latchdb", "esm"],
  ["latchdb", "cjs"],
  ["latchdb/ws", "esm"],
  ["latchdb/http", "esm"],
] as const) {
  test(`${entry} in a bundle for this runtime (${format}) reaches a server`, async (t) => {
    if (!hasServer(t)) return;
    const text = await bundle(entry, { platform: "node", format });
    // Not in the checkout, where the bundle would find the package itself.
    const directory = await mkdtemp(join(tmpdir(), "latchdb-bundle-"));
    t.teardown(() => rm(directory, { recursive: true }));
    const file = join(directory, format === "esm" ? "bundle.mjs" : "bundle.cjs");
    const [url] = protocols.filter((protocol) => !entry.includes("/") || entry.endsWith(protocol));
    const call = `globalThis.run(${JSON.stringify(shared.url(url ?? "http"))})`;
    await writeFile(
      file,
      `${text}\n${call}.then((answer) => console.log(JSON.stringify(answer)));`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    t.deepEqual(JSON.parse(stdout), { a: 7, sum: 3, refused: "CLIENT_CLOSED", isError: true });
  });
}

/** Evaluates a bundle where there is nothing but the language and web standards. */
function inBrowser(text: string): { run(url: string): Promise<unknown> } {
  const standards =
    "AbortController AbortSignal Blob DOMException Event EventTarget Headers Request Response TextDecoder " +
    "TextEncoder URL URLSearchParams WebSocket atob btoa clearTimeout fetch performance queueMicrotask " +
    "setTimeout";
  const scope: Record<string, unknown> = {};
  for (const name of standards.split(" "))
    scope[name] = (globalThis as Record<string, unknown>)[name];
  // Node has one since version 22.
  scope["WebSocket"] ??= webSocket;
  // Those of the realm outside, to which the standards above belong.
  Object.assign(scope, {
    ArrayBuffer,
    Uint8Array,
    Error,
    TypeError,
    RangeError,
    SyntaxError,
    Promise,
  });
  // Older runtimes of the web have none of these.
  const older = "delete globalThis.FinalizationRegistry; delete globalThis.WeakRef;";
  runInNewContext(older + text, scope);
  return scope as { run(url: string): Promise<unknown> };
}

test("latchdb/web refuses files", (t) => {
  for (const url of ["file:a.db", ":memory:"]) {
    t.throws(() => web.createClient({ url }), {
      instanceOf: LibsqlError,
      code: "URL_SCHEME_NOT_SUPPORTED",
    });
  }
});

test("the tests' own search for modules of Node's finds one", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "latchdb-web-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const file = join(directory, "program.mjs");
  await writeFile(
    file,
    `import { isMainThread } from "node:worker_threads"; console.log(isMainThread);`,
  );
  const entryPoints = [fileURLToPath(pathToFileURL(file))];
  await t.throwsAsync(
    build({ entryPoints, bundle: true, write: false, platform: "browser", logLevel: "silent" }),
    { message: /node:worker_threads/ },
  );
});

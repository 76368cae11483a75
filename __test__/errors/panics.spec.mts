/**
 * What becomes of a panic of the addon: the call ends with INTERNAL_ERROR, subscribers of `latchdb:panic`
 * hear of it, nothing is printed, and the next call works. These tests need the build with failpoints,
 * which `npm test` and `npm run test:failpoints` make.
 */
import test from "ava";
import type { ExecutionContext } from "ava";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { temporaryDirectory } from "../support/database.mjs";
import { startHelper } from "../support/helper-process.mjs";

const require = createRequire(import.meta.url);
const root = dirname(require.resolve("latchdb/package.json"));
const addon = join(root, "build", "failpoints", "latchdb.node");

interface Line {
  call: string;
  ended: "done" | { code: string; message: string };
  messages: { message: string; location: string; thread: string }[];
}

/** Makes calls in a process whose addon panics once at `point`. */
async function panicOnce(
  t: ExecutionContext,
  point: string,
  calls: string[],
): Promise<Line[] | undefined> {
  if (!existsSync(addon)) {
    t.log(
      `skipped: there is no build with failpoints (${addon}); npm run test:failpoints makes it`,
    );
    t.pass();
    return undefined;
  }
  const directory = await temporaryDirectory(t);
  const program = startHelper("panics", [directory, ...calls], [], {
    NAPI_RS_NATIVE_LIBRARY_PATH: addon,
    FAILPOINTS: `${point}=1*panic`,
    RUST_BACKTRACE: "1",
  });
  const { code, signal, lines, errors } = await program.ended;
  t.deepEqual({ code, signal, errors }, { code: 0, signal: null, errors: "" });
  return lines.map((line) => JSON.parse(line) as Line);
}

/** The place of the panic, the calls, and the name of the thread that panics in the second one. */
const cases: [point: string, calls: string[], thread: RegExp][] = [
  ["panic-in-open", ["close", "open", "execute"], /^/],
  ["panic-in-job", ["open", "execute", "execute"], /^latchdb/],
  ["panic-after-job", ["open", "execute", "execute"], /^latchdb/],
  ["panic-in-authorizer", ["open", "execute", "execute"], /^latchdb/],
  ["panic-in-call", ["close", "open", "open"], /^/],
  ["panic-in-close", ["open", "close", "open"], /^/],
  ["panic-in-close", ["open", "shutdown", "open"], /^latchdb-closer/],
  ["panic-in-file-job", ["open", "swap", "swap"], /^latchdb-files/],
];

for (const [point, calls, thread] of cases) {
  test(`${point} (${calls[1]}): INTERNAL_ERROR, a message, nothing printed`, async (t) => {
    const lines = await panicOnce(t, point, calls);
    if (lines === undefined) return;
    t.deepEqual(
      lines.map(({ ended }) => (ended === "done" ? ended : ended.code)),
      ["done", "INTERNAL_ERROR", "done"],
    );
    const [message, ...others] = lines[1]?.messages ?? [];
    t.is(others.length, 0);
    t.is(message?.message, `failpoint ${point} panic`);
    t.regex(message?.location ?? "", /^fail-[\d.]+.src.lib\.rs:\d+:\d+$/);
    t.regex(message?.thread ?? "", thread);
    const { ended } = lines[1] ?? {};
    const text = `${message?.message} (${message?.location})`;
    t.true(typeof ended === "object" && ended.message.includes(text));
    t.deepEqual([lines[0]?.messages, lines[2]?.messages], [[], []]);
  });
}

for (const [point, open, call] of [
  ["panic-in-progress-handler", "open", "count"],
  // The call runs again, on the lane's thread.
  ["panic-in-progress-handler", "openInPlace", "count"],
  ["panic-in-authorizer", "openInPlace", "execute"],
] as const) {
  test(`${point} (${open}): a panic that fails no call is told nevertheless`, async (t) => {
    const lines = await panicOnce(t, point, [open, call, "execute"]);
    if (lines === undefined) return;
    t.deepEqual(
      lines.map(({ ended }) => ended),
      ["done", "done", "done"],
    );
    t.deepEqual(
      lines.map(({ messages }) => messages.map(({ message }) => message)),
      [[], [`failpoint ${point} panic`], []],
    );
  });
}

test("the hook is for the panics of this addon only", async (t) => {
  const { url } = { url: `file:${join(await temporaryDirectory(t), "a.db")}` };
  const program = startHelper("panic-of-another-addon", [url]);
  const { lines, errors } = await program.ended;
  t.deepEqual(lines, ["latchdb is loaded", "stock is loaded"]);
  t.regex(errors, /panicked at/);
});

/**
 * What calls a caller's code runs it in the async context of the call that it was given to, as with any
 * function that takes a callback.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext } from "ava";
import { createClient } from "latchdb";
import type { LocalClient } from "latchdb";
import { copyDatabase, swapDatabase, swapFile } from "latchdb/swap";
import { openClient, temporaryDatabase, temporaryDirectory } from "../support/database.mjs";
import { reportOf } from "../support/processes.mjs";

const tenant = new AsyncLocalStorage<string>();
const tenants = ["first", "second"];

/** Bun's collector keeps what the machine's stack seems to point to. */
const KEPT_BY_CHANCE = process.versions.bun === undefined ? 0 : 1;

/** The first call, of somebody else: what it opens stays open. */
const first = tenant.run("somebody else", () => createClient({ url: ":memory:" }));
test.after.always(() => first.close());

/** Does something as one tenant after the other, and compares what its callbacks have seen. */
async function assertOwn(
  t: ExecutionContext,
  callbacks: readonly string[],
  act: (see: (callback: string) => void, round: number) => Promise<unknown>,
): Promise<void> {
  for (const [round, name] of tenants.entries()) {
    const seen: string[] = [];
    const see = (callback: string): void => void seen.push(`${callback}: ${tenant.getStore()}`);
    await tenant.run(name, () => act(see, round));
    t.deepEqual(
      [...new Set(seen)].sort(),
      callbacks.map((callback) => `${callback}: ${name}`).sort(),
    );
  }
}

/** Has `see` called for each message of a channel that is of these paths. */
function watchChannel(
  t: ExecutionContext,
  name: string,
  paths: readonly string[],
  see: (callback: string) => void,
): void {
  const hear = (message: unknown): void => {
    const { path, target } = message as { path?: string; target?: string };
    if (paths.includes(path ?? target ?? "")) see(name);
  };
  subscribe(name, hear);
  t.teardown(() => unsubscribe(name, hear));
}

test("swapFile: prepare, onProgress, a stream's generator", async (t) => {
  const target = join(await temporaryDirectory(t), "file");
  await assertOwn(t, ["prepare", "progress", "generator", "its end"], (see, round) => {
    async function* content() {
      for (let piece = 0; piece < 3; piece++) {
        see("generator");
        yield `${round} ${piece}`;
      }
      see("its end");
    }
    return swapFile(target, {
      data: content(),
      prepare: () => see("prepare"),
      onProgress: () => see("progress"),
    });
  });
});

test("swapFile: a thenable that prepare gives, and what runs behind it", async (t) => {
  const target = join(await temporaryDirectory(t), "file");
  await assertOwn(t, ["then", "behind"], (see) => {
    const thenable = {
      // oxlint-disable-next-line no-thenable -- it is what the test is about
      then(resolve: () => void) {
        see("then");
        resolve();
      },
    };
    const prepare = async (): Promise<void> => {
      await thenable;
      see("behind");
    };
    return swapFile(target, { data: "new", prepare });
  });
});

test("replaceDatabase, swapDatabase, copyDatabase: build, verify, onProgress, latchdb:swap", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  const copies = tenants.map((name) => join(database.directory, name));
  const callbacks = ["build", "behind a query", "verify", "progress", "latchdb:swap"];
  let see: (callback: string) => void = () => undefined;
  watchChannel(t, "latchdb:swap", [database.file, ...copies], (callback) => see(callback));
  const options = {
    build: async (staging: LocalClient) => {
      see("build");
      await staging.execute("create table if not exists t (a)");
      see("behind a query");
    },
    verify: () => see("verify"),
    onProgress: () => see("progress"),
  };
  await assertOwn(t, callbacks, (seer) => {
    see = seer;
    return client.replaceDatabase(options);
  });
  client.close();
  await assertOwn(t, callbacks, (seer) => {
    see = seer;
    return swapDatabase(database.file, options);
  });
  await assertOwn(t, ["progress", "latchdb:swap"], (seer, round) => {
    see = seer;
    const { onProgress } = options;
    return copyDatabase(database.file, copies[round] ?? "", { onProgress });
  });
});

test("a replaceDatabase that waits for another one", async (t) => {
  const client = await openClient(t);
  const other = "somebody else";
  const seen: string[] = [];
  const build = (): void => void seen.push(tenant.getStore() ?? "none");
  await Promise.all(
    [other, ...tenants].map((name) => tenant.run(name, () => client.replaceDatabase({ build }))),
  );
  t.deepEqual(seen, [other, ...tenants]);
});

test("latchdb:close: of close(), shutdown(), reconnect()", async (t) => {
  const database = await temporaryDatabase(t);
  const client = database.open();
  let see: (callback: string) => void = () => undefined;
  watchChannel(t, "latchdb:close", [database.file], (callback) => see(callback));
  const endings: Array<() => unknown> = [
    () => client.close(),
    () => client.shutdown(),
    () => client.shutdown({ drain: true }),
    () => client.reconnect(),
  ];
  for (const end of endings) {
    await assertOwn(t, ["latchdb:close"], async (seer) => {
      see = () => undefined;
      await client.reconnect();
      see = seer;
      await end();
    });
  }
});

test("latchdb:close: of a swap's own client, whose swap somebody else aborts", async (t) => {
  const { directory, file } = await temporaryDatabase(t);
  const seen = new Set<string | undefined>();
  const hear = (message: unknown): void => {
    const { path } = message as { path: string };
    if (path.startsWith(directory)) seen.add(tenant.getStore());
  };
  subscribe("latchdb:close", hear);
  t.teardown(() => unsubscribe("latchdb:close", hear));
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("no longer wanted");
  const swap = tenant.run("first", () =>
    swapDatabase(file, {
      signal,
      build: () =>
        new Promise(() => tenant.run("second", () => setImmediate(() => controller.abort(reason)))),
    }),
  );
  await t.throwsAsync(swap, { is: reason });
  t.deepEqual([...seen], ["first"]);
});

for (const [what, open] of [
  ["a client", (client: LocalClient) => Promise.resolve(client)],
  ["a transaction", (client: LocalClient) => client.transaction("write")],
] as const) {
  test(`the arguments of a call of ${what} that waits behind a long batch`, async (t) => {
    const executor = await open(await openClient(t));
    const long = Array.from({ length: 2000 }, () => "select 1");
    await assertOwn(t, ["an argument"], async (see) => {
      const batch = tenant.run("somebody else", () => executor.batch(long));
      const args = {
        get a() {
          see("an argument");
          return 1;
        },
      };
      await executor.execute({ sql: "select :a", args });
      await batch;
    });
    executor.close();
  });
}

test("the store of the first call is not kept", async (t) => {
  const report = await reportOf<{ stores: number; kept: number }>(t, "async-context-stores", {
    arguments: [await temporaryDirectory(t)],
    runtime: ["--expose-gc"],
  });
  t.true(report.kept <= KEPT_BY_CHANCE, `${report.kept} of ${report.stores} are kept`);
});

/** How the clients of `build` and `verify` end: what somebody else has closed does not count. */
import test from "ava";
import { LibsqlError, shutdownAll } from "latchdb";
import type { LocalClient } from "latchdb";
import { swapDatabase } from "latchdb/swap";
import { endlessQuery } from "../support/queries.mjs";
import { fill, nextVersion, swapError, versionInFile, versionOne } from "./versions.mjs";

const closed = { instanceOf: LibsqlError, code: "CLIENT_CLOSED" };

/** How a build hides that its client is closed amid it. */
const hiding: Record<string, (staging: LocalClient, old?: LocalClient) => Promise<unknown>> = {
  "shutdownAll(), and a call that fails": async (staging) => {
    await shutdownAll();
    await staging.execute("delete from item where id > 10").catch(() => undefined);
  },
  "shutdownAll() with drain": () => shutdownAll({ drain: true }),
  "shutdownAll(), and close() after it": async (staging) => {
    await shutdownAll();
    staging.close();
  },
  "shutdownAll(), and reconnect()": async (staging, old) => {
    await shutdownAll();
    await staging.reconnect();
    await old?.reconnect();
  },
  "shutdownAll() while a call runs that nobody awaits": async (staging) => {
    staging.execute(endlessQuery).catch(() => undefined);
    staging.execute("delete from item where id > 10").catch(() => undefined);
    // Once the build is done, its calls are let finish: that is cut short.
    setImmediate(() => void shutdownAll());
  },
};
for (const [name, hide] of Object.entries(hiding)) {
  test.serial(`BUILD_FAILED: ${name}`, async (t) => {
    const { file, client, names } = await versionOne(t, "wal");
    client.close();
    const error = await swapError(t, () =>
      swapDatabase(file, {
        build: async (staging, old) => {
          await fill(staging, 2);
          await hide(staging, old);
        },
      }),
    );
    t.like(error, { code: "BUILD_FAILED", step: "build" });
    t.regex(error.message, /shutdownAll\(\)/);
    t.deepEqual(await names(), ["test.db"]);
    t.is(await versionInFile(t, file), 1);
  });
}

test.serial("VERIFY_FAILED: shutdownAll() amid a verify that hides it", async (t) => {
  const { file, client } = await versionOne(t, "wal");
  client.close();
  const error = await swapError(t, () =>
    swapDatabase(file, {
      build: nextVersion,
      verify: async (staging) => {
        await shutdownAll();
        await t.throwsAsync(staging.execute("select 1"), closed);
      },
    }),
  );
  t.like(error, { code: "VERIFY_FAILED", step: "verify" });
  t.is(await versionInFile(t, file), 1);
});

test.serial("shutdownAll() amid replaceDatabase() ends that, and its client", async (t) => {
  const { file, client } = await versionOne(t, "wal");
  const error = await swapError(t, () =>
    client.replaceDatabase({
      build: async (staging, old) => {
        await nextVersion(staging, old);
        await shutdownAll();
      },
    }),
  );
  t.is(error.code, "BUILD_FAILED");
  t.true(client.closed);
  t.is(await versionInFile(t, file), 1);
});

test("a build may close its own clients, and open staging again", async (t) => {
  const { file, client } = await versionOne(t, "wal");
  client.close();
  const closings: ((staging: LocalClient) => unknown)[] = [
    (staging) => staging.close(),
    (staging) => staging.shutdown({ drain: true }),
    async (staging) => {
      staging.close();
      await staging.reconnect();
    },
  ];
  for (const close of closings) {
    const { committed } = await swapDatabase(file, {
      build: async (staging, old) => {
        await nextVersion(staging, old);
        old?.close();
        await close(staging);
      },
    });
    t.true(committed);
  }
  t.is(await versionInFile(t, file), 1 + closings.length);
});

for (const [name, end] of [
  ["succeeds", () => undefined],
  ["fails", () => Promise.reject(new Error("no such city"))],
] as const) {
  test(`clients that are kept when the swap ${name} cannot be opened again`, async (t) => {
    const { file, client, names } = await versionOne(t, "wal");
    client.close();
    const kept: (LocalClient | undefined)[] = [];
    const swap = swapDatabase(file, {
      build: async (staging, old) => {
        kept.push(staging, old);
        await nextVersion(staging, old);
        await end();
      },
      verify: (staging) => void kept.push(staging),
    });
    await swap.catch(() => undefined);
    t.is(kept.length, name === "succeeds" ? 3 : 2);
    for (const one of kept) {
      await t.throwsAsync(one?.reconnect() ?? Promise.resolve(), closed);
      await t.throwsAsync(one?.execute("select 1") ?? Promise.resolve(), closed);
    }
    t.deepEqual(await names(), ["test.db"]);
  });
}

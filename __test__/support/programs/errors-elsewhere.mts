/**
 * Errors whose cause holds for a whole process, for the page of errors. Its arguments are a cause and a
 * directory. It prints, as JSON, what each scenario of the cause has thrown.
 */
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyDatabase, createClient, swapFile } from "latchdb";
import type { LocalClient } from "latchdb";

const NOBODY = 65_534;
const [cause = "", dir = ""] = process.argv.slice(2);
const errors: Record<string, unknown> = {};

function open(name: string): LocalClient {
  return createClient({ url: `file:${join(dir, name)}` });
}

async function make(name: string, mode: "wal" | "delete"): Promise<void> {
  const client = open(name);
  await client.executeMultiple(`pragma journal_mode = ${mode}; create table t (a)`);
  client.close();
}

async function use(name: string, sql: string): Promise<void> {
  const client = open(name);
  await client.execute(sql).finally(() => client.close());
}

async function scenario(name: string, run: () => unknown): Promise<void> {
  try {
    await run();
    errors[name] = { message: "There was no error" };
  } catch (error) {
    errors[name] = { ...(error as Error), message: (error as Error).message };
  }
}

const causes: Record<string, () => Promise<void>> = {
  /** A user who owns nothing. Root is refused nothing, and becomes one. */
  async nobody() {
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, "closed"));
    await make("closed/wal.db", "wal");
    await make("closed/a.db", "delete");
    await make("readonly.db", "delete");
    writeFileSync(join(dir, "secret.db"), "");
    chmodSync(join(dir, "closed/a.db"), 0o666);
    chmodSync(join(dir, "readonly.db"), 0o444);
    chmodSync(join(dir, "secret.db"), 0);
    chmodSync(join(dir, "closed"), 0o555);
    mkdirSync(join(dir, "own"));
    writeFileSync(join(dir, "own/roots"), "");
    if (process.getuid?.() === 0) {
      chmodSync(join(dir, "own"), 0o777);
      process.setgroups?.([]);
      process.setgid?.(NOBODY);
      process.setuid?.(NOBODY);
    }
    await scenario("new", () => open("closed/new.db"));
    await scenario("unreadable", () => open("secret.db"));
    await scenario("wal", () => use("closed/wal.db", "select * from t"));
    await scenario("journal", () => use("closed/a.db", "insert into t values (1)"));
    await scenario("readonly", () => use("readonly.db", "insert into t values (1)"));
    await scenario("attach", () => use("own/a.db", `attach '${join(dir, "secret.db")}' as b`));
    const wal = join(dir, "closed/wal.db");
    await scenario("copy", () => copyDatabase(wal, join(dir, "own/copy.db")));
    await scenario("swap", () => swapFile(join(dir, "closed/b"), { data: "" }));
    await scenario("source", () =>
      swapFile(join(dir, "own/b"), { source: join(dir, "secret.db") }),
    );
    // Only root could give the new file the owner of the old one.
    if (process.getuid?.() === NOBODY) {
      await scenario("owner", () => swapFile(join(dir, "own/roots"), { data: "" }));
    }
  },

  /** No descriptor is left. */
  async descriptors() {
    await make("a.db", "delete");
    const client = open("a.db");
    await client.execute("select 1");
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync("/dev/null", "r"));
    } catch {
      // There are no more.
    }
    await scenario("open", () => open("a.db"));
    await scenario("write", () => client.execute("insert into t values (1)"));
    await scenario("swap", () => swapFile(join(dir, "b"), { data: "" }));
    for (const descriptor of taken) closeSync(descriptor);
    client.close();
  },

  /** No file may become larger than 64 KiB. */
  async size() {
    await make("a.db", "delete");
    await scenario("write", () => use("a.db", "insert into t values (zeroblob(300000))"));
    await scenario("swap", () => swapFile(join(dir, "b"), { data: "x".repeat(300_000) }));
  },

  /** The directory's file system is mounted read-only by the caller. */
  async mounted() {
    await scenario("wal", () => use("wal.db", "select * from t"));
    await scenario("write", () => use("delete.db", "insert into t values (1)"));
    await scenario("swap", () => swapFile(join(dir, "b"), { data: "" }));
  },

  /** Fills a small disk, which the caller has mounted. */
  async full() {
    await make("a.db", "delete");
    await scenario("write", () => use("a.db", "insert into t values (zeroblob(3000000))"));
    await scenario("swap", () => swapFile(join(dir, "b"), { data: "x".repeat(3_000_000) }));
  },
};

await causes[cause]?.();
console.log(JSON.stringify(errors));

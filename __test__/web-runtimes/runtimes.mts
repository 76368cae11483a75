/** The web runtimes: how the program is bundled for each, and run there. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createBrotliDecompress } from "node:zlib";
import { build, type BuildOptions } from "esbuild";
import type { Report, Task } from "./program.mjs";

/** A runtime that is ready for the program. */
export interface Runtime {
  run(task: Task): Promise<Report>;
  close(): Promise<void>;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Where scripts/test-web.mjs has installed the runtimes. */
const folder = join(root, "__test__/web-runtimes");
const installed = createRequire(join(folder, "package.json"));

/** Bundles the program behind a few lines that connect it to the runtime. */
async function bundle(main: string, options: BuildOptions): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { run } from "./program.mjs";\n${main}`,
      resolveDir: fileURLToPath(new URL(".", import.meta.url)),
    },
    bundle: true,
    write: false,
    format: "esm",
    logLevel: "warning",
    ...options,
  });
  return outputFiles?.[0]?.text ?? "";
}

/** There, `latchdb` is `latchdb/web` by the condition of the platform. */
const BY_CONDITION = { "latchdb/web": "latchdb" };

/** What is used of https://playwright.dev/docs/api/class-playwright, which may not be installed. */
interface Driver {
  chromium: {
    launch(options: { executablePath: string; args: string[] }): Promise<{
      newPage(): Promise<{
        goto(url: string): Promise<unknown>;
        evaluate(code: string): Promise<unknown>;
      }>;
      close(): Promise<void>;
    }>;
  };
}

/**
 * Chromium without a window. The page is of another origin than the server.
 * @param policy the page's Content-Security-Policy, where it has one
 */
export async function chromium(policy?: string): Promise<Runtime> {
  // In a task of its own: in that of the debugger, the page's policy does not hold.
  const main = `globalThis.run = async (task) => {
    await new Promise((resolve) => setTimeout(resolve));
    return await run(task);
  };`;
  const program = await bundle(main, {
    platform: "browser",
    format: "iife",
    alias: BY_CONDITION,
  });
  const server = createServer(({ url }, response) => {
    const isProgram = url === "/program.js";
    response.setHeader("content-type", isProgram ? "text/javascript" : "text/html");
    if (policy !== undefined) response.setHeader("content-security-policy", policy);
    response.end(isProgram ? program : `<!doctype html><script src="/program.js"></script>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = pathToFileURL(installed.resolve("playwright-core")).href;
  const { default: driver } = (await import(url)) as { default: Driver };
  const browser = await driver.chromium.launch({
    executablePath: await chromiumProgram(),
    args: ["--no-sandbox", "--no-zygote", "--disable-gpu"],
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    run: async (task) => (await page.evaluate(`run(${JSON.stringify(task)})`)) as Report,
    async close() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The program in `@sparticuz/chromium`, which has it compressed. */
async function chromiumProgram(): Promise<string> {
  const program = join(folder, "node_modules/.chromium");
  if (existsSync(program)) return program;
  const packed = join(dirname(installed.resolve("@sparticuz/chromium")), "../../bin/chromium.br");
  const part = `${program}-${process.pid}`;
  await pipeline(
    createReadStream(packed),
    createBrotliDecompress(),
    createWriteStream(part, { mode: 0o755 }),
  );
  await rename(part, program);
  return program;
}

/**
 * The runtime of Cloudflare Workers.
 * @param compatibilityDate https://developers.cloudflare.com/workers/configuration/compatibility-dates/
 */
export async function workerd(compatibilityDate: string): Promise<Runtime> {
  const worker = await bundle(
    `export default { async fetch(request) { return Response.json(await run(await request.json())); } };`,
    {
      platform: "neutral",
      conditions: ["workerd", "worker", "browser"],
      mainFields: ["browser", "module", "main"],
      alias: BY_CONDITION,
    },
  );
  const scratch = await mkdtemp(join(tmpdir(), "latchdb-workerd-"));
  await writeFile(join(scratch, "worker.mjs"), worker);
  await writeFile(
    join(scratch, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = (
          modules = [(name = "worker", esModule = embed "worker.mjs")],
          compatibilityDate = "${compatibilityDate}",
          globalOutbound = "network"
        )),
        (name = "network", network = (allow = ["public", "private"]))
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
    );`,
  );
  const child = spawn(
    programOf("workerd", `@cloudflare/workerd-${process.platform}-64`, "bin/workerd"),
    ["serve", "config.capnp", "--control-fd=3"],
    { cwd: scratch, stdio: ["ignore", "inherit", "inherit", "pipe"] },
  );
  const port = await portOf(child);
  return {
    async run(task) {
      const body = JSON.stringify(task);
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
      const answer = await response.text();
      if (!response.ok) throw new Error(`workerd has answered ${response.status}: ${answer}`);
      return JSON.parse(answer) as Report;
    },
    async close() {
      await end(child);
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** https://github.com/cloudflare/workerd/blob/main/src/workerd/server/server.h: what --control-fd says. */
async function portOf(child: ChildProcess): Promise<number> {
  const lines = createInterface({ input: child.stdio[3] as Readable });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`workerd has ended (${code}) before it listened`);
  });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  return (JSON.parse(line) as { port: number }).port;
}

/** Deno. */
export async function deno(): Promise<Runtime> {
  const program = programOf("deno", `@deno/${process.platform}-${process.arch}-glibc`, "deno");
  return await commandLine("Deno.args[0]", program, [
    "run",
    "--no-prompt",
    "--allow-net=127.0.0.1",
  ]);
}

/** Bun. */
export async function bun(): Promise<Runtime> {
  const url = new URL("../../../scripts/setup/bun.mjs", import.meta.url).href;
  const { findBun } = (await import(url)) as {
    findBun(): Promise<{ path: string } | undefined>;
  };
  const found = await findBun();
  if (found === undefined) throw new Error("the package bun has no program for this platform");
  return await commandLine("process.argv[2]", found.path, ["run"]);
}

/** A runtime that is a program, which takes the bundle's path behind some arguments. */
async function commandLine(argument: string, program: string, options: string[]): Promise<Runtime> {
  const bundled = await bundle(`console.log(JSON.stringify(await run(JSON.parse(${argument}))));`, {
    platform: "neutral",
    conditions: ["deno", "bun", "import", "module"],
  });
  const scratch = await mkdtemp(join(tmpdir(), "latchdb-runtime-"));
  const file = join(scratch, "program.mjs");
  await writeFile(file, bundled);
  return {
    async run(task) {
      const child = spawn(program, [...options, file, JSON.stringify(task)], {
        cwd: scratch,
        env: { ...process.env, DENO_DIR: scratch, DENO_NO_UPDATE_CHECK: "1" },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
      if (code !== 0) throw new Error(`${program} has ended with exit code ${code}`);
      return JSON.parse(output) as Report;
    },
    close: () => rm(scratch, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** The program in the package of this platform, on which a wrapper depends. */
function programOf(wrapper: string, platform: string, file: string): string {
  const from = createRequire(installed.resolve(`${wrapper}/package.json`));
  return join(dirname(from.resolve(`${platform}/package.json`)), file);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}

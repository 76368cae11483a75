/** Empty projects, into which packages are installed, and whose programs are run. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ExecutionContext } from "ava";
import { binding, main, root } from "./packages.mjs";
import { type Registry, startRegistry } from "./registry.mjs";

/** What a program printed, and how it ended. */
export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

const MINUTES = 3;

const scripts = pathToFileURL(`${root}scripts/`).href;
const { findBun } = (await import(`${scripts}setup/bun.mjs`)) as {
  findBun(): Promise<{ path: string } | undefined>;
};
const { npm } = (await import(`${scripts}support/tools.mjs`)) as {
  npm(): [string, ...string[]];
};

/** Bun's program; undefined on a platform that it does not run on. */
export const bun = (await findBun())?.path;

export const node = process.execPath;

/** A folder with a package.json, which knows the registry with our packages. */
export class Project {
  readonly directory: string;
  readonly #registry: Registry;

  constructor(directory: string, registry: Registry) {
    this.directory = directory;
    this.#registry = registry;
  }

  /** Writes a file: objects as JSON. */
  async write(path: string, contents: string | object): Promise<void> {
    const file = join(this.directory, path);
    await mkdir(dirname(file), { recursive: true });
    const text = typeof contents === "string" ? contents : JSON.stringify(contents, null, 2);
    await writeFile(file, text);
  }

  /** Copies a file or folder of `__test__/packaging/programs/` into the project's folder. */
  async copyProgram(name: string): Promise<void> {
    await cp(join(root, "__test__/packaging/programs", name), join(this.directory, name), {
      recursive: true,
    });
  }

  /** Copies what is in a folder of `__test__/packaging/programs/` into the project's folder. */
  async copyContents(name: string): Promise<void> {
    const source = join(root, "__test__/packaging/programs", name);
    await cp(source, this.directory, { recursive: true });
  }

  /** npm, with scripts blocked. */
  async npm(...args: string[]): Promise<Output> {
    const [command, ...first] = npm();
    return this.succeed(command, [
      ...first,
      ...args,
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      `--registry=${this.#registry.url}`,
    ]);
  }

  /** A program of an installed package, by npx. */
  async npx(...args: string[]): Promise<Output> {
    const [command, ...first] = npm();
    return this.succeed(command, [...first, "exec", "--no", "--", ...args]);
  }

  /** The tarballs of the main package and of this platform's, with npm and the usual registry. */
  async addTarballs(): Promise<Output> {
    const [command, ...first] = npm();
    const tarballs = [main.path, binding.path];
    return this.succeed(command, [...first, "install", ...tarballs, "--ignore-scripts"]);
  }

  /** pnpm, which blocks scripts by itself, and fails where a package has some. */
  async pnpm(...args: string[]): Promise<Output> {
    const store = join(this.directory, "../pnpm-store");
    const options = [`--registry=${this.#registry.url}`, `--store-dir=${store}`];
    return this.succeed(node, [join(root, "node_modules/pnpm/bin/pnpm.mjs"), ...args, ...options]);
  }

  /** Bun as package manager: it blocks scripts by itself. */
  async bun(...args: string[]): Promise<Output> {
    if (bun === undefined) throw new Error("there is no Bun for this platform");
    return this.succeed(bun, [...args, `--registry=${this.#registry.url}`]);
  }

  /** Runs a program that must end well. */
  async succeed(command: string, args: string[], env?: NodeJS.ProcessEnv): Promise<Output> {
    const output = await this.run(command, args, env);
    if (output.code !== 0) {
      throw new Error(
        `${command} ${args.join(" ")} ended with ${output.code}\n${output.stdout}${output.stderr}`,
      );
    }
    return output;
  }

  /** Runs a program in the project. */
  run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Output> {
    return new Promise((resolve) => {
      execFile(
        command,
        args,
        {
          cwd: this.directory,
          env: { ...environment(this.directory), ...env },
          timeout: MINUTES * 60_000,
          killSignal: "SIGKILL",
          maxBuffer: 32 * 1024 * 1024,
        },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
          const why = code === -1 ? `\n${error?.message ?? ""}` : "";
          resolve({ code, stdout, stderr: stderr + why });
        },
      );
    });
  }

  /** The same, in another folder. */
  at(directory: string): Project {
    return new Project(directory, this.#registry);
  }

  /** The real folder of an installed package, seen from the project or from one of its packages. */
  async packageFolder(name: string, from = ""): Promise<string> {
    return realpath(join(this.directory, from, "node_modules", name));
  }

  /** The names of all installed packages of a scope, wherever the package manager puts them. */
  installedIn(scope: string): string[] {
    const names = new Set<string>();
    for (const folder of foldersNamed(scope, join(this.directory, "node_modules"))) {
      for (const name of readdirSync(folder)) names.add(`${scope}/${name}`);
    }
    return [...names].sort();
  }

  /** Takes out what was installed, and what was noted about it. */
  async clear(): Promise<void> {
    for (const name of ["node_modules", "package-lock.json"]) {
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }

  /** Changes members of a file with JSON in it. */
  async edit(path: string, changes: object): Promise<void> {
    const contents = JSON.parse(await readFile(join(this.directory, path), "utf8")) as object;
    await this.write(path, { ...contents, ...changes });
  }
}

/** A project in a folder of its own; both are gone when the test ends. */
export async function newProject(t: ExecutionContext, manifest: object = {}): Promise<Project> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "latchdb-packaging-")));
  const registry = await startRegistry();
  t.teardown(async () => {
    await registry.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const project = new Project(join(directory, "project"), registry);
  await project.write("package.json", { name: "project", private: true, ...manifest });
  return project;
}

/** The bytes of a folder's files. */
export function unpackedSize(folder: string): number {
  let size = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) size += readFileSync(join(entry.parentPath, entry.name)).length;
  }
  return size;
}

/** Without what `npm test` tells the programs that it runs, and without a cache that is shared. */
function environment(directory: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|pnpm_|NAPI_RS_|NODE_OPTIONS|NODE_V8_COVERAGE|AVA_)/i.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    // Bun's cache goes by name and version, and ours are the same every time.
    BUN_INSTALL_CACHE_DIR: join(directory, "../bun-cache"),
    CI: "1",
  };
}

function foldersNamed(name: string, under: string): string[] {
  if (!existsSync(under)) return [];
  const found: string[] = [];
  for (const entry of readdirSync(under, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory() && entry.name === name && entry.parentPath.endsWith("node_modules")) {
      found.push(join(entry.parentPath, name));
    }
  }
  return found;
}

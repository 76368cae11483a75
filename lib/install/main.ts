#!/usr/bin/env node
/**
 * `npx latchdb-install`: installs the binary for this platform if no package has brought it. It never
 * runs by itself.
 */
import { parseArgs } from "node:util";
import { buildFromSource } from "./build";
import { InstallError } from "./command";
import { fetchRelease } from "./fetch";
import { manifest } from "./manifest";
import { findWorking, putInPlace } from "./place";
import { Staging } from "./staging";
import { currentPlatform, tripleOf } from "../addon/platform";

const USAGE = `Usage: latchdb-install [--host <url>] [--build-from-source]

Puts the binary for this platform beside latchdb's own files, where its loader finds it.

  --host <url>          fetch <url>/v${manifest.version}/<asset> instead of the release's asset
  --build-from-source   build it here; needs Rust (cargo) and a C compiler
  --help                print this

Exit code: 0 if the binary is there and works, 1 if it could not be installed, 2 if the arguments are
wrong.`;

/** The options, or undefined if the command line is wrong. */
function readArguments(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        host: { type: "string" },
        "build-from-source": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return { host: values.host, fromSource: values["build-from-source"], help: values.help };
  } catch (error) {
    console.error(`latchdb-install: ${(error as Error).message}\n\n${USAGE}`);
    return undefined;
  }
}

interface Options {
  host: string | undefined;
  fromSource: boolean;
  help: boolean;
}

async function install({ host, fromSource }: Options): Promise<void> {
  const triple = tripleOf(currentPlatform());
  say(`latchdb ${manifest.version} for ${triple}`);
  if (!fromSource && (await findWorking())) {
    say("a working binary is there already: nothing to do");
    return;
  }
  const staging = new Staging();
  // Ctrl-C ends the child process. This process goes on, to remove the staging folder.
  process.on("SIGINT", () => undefined);
  try {
    const binary = fromSource
      ? await buildFromSource(staging, triple, say)
      : await fetchRelease(staging, triple, host, say);
    say(`ready: ${await putInPlace(binary, triple)}`);
  } finally {
    staging.remove();
  }
}

function say(line: string): void {
  console.log(`latchdb-install: ${line}`);
}

async function main(): Promise<number> {
  const options = readArguments();
  if (options === undefined) return 2;
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  try {
    await install(options);
    return 0;
  } catch (error) {
    console.error(error instanceof InstallError ? `latchdb-install: ${error.message}` : error);
    return 1;
  }
}

void main().then((code) => (process.exitCode = code));

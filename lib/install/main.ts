#!/usr/bin/env node
/**
 * `npx latchdb-install`: gets the binary for this platform where no package has brought it. It never
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

Exits with 0 when the binary is there and works, with 1 when it could not be had, with 2 when it was
called wrongly.`;

/** The command line, or undefined where it asks for nothing that there is. */
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
    say("a binary that works is there already: nothing to do");
    return;
  }
  const staging = new Staging();
  // Who presses Ctrl-C ends the program that works for us; what it left is cleared away here.
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

import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { root } from "./root.mjs";

/** How much of a failed command's output is worth reading. */
const TAIL_LINES = 80;
/** How long a command's output may stay open after its end: a child that it left may hold it. */
const OUTPUT_GRACE_MS = 3_000;
/** How often a sign of life is printed: often to a person, seldom to a log. */
const HEARTBEAT_MS = process.stdout.isTTY ? 1_000 : 30_000;

/**
 * What became of a command.
 * @typedef {{ code: number, lines: string[], problem?: string }} Outcome
 *
 * @typedef {object} RunOptions
 * @property {(line: string) => void} [onLine] is given the lines of stdout; they are not printed
 * @property {() => string} [describe] what a sign of life says; without it: the command
 * @property {number} [minutes] when to give up (15)
 * @property {Record<string, string>} [env] variables of the environment, beside those that are there
 */

/**
 * Runs a command in the checkout. Its output is kept, since two commands may run side by side; a sign
 * of life is printed instead.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export async function run(command, args, { onLine, describe, minutes = 15, env } = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = settle(child);
  const lines = [];
  const stopHeartbeat = startHeartbeat(describe ?? (() => args.join(" ")));
  const keep = (line) => lines.push(line);
  const read = [readLines(child.stdout, onLine ?? keep), readLines(child.stderr, keep)];
  const deadline = setTimeout(() => child.kill("SIGKILL"), minutes * 60_000);

  const outcome = await ended;
  clearTimeout(deadline);
  await Promise.race([Promise.all(read), graceAfter(child)]);
  stopHeartbeat();
  if (outcome.signal === "SIGKILL") outcome.problem = `was stopped after ${minutes} minutes`;
  return { code: outcome.code, lines, problem: outcome.problem };
}

/** Like {@link run}, and prints the end of the output where the command fails. */
export async function runOrExplain(command, args, options) {
  const outcome = await run(command, args, options);
  if (outcome.code !== 0) explain(outcome);
  return outcome;
}

/** Prints the end of a failed command's output. @param {Outcome} outcome */
export function explain({ lines, problem }) {
  if (problem !== undefined) console.log(`     ${problem}`);
  for (const line of lines.slice(-TAIL_LINES)) console.log(`     ${line}`);
}

/**
 * The output of a command that answers at once, or undefined where it is missing or fails.
 *
 * @param {string} command
 * @param {string[]} args
 */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** Prints signs of life, on a terminal all in one line. Answers what ends them. */
function startHeartbeat(describe) {
  const [erase, end] = process.stdout.isTTY ? ["\r\x1b[K", ""] : ["", "\n"];
  const start = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - start) / 1_000);
    process.stdout.write(`${erase}     … ${describe()} (${seconds} s)${end}`);
  }, HEARTBEAT_MS);
  return () => {
    clearInterval(timer);
    process.stdout.write(erase);
  };
}

function settle(child) {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 1, problem: error.message }));
    child.once("exit", (code, signal) => resolve({ code: code ?? 1, signal }));
  });
}

function readLines(stream, onLine) {
  const reader = createInterface({ input: stream, crlfDelay: Infinity });
  reader.on("line", onLine);
  return new Promise((resolve) => reader.once("close", resolve));
}

function graceAfter(child) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve();
    }, OUTPUT_GRACE_MS);
    timer.unref();
  });
}

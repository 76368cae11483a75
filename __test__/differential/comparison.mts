/** Plays scripts on both packages and finds what differs, beyond what COMPAT.md says. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, isDeepStrictEqual } from "node:util";
import { createClient } from "latchdb";
import { knownDifferences } from "./known-differences.mjs";
import { play } from "./player.mjs";
import type { Observation, Played, Script, Step } from "./script.mjs";
import type { StockClient } from "./stock.mjs";

export interface Comparison {
  /** What differs and is not explained, for a person to read; undefined where nothing is. */
  difference: string | undefined;
  /** The names of the known differences that were seen. */
  known: Set<string>;
}

/** Plays a script on both. */
export async function compare(stock: StockClient, script: Script): Promise<Comparison> {
  const [ofStock, ours] = await Promise.all([
    inDirectory((directory) => stock.play(script, directory)),
    inDirectory(async (directory): Promise<Played> => {
      return { observations: await play(createClient, script, directory) };
    }),
  ]);
  const known = new Set<string>();
  if (isDeepStrictEqual(ofStock, ours)) return { difference: undefined, known };
  if ("died" in ofStock || "died" in ours) {
    const explained = knownDifferences.find(
      ({ stockDies }) => stockDies !== undefined && script.steps.some(stockDies),
    );
    if (explained === undefined) return { difference: `stock: ${inspect(ofStock)}`, known };
    known.add(explained.name);
    return { difference: undefined, known };
  }
  for (const [index, step] of script.steps.entries()) {
    const pair = { stock: ofStock.observations[index], ours: ours.observations[index] };
    if (!isComplete(pair)) return { difference: "an answer is missing", known };
    const difference = differenceOf(step, pair, index, known);
    if (difference !== undefined) return { difference, known };
    const spoiling = knownDifferences.find(({ spoilsStock }) => spoilsStock?.(pair.stock, step));
    if (spoiling !== undefined) {
      known.add(spoiling.name);
      break;
    }
  }
  return { difference: undefined, known };
}

/** What both packages did at the same step. */
export interface Pair {
  stock: Observation;
  ours: Observation;
}

function isComplete(pair: Partial<Pair>): pair is Pair {
  return pair.stock !== undefined && pair.ours !== undefined;
}

function differenceOf(
  step: Step,
  pair: Pair,
  index: number,
  known: Set<string>,
): string | undefined {
  if (isDeepStrictEqual(pair.stock, pair.ours)) return undefined;
  const left = reconcile(step, structuredClone(pair), known);
  if (left === undefined) return undefined;
  return `step ${index}: ${show(step)}\n${leaves(left.stock, left.ours, "").join("\n")}`;
}

/** Where two answers differ, leaf by leaf. */
function leaves(stock: unknown, ours: unknown, path: string): string[] {
  if (isDeepStrictEqual(stock, ours)) return [];
  if (!isTree(stock) || !isTree(ours)) {
    return [`  ${path}\n    stock: ${show(stock)}\n    ours:  ${show(ours)}`];
  }
  const names = new Set([...Object.keys(stock), ...Object.keys(ours)]);
  return [...names].flatMap((name) => leaves(stock[name], ours[name], `${path}.${name}`));
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof ArrayBuffer);
}

/** Takes the known differences away; undefined where nothing is left. */
function reconcile(step: Step, pair: Pair, known: Set<string>): Pair | undefined {
  if (step.call === "together" && "value" in pair.stock.outcome && "value" in pair.ours.outcome) {
    const [stock, ours] = [pair.stock.outcome.value, pair.ours.outcome.value];
    if ("together" in stock && "together" in ours) {
      for (const [index, inner] of step.steps.entries()) {
        const both = { stock: stock.together[index], ours: ours.together[index] };
        if (!isComplete(both) || reconcile(inner, both, known) !== undefined) return pair;
      }
    }
  } else {
    for (const { name, reconcile: apply } of knownDifferences) {
      const before = structuredClone(pair);
      apply?.(pair, step);
      if (!isDeepStrictEqual(before, pair)) known.add(name);
    }
  }
  return isDeepStrictEqual(pair.stock, pair.ours) ? undefined : pair;
}

async function inDirectory<T>(action: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "latchdb-differential-"));
  try {
    return await action(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: 160, maxStringLength: 400 });
}

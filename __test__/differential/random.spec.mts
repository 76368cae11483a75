import { inspect } from "node:util";
import test from "ava";
import fc from "fast-check";
import { compare } from "./comparison.mjs";
import { script } from "./script-arbitrary.mjs";
import { StockClient } from "./stock.mjs";

/**
 * The same scripts in every run, so that a failure is the fault of what was changed.
 * DIFFERENTIAL_RUNS asks for that many, with a seed of their own or DIFFERENTIAL_SEED.
 */
const { DIFFERENTIAL_RUNS, DIFFERENTIAL_SEED } = process.env;
const numRuns = Number(DIFFERENTIAL_RUNS ?? 200);
const fixedSeed =
  DIFFERENTIAL_RUNS === undefined ? 20_240_506 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(DIFFERENTIAL_SEED ?? fixedSeed);

const stock = new StockClient();
test.after.always(() => stock.stop());

test("both answer the same to random scripts", async (t) => {
  t.timeout(numRuns * 1000);
  t.log(`${numRuns} scripts, seed ${seed}`);
  const failures: string[] = [];
  const property = fc.asyncProperty(script, async (each) => {
    const { difference } = await compare(stock, each);
    if (difference === undefined) return true;
    failures.push(difference);
    return false;
  });
  const details = await fc.check(property, { seed, numRuns });
  const { failed, counterexamplePath, counterexample } = details;
  const [shrunk] = counterexample ?? [];
  const inWords = `${failures.at(-1)}\nseed ${seed}, path ${counterexamplePath}\n${show(shrunk?.steps)}`;
  t.false(failed, inWords);
  t.is(details.numRuns, numRuns);
});

function show(steps: unknown): string {
  return inspect(steps, { depth: 8, breakLength: 120 });
}

import test from "ava";
import { cases } from "./cases.mjs";
import { compare } from "./comparison.mjs";
import { knownDifferences } from "./known-differences.mjs";
import { StockClient } from "./stock.mjs";

const stock = new StockClient();
test.after.always(() => stock.stop());

const seen = new Set<string>();

for (const { title, steps, database = "file", config = {} } of cases) {
  test.serial(`both answer the same: ${title}`, async (t) => {
    const { difference, known } = await compare(stock, { database, config, steps });
    for (const name of known) seen.add(name);
    t.is(difference, undefined);
  });
}

test.serial("every known difference is there", (t) => {
  const here = knownDifferences.filter(({ ofV8 }) => !(ofV8 && "bun" in process.versions));
  for (const each of knownDifferences) {
    if (!here.includes(each)) t.log(`Not asked for: "${each.name}" is a text of V8, this is Bun`);
  }
  const unseen = here.filter(({ name }) => !seen.has(name));
  t.deepEqual(
    unseen.map(({ name }) => name),
    [],
    "A known difference that no case shows any more: take its rule away, and its row of COMPAT.md",
  );
});

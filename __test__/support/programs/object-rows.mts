/** Run with --disallow-code-generation-from-strings: prints plain objects that were made without it. */
import { createClient } from "latchdb";

const client = createClient({ url: ":memory:", rowMode: "object" });
const result = await client.execute(
  `with recursive n(i) as (select 1 union all select i + 1 from n limit 500)
   select i, i * 2 as "__proto__", 'x' as toString, i as i from n`,
);
const { rows } = result;
console.log(
  JSON.stringify({
    rows: rows.length,
    arePlain: rows.every((row) => Object.getPrototypeOf(row) === Object.prototype),
    last: Object.entries(rows.at(-1) ?? {}),
    json: (result.toJSON() as { rows: unknown[] }).rows.at(-1),
  }),
);
client.close();

/** Run with --disallow-code-generation-from-strings: prints rows that were made without it. */
import { createClient } from "latchdb";

const client = createClient({ url: ":memory:" });
const { rows } = await client.execute(
  `with recursive n(i) as (select 1 union all select i + 1 from n limit 500)
   select i, i * 2 as "__proto__", 'x' as toString, i as i from n`,
);
const last = rows[499];
console.log(
  JSON.stringify([
    rows.length,
    Object.keys(last ?? {}),
    last?.[0],
    last?.[1],
    last?.[3],
    last?.length,
  ]),
);
client.close();

/** Opens a client in an `exit` listener that was added before ours, after ours, or without ours. */
import { createClient } from "latchdb";

const [file = "", way = "", listener = ""] = process.argv.slice(2);

function openLate(): void {
  const client = createClient({ url: `file:${file}` });
  client.execute("select * from t").catch(() => undefined);
  client.transaction("write").catch(() => undefined);
  // The calls run meanwhile; nothing can await them here.
  const until = performance.now() + 50;
  while (performance.now() < until);
}

if (listener === "before ours") process.on("exit", openLate);
if (listener !== "alone") await createClient({ url: ":memory:" }).execute("select 1");
if (listener !== "before ours") process.on("exit", openLate);

switch (way) {
  case "exit":
    process.exit(7);
  case "throw":
    setImmediate(() => {
      throw new Error("thrown on purpose");
    });
}
